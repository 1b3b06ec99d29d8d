# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The triggers, in the bucket's own location, and the ack deadline and message retention of their subscriptions.

# TRIGGERS are the kinds of event that are wanted.
trigger_kinds() {
  TRIGGERS=(finalized)
  [ "$ON_DELETE" = erase ] || return 0
  TRIGGERS+=(deleted)
  if versioned; then
    TRIGGERS+=(archived)
  fi
}

make_triggers() {
  say "== triggers"
  SUBSCRIPTIONS=()
  trigger_kinds
  local kind there
  there=$(look '' gcloud eventarc triggers list --project="$PROJECT_ID" --location="$BUCKET_PLACE" \
    '--format=value[separator=" "](name.basename(),labels.bucketocr_bucket,labels.bucketocr_input)')
  for kind in "${TRIGGERS[@]}"; do
    make_trigger "$kind" "$(grep "^$NAME-$kind " <<<"$there" || true)"
    set_times "$(look "projects/$PROJECT_ID/subscriptions/eventarc-$BUCKET_PLACE-$NAME-$kind-sub-000" \
      gcloud eventarc triggers describe "$NAME-$kind" --project="$PROJECT_ID" --location="$BUCKET_PLACE" \
      '--format=value(transport.pubsub.subscription)')"
  done
  [ "$ON_DELETE" = erase ] || remove_erasing_triggers "$there"
}

# make_trigger KIND "NAME BUCKET-MARK INPUT-MARK". An existing trigger is updated, never made anew: with it would go the
# events that wait in its subscription.
make_trigger() {
  local kind=$1 bucket_mark mark old_bucket old_mark
  local goal=(--destination-run-service="$FUNCTION" --destination-run-region="$REGION" --service-account="$TRIGGER_ACCOUNT")
  bucket_mark=$(fingerprint "$BUCKET")
  mark=$(fingerprint "${goal[@]}")
  read -r _ old_bucket old_mark <<<"$2"
  local labels="bucketocr_bucket=$bucket_mark,bucketocr_input=$mark"
  if [ -z "$2" ]; then
    patiently 'Service Agent|propagat|permission' gcloud eventarc triggers create "$NAME-$kind" --project="$PROJECT_ID" \
      --location="$BUCKET_PLACE" --event-filters="type=google.cloud.storage.object.v1.$kind" \
      --event-filters="bucket=$BUCKET" "${goal[@]}" --labels="$labels" --format=none
  elif [ "$old_bucket" != "$bucket_mark" ]; then
    die "the trigger $NAME-$kind watches another bucket: ./deploy.sh destroy it, or install under another NAME"
  elif [ "$old_mark" != "$mark" ]; then
    change gcloud eventarc triggers update "$NAME-$kind" --project="$PROJECT_ID" --location="$BUCKET_PLACE" \
      "${goal[@]}" --update-labels="$labels" --format=none
  fi
}

# set_times SUBSCRIPTION: Eventarc makes it with an ack deadline of 10 s, so that the platform sends a copy every 10 s while
# the function still works, and keeps an event for 24 h only: one that was never claimed by then has no record for the sweep
# to find, and would be lost.
set_times() {
  [ -n "$1" ] || die 'the trigger has no subscription yet: run this again in a minute'
  SUBSCRIPTIONS+=("${1##*/}")
  local wanted="$ACK_DEADLINE ${EVENT_RETENTION}s"
  local show=(gcloud pubsub subscriptions describe "$1" --project="$PROJECT_ID"
    '--format=value[separator=" "](ackDeadlineSeconds,messageRetentionDuration)')
  [ "$(look '10 86400s' "${show[@]}")" = "$wanted" ] && return
  change gcloud pubsub subscriptions update "$1" --project="$PROJECT_ID" --ack-deadline="$ACK_DEADLINE" \
    --message-retention-duration="${EVENT_RETENTION}s" --format=none
  local now
  now=$(look "$wanted" "${show[@]}")
  [ "$now" = "$wanted" ] || die "ack deadline and message retention of $1 are '$now' after they were set to '$wanted'"
}

remove_erasing_triggers() { # remove_erasing_triggers "the list of triggers"
  local kind
  for kind in deleted archived; do
    if grep -q "^$NAME-$kind " <<<"$1"; then
      change gcloud eventarc triggers delete "$NAME-$kind" --project="$PROJECT_ID" --location="$BUCKET_PLACE" --format=none
    fi
  done
}
