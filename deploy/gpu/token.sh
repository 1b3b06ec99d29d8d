#!/usr/bin/env bash
# token.sh FILE puts the secret SECRET (NAME:VERSION of Secret Manager), or nothing where none is named, into FILE.
set -euo pipefail
: >"$1"
[ -z "${SECRET:-}" ] ||
  gcloud secrets versions access "${SECRET#*:}" --secret="${SECRET%%:*}" --project="$PROJECT" >"$1"
