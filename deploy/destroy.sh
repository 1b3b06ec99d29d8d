# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Takes down what deploy.sh made, events first, so that nothing calls what is gone. The bucket, its objects, the database and
# its documents stay, as do the APIs and the role of Cloud Storage's own agent, which others may need.

destroy_all() {
  DRY_FOUND=0
  ask "This removes the triggers (with the events that wait), the function, the OCR service and its images, the sweep, the
alerts, the dashboard and the accounts of '$NAME' in $PROJECT_ID. It leaves gs://$BUCKET and the documents as they are." "$NAME"
  destroy_triggers
  remove "pubsub subscriptions" "$TOPIC"
  remove "pubsub topics" "$TOPIC"
  remove "scheduler jobs" "$SWEEP" --location="$REGION"
  remove "run services" "$FUNCTION" --region="$REGION"
  remove "run services" "$GPU" --region="$REGION"
  remove "artifacts repositories" "$NAME" --location="$REGION"
  remove "monitoring dashboards" "$NAME"
  destroy_alerts
  destroy_metrics
  destroy_accounts
}

# remove GROUP NAME FLAGS... deletes one thing where it is there.
remove() {
  local group name=$2
  read -ra group <<<"$1"
  shift 2
  if found gcloud "${group[@]}" describe "$name" --project="$PROJECT_ID" "$@" '--format=value(name)'; then
    change gcloud "${group[@]}" delete "$name" --project="$PROJECT_ID" "$@" --quiet --format=none
  fi
}

destroy_triggers() {
  local place=$BUCKET_LOCATION kind
  if found gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value(location)'; then
    place=${ANSWER:-$place}
  fi
  for kind in finalized deleted archived; do
    remove "eventarc triggers" "$NAME-$kind" --location="${place,,}"
  done
}

destroy_alerts() {
  local id
  for id in $(look "projects/$PROJECT_ID/alertPolicies/0" gcloud alpha monitoring policies list --project="$PROJECT_ID" \
    --filter="userLabels.bucketocr=$NAME" '--format=value(name)'); do
    change gcloud alpha monitoring policies delete "$id" --project="$PROJECT_ID" --quiet --format=none
  done
  remove "logging metrics" "$METRIC"
}

# destroy_accounts takes the roles away first: a binding of an account that is gone stays in the policy for ever.
destroy_accounts() {
  local ours=("$FUNCTION_ACCOUNT" "$TRIGGER_ACCOUNT" "$SWEEP_ACCOUNT" "$GPU_ACCOUNT" "$BUILDER_ACCOUNT" "$PIPELINE_ACCOUNT")
  local there address
  there=$(look "$(printf '%s\n' "${ours[@]}")" gcloud iam service-accounts list --project="$PROJECT_ID" '--format=value(email)')
  revoke_all "projects" "$PROJECT_ID" "roles/datastore.user serviceAccount:$FUNCTION_ACCOUNT"
  if found gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value(name)'; then
    revoke_all "storage buckets" "gs://$BUCKET" "roles/storage.objectViewer serviceAccount:$FUNCTION_ACCOUNT"
  fi
  for address in "${ours[@]}"; do
    if grep -Fxq "$address" <<<"$there"; then
      change gcloud iam service-accounts delete "$address" --project="$PROJECT_ID" --quiet --format=none
    fi
  done
}

# revoke_all GROUP THING DRY-ANSWER takes from a policy every role of an account of ours.
revoke_all() {
  local group policy role member
  read -ra group <<<"$1"
  policy=$(look "$3" gcloud "${group[@]}" get-iam-policy "$2" "${BINDINGS[@]}")
  while read -r role member _; do
    case $member in
      "serviceAccount:$FUNCTION_ACCOUNT" | "serviceAccount:$TRIGGER_ACCOUNT" | "serviceAccount:$SWEEP_ACCOUNT" | \
        "serviceAccount:$GPU_ACCOUNT" | "serviceAccount:$BUILDER_ACCOUNT" | "serviceAccount:$PIPELINE_ACCOUNT")
        change gcloud "${group[@]}" remove-iam-policy-binding "$2" --member="$member" --role="$role" --all --format=none
        ;;
    esac
  done <<<"$policy"
}
