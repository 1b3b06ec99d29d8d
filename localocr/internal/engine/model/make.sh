#!/bin/sh
# Makes eng.traineddata of this folder from the one of Debian's tesseract-ocr-eng, by leaving out
# the word list, nine tenths of it. Needs combine_tessdata (Debian: tesseract-ocr).
# Usage: make.sh [FROM]
set -eu

from=${1:-/usr/share/tesseract-ocr/5/tessdata/eng.traineddata}
here=$(cd "$(dirname "$0")" && pwd)
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

combine_tessdata -u "$from" "$parts/eng."
rm "$parts/eng.lstm-word-dawg"
combine_tessdata "$parts/eng."
mv "$parts/eng.traineddata" "$here/eng.traineddata"
sha256sum "$here/eng.traineddata"
