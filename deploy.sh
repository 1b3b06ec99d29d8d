#!/usr/bin/env bash
# Deploys bucketocr to a Google Cloud project. ./deploy.sh --help explains how; every step has a file in deploy/.
set -euo pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  echo "deploy.sh needs bash 4.4 or newer; this is $BASH_VERSION" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")"

for file in command settings access services accounts bucket database gpu function trigger notify backfill sweep metrics alerts dashboard sample \
  smoke summary order rules pipeline check destroy; do
  # shellcheck source=/dev/null # each is checked separately
  . "deploy/$file.sh"
done

usage() {
  cat <<'TEXT'
Usage: PROJECT_ID=... REGION=... ./deploy.sh [OPTIONS] COMMAND

Commands
  all        the OCR service on a GPU (none with OCR_URL), then the function; a smoke test and a summary
  gpu        the OCR service alone: image, account, Cloud Run service
  function   everything else: bucket, database, function, triggers, sweep, alerts, dashboard; smoke test, summary
  build      the service account of cloudbuild.yaml, and its roles
  rules      deploys deploy/firestore.rules to the database, after showing the rules that they replace and asking
  destroy    removes what the others created, after asking; never the bucket, its objects, the database or its documents

Options
  --check    only reports what is missing (programs, APIs, roles, locations, quota) and how to get it
  --dry-run  prints every command for an empty project, one per line, and runs none
  --no-smoke skips the smoke test
  --yes      answers yes to every question
  --help     this text

Every command can be repeated at any time: what exists and is right is left alone, what an interrupted run left is completed.

TEXT
  settings_help
}

# shellcheck disable=SC2034 # the files of deploy/ read the variables set by options
main() {
  local command='' check=''
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage; return ;;
      --check) check=yes ;;
      --dry-run) DRY_RUN=yes ;;
      --no-smoke) SMOKE=no ;;
      --yes) YES=yes ;;
      all | gpu | function | build | rules | destroy)
        [ -z "$command" ] || wrong "one command at a time: $command or $1"
        command=$1
        ;;
      *) wrong "unknown command or option '$1'; ./deploy.sh --help lists them" ;;
    esac
    shift
  done
  [ -n "$command$check" ] || { usage >&2; return 2; }

  if [ -n "$check" ]; then
    read_settings check
    check_all
    return
  fi
  read_settings "$command"
  need_programs
  case $command in
    all) deploy_all ;;
    gpu) deploy_gpu ;;
    function) deploy_function ;;
    build) deploy_build_account ;;
    rules) send_rules ;;
    destroy) destroy_all ;;
  esac
  report_failures
  [ -z "$DRY_RUN" ] || say 'none of this was run'
}

main "$@"
