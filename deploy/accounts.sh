# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The service accounts, one for each part, and their roles on the project.

MADE=" " # those already handled by this run

make_accounts() { # make_accounts ADDRESS...
  local there address
  step "service accounts"
  there=$(look '' gcloud iam service-accounts list --project="$PROJECT_ID" '--format=value(email)')
  for address in "$@"; do
    [[ $MADE != *" $address "* ]] || continue
    MADE+="$address "
    # one that an interrupted run has just created may not be in the list yet
    has_line "$there" "$address" || MAY_EXIST=yes change gcloud iam service-accounts create "${address%%@*}" \
      --project="$PROJECT_ID" --display-name="bucketocr: $(purpose "$address")" --format=none
    grant_own_roles "$address"
  done
}

purpose() {
  case $1 in
    "$FUNCTION_ACCOUNT") echo 'the function runs as this' ;;
    "$TRIGGER_ACCOUNT") echo 'Eventarc and Pub/Sub call the function as this' ;;
    "$SWEEP_ACCOUNT") echo 'Cloud Scheduler calls the function as this' ;;
    "$GPU_ACCOUNT") echo 'the OCR service runs as this, without permissions' ;;
    "$BUILDER_ACCOUNT") echo 'builds the images' ;;
    "$PIPELINE_ACCOUNT") echo 'cloudbuild.yaml runs as this' ;;
  esac
}

grant_own_roles() {
  case $1 in
    "$FUNCTION_ACCOUNT") grant_database "$1" ;;
    "$TRIGGER_ACCOUNT") grant_project "$1" roles/eventarc.eventReceiver ;;
    "$BUILDER_ACCOUNT") grant_project "$1" roles/run.builder ;;
  esac
}
