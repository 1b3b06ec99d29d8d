#!/usr/bin/env bash
# Runs the checks on a Cloud Build machine, a Debian with Go, as root:
#   checks.sh quick   vet, the tests that need only Go, shell scripts: takes minutes, and gates a push
#   checks.sh all     .ci/run, after installing what it needs besides Go
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
GCLOUD=528.0.0-0 # the version known to the tests

# The machine has a service account; tests must not use it.
export CLOUDSDK_CORE_CHECK_GCE_METADATA=false

git config --global --add safe.directory "$PWD" # the checkout may belong to another user
apt-get update -qq

quick() {
  apt-get install -y -qq shellcheck >/dev/null
  go vet ./...
  git ls-files -z '*.sh' .ci/run .ci/tests | xargs -0 shellcheck
  go test ./...
}

all() {
  apt-get install -y -qq ca-certificates curl default-jre-headless git gnupg jq python3 python3-pip python3-venv shellcheck >/dev/null
  curl --silent --show-error --fail https://packages.cloud.google.com/apt/doc/apt-key.gpg |
    gpg --dearmor --yes -o /usr/share/keyrings/cloud.google.gpg
  echo 'deb [signed-by=/usr/share/keyrings/cloud.google.gpg] https://packages.cloud.google.com/apt cloud-sdk main' \
    >/etc/apt/sources.list.d/google-cloud-sdk.list
  apt-get update -qq
  apt-get install -y -qq "google-cloud-cli=$GCLOUD" "google-cloud-cli-firestore-emulator=$GCLOUD" \
    "google-cloud-cli-pubsub-emulator=$GCLOUD" >/dev/null
  .ci/run
}

case ${1:-} in
  quick) quick ;;
  all) all ;;
  *) echo "usage: checks.sh quick | all" >&2; exit 2 ;;
esac
