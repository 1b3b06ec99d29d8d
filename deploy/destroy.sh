# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Removes everything that deploy.sh created, even by an interrupted run; sources of events first, so that nothing calls
# a deleted service. The bucket, its objects, the database and its documents remain, as do the APIs and the role of
# Cloud Storage's own agent, which others may need. docs/deploy.md lists what remains.

destroy_all() {
  DRY_FOUND=0
  DISABLED_IS_ABSENT=yes # an API that was never enabled has no resources of ours
  ask "This removes the triggers (with the events that wait), the function, the OCR service and its images, the sweep, the
alerts, the dashboard and the accounts of '$NAME' in $PROJECT_ID. It leaves gs://$BUCKET and the documents as they are." "$NAME"
  destroy_triggers
  remove "pubsub subscriptions" "$TOPIC"
  remove "pubsub topics" "$TOPIC"
  remove "scheduler jobs" "$SWEEP" --location="$REGION"
  remove "scheduler jobs" "$RECONCILE" --location="$REGION"
  remove "run services" "$FUNCTION" --region="$REGION"
  remove "run services" "$GPU" --region="$REGION"
  destroy_images
  remove "monitoring dashboards" "$NAME"
  destroy_alerts
  destroy_metrics
  destroy_accounts
  say_done "'$NAME' is removed. gs://$BUCKET and the database $FIRESTORE_DATABASE remain unchanged: docs/deploy.md has the commands that delete them, and lists what else remains"
}

# remove GROUP NAME FLAGS... deletes one resource if it exists.
remove() {
  local group name=$2
  read -ra group <<<"$1"
  shift 2
  if found gcloud "${group[@]}" describe "$name" --project="$PROJECT_ID" "$@" '--format=value(name)'; then
    change gcloud "${group[@]}" delete "$name" --project="$PROJECT_ID" "$@" --quiet --format=none
  fi
}

# all_of DRY-ANSWER COMMAND... sets ANSWER to a command's list: empty if its API is not enabled.
all_of() {
  DRY_ANSWER=$1
  shift
  found "$@" || true
  DRY_ANSWER=''
}

# destroy_triggers searches all locations: the bucket, which determines the triggers' location, may be gone.
destroy_triggers() {
  local place name mark kind
  all_of "$(printf "$REGION $NAME-%s x\n" finalized deleted archived)" gcloud eventarc triggers list --project="$PROJECT_ID" \
    --location=- '--format=value[separator=" "](name.segment(3),name.basename(),labels.bucketocr_input)'
  while read -r place name mark; do
    for kind in finalized deleted archived; do
      if [ "$name" = "$NAME-$kind" ] && [ -n "$mark" ]; then
        change gcloud eventarc triggers delete "$name" --project="$PROJECT_ID" --location="$place" --quiet --format=none
      fi
    done
  done <<<"$ANSWER"
}

# destroy_images removes our package, and the repository if a deploy created it and it is otherwise empty.
destroy_images() {
  local place=(--project="$PROJECT_ID" --location="$REGION") made
  DRY_ANSWER=$NAME
  if ! found gcloud artifacts repositories describe "$NAME" "${place[@]}" '--format=value(labels.bucketocr_made)'; then
    return
  fi
  made=$ANSWER
  DRY_ANSWER=''
  if found gcloud artifacts packages describe ocr --repository="$NAME" "${place[@]}" '--format=value(name)'; then
    change gcloud artifacts packages delete ocr --repository="$NAME" "${place[@]}" --quiet --format=none
  fi
  all_of '' gcloud artifacts packages list --repository="$NAME" "${place[@]}" '--format=value(name)'
  if [ "$made" = "$NAME" ] && [ -z "$ANSWER" ]; then
    change gcloud artifacts repositories delete "$NAME" "${place[@]}" --quiet --format=none
  else
    say "the repository $NAME in $REGION remains: others use it, too"
  fi
}

destroy_alerts() {
  local id
  all_of "projects/$PROJECT_ID/alertPolicies/0" gcloud alpha monitoring policies list --project="$PROJECT_ID" \
    --filter="userLabels.bucketocr=$NAME" '--format=value(name)'
  for id in $ANSWER; do
    change gcloud alpha monitoring policies delete "$id" --project="$PROJECT_ID" --quiet --format=none
  done
}

# destroy_accounts revokes the roles first: bindings of a deleted account would stay in the policy for ever.
destroy_accounts() {
  OURS=("$FUNCTION_ACCOUNT" "$TRIGGER_ACCOUNT" "$SWEEP_ACCOUNT" "$GPU_ACCOUNT" "$BUILDER_ACCOUNT" "$PIPELINE_ACCOUNT")
  local address secret
  revoke_all "projects" "$PROJECT_ID" "roles/datastore.user serviceAccount:$FUNCTION_ACCOUNT"
  if found gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value(name)'; then
    revoke_all "storage buckets" "gs://$BUCKET" "roles/storage.objectViewer serviceAccount:$FUNCTION_ACCOUNT"
  fi
  for secret in "${OCR_API_KEY_SECRET%%:*}" "${HF_TOKEN_SECRET%%:*}"; do
    if [ -n "$secret" ] && found gcloud secrets describe "$secret" --project="$PROJECT_ID" '--format=value(name)'; then
      revoke_all "secrets" "$secret" "roles/secretmanager.secretAccessor serviceAccount:$FUNCTION_ACCOUNT" --project="$PROJECT_ID"
    fi
  done
  if [ -n "$NOTIFY_TOPIC" ] && found gcloud pubsub topics describe "$NOTIFY_TOPIC" --project="$PROJECT_ID" '--format=value(name)'; then
    revoke_all "pubsub topics" "$NOTIFY_TOPIC" "roles/pubsub.publisher serviceAccount:$FUNCTION_ACCOUNT" --project="$PROJECT_ID"
  fi
  for address in "${OURS[@]}"; do
    remove "iam service-accounts" "$address" # one by one: a list may not have the newest yet
  done
}

# revoke_all GROUP THING DRY-ANSWER FLAGS... removes all roles of our accounts from a policy, including accounts deleted
# without their roles. A role with several conditions needs --all, which the command for topics does not have.
revoke_all() {
  local group thing=$2 policy role member address all=(--all)
  [ "$1" != "pubsub topics" ] || all=()
  read -ra group <<<"$1"
  policy=$(look "$3" gcloud "${group[@]}" get-iam-policy "$2" "${@:4}" "${BINDINGS[@]}")
  while read -r role member _; do
    for address in "${OURS[@]}"; do
      if [[ $member = "serviceAccount:$address" || $member = "deleted:serviceAccount:$address?uid="* ]]; then
        change gcloud "${group[@]}" remove-iam-policy-binding "$thing" --member="$member" --role="$role" "${all[@]}" "${@:4}" --format=none
      fi
    done
  done <<<"$(sort -u <<<"$policy")"
}
