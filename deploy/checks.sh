#!/usr/bin/env bash
# All checks on a machine of Cloud Build: what .ci/run expects beside Go, then .ci/run. For a Debian with Go, as root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
GCLOUD=528.0.0-0 # the version whose commands the tests know

apt-get update -qq
apt-get install -y -qq ca-certificates curl default-jre-headless git gnupg jq python3 shellcheck >/dev/null
curl --silent --show-error --fail https://packages.cloud.google.com/apt/doc/apt-key.gpg |
  gpg --dearmor --yes -o /usr/share/keyrings/cloud.google.gpg
echo 'deb [signed-by=/usr/share/keyrings/cloud.google.gpg] https://packages.cloud.google.com/apt cloud-sdk main' \
  >/etc/apt/sources.list.d/google-cloud-sdk.list
apt-get update -qq
apt-get install -y -qq "google-cloud-cli=$GCLOUD" "google-cloud-cli-firestore-emulator=$GCLOUD" >/dev/null

git config --global --add safe.directory "$PWD" # the checkout may belong to another user
.ci/run
