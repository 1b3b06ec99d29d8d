#!/usr/bin/env bash
# token.sh FILE writes the secret SECRET (NAME:VERSION in Secret Manager), or nothing if that is empty, to FILE.
set -euo pipefail
: >"$1"
[ -z "${SECRET:-}" ] ||
  gcloud secrets versions access "${SECRET#*:}" --secret="${SECRET%%:*}" --project="$PROJECT" >"$1"
