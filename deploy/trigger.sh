# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The triggers, in the bucket's own location, and the times of their subscriptions.

# TRIGGERS are the required kinds of event.
trigger_kinds() {
  TRIGGERS=(finalized)
  [ "$ON_DELETE" = erase ] || return 0
  TRIGGERS+=(deleted)
  if versioned; then
    TRIGGERS+=(archived)
  fi
}

# refuse_other_bucket ends the run, before it creates anything, if the installation watches another bucket: the bucket
# of a trigger cannot be changed.
refuse_other_bucket() {
  local there mark
  there=$(look '' gcloud eventarc triggers list --project="$PROJECT_ID" --location=- \
    '--format=value[separator=" "](name.basename(),labels.bucketocr_bucket)')
  mark=$(sed -n "s/^$NAME-finalized \(.*\)/\1/p" <<<"$there")
  [ -z "$mark" ] || [ "$mark" = "$(fingerprint "$BUCKET")" ] || watches_another "$NAME-finalized"
}

watches_another() { # watches_another TRIGGER
  die "the trigger $1 watches another bucket than gs://$BUCKET: set BUCKET as before, remove the installation with ./deploy.sh destroy, or $SECOND"
}

make_triggers() {
  step "triggers"
  SUBSCRIPTIONS=()
  trigger_kinds
  local kind there
  there=$(look '' gcloud eventarc triggers list --project="$PROJECT_ID" --location="$BUCKET_PLACE" \
    '--format=value[separator=" "](name.basename(),labels.bucketocr_bucket,labels.bucketocr_input)')
  for kind in "${TRIGGERS[@]}"; do
    make_trigger "$kind" "$(grep "^$NAME-$kind " <<<"$there" || true)"
    find_subscription "$NAME-$kind"
    set_times "$SUBSCRIPTION"
  done
  [ "$ON_DELETE" = erase ] || remove_erasing_triggers "$there"
}

# make_trigger KIND "NAME BUCKET-MARK INPUT-MARK". An existing trigger is updated, never recreated: that would lose the
# events waiting in its subscription.
make_trigger() {
  local kind=$1 bucket_mark mark old_bucket old_mark
  local goal=(--destination-run-service="$FUNCTION" --destination-run-region="$REGION" --service-account="$TRIGGER_ACCOUNT")
  bucket_mark=$(fingerprint "$BUCKET")
  mark=$(fingerprint "${goal[@]}")
  read -r _ old_bucket old_mark <<<"$2"
  local labels="bucketocr_bucket=$bucket_mark,bucketocr_input=$mark"
  if [ -z "$2" ]; then
    change gcloud eventarc triggers create "$NAME-$kind" --project="$PROJECT_ID" \
      --location="$BUCKET_PLACE" --event-filters="type=google.cloud.storage.object.v1.$kind" \
      --event-filters="bucket=$BUCKET" "${goal[@]}" --labels="$labels" --format=none
  elif [ "$old_bucket" != "$bucket_mark" ]; then
    watches_another "$NAME-$kind"
  elif [ "$old_mark" != "$mark" ]; then
    change gcloud eventarc triggers update "$NAME-$kind" --project="$PROJECT_ID" --location="$BUCKET_PLACE" \
      "${goal[@]}" --update-labels="$labels" --format=none
  fi
}

# find_subscription TRIGGER sets SUBSCRIPTION to the subscription that Eventarc creates for a trigger.
find_subscription() {
  local waited=0
  while :; do
    SUBSCRIPTION=$(look "projects/$PROJECT_ID/subscriptions/eventarc-$BUCKET_PLACE-$1-sub-000" \
      gcloud eventarc triggers describe "$1" --project="$PROJECT_ID" --location="$BUCKET_PLACE" \
      '--format=value(transport.pubsub.subscription)')
    [ -z "$SUBSCRIPTION" ] || return 0
    ((waited < RETRY_FOR)) || die "the trigger $1 has no subscription after $waited s: run this again later"
    say "waiting for the subscription of $1"
    sleep 10
    waited=$((waited + 10))
  done
}

# set_times SUBSCRIPTION sets the times of a subscription. Eventarc creates it with an ack deadline of 10 s, so the
# platform would send a copy every 10 s while the function still works; with a retention of 24 h, after which an event
# that was never claimed has no record for the sweep to find; and with an expiration: after 31 days without uploads it
# would be deleted for good.
set_times() {
  SUBSCRIPTIONS+=("${1##*/}")
  local wanted="$ACK_DEADLINE ${EVENT_RETENTION}s never"
  times_of "$1" "10 86400s 2678400s"
  [ "$TIMES" != "$wanted" ] || return 0
  change gcloud pubsub subscriptions update "$1" --project="$PROJECT_ID" --ack-deadline="$ACK_DEADLINE" \
    --message-retention-duration="${EVENT_RETENTION}s" --expiration-period=never --format=none
  times_of "$1" "$ACK_DEADLINE ${EVENT_RETENTION}s"
  [ "$TIMES" = "$wanted" ] ||
    die "ack deadline, message retention and expiration of $1 are '$TIMES' after they were set to '$wanted'"
}

# times_of SUBSCRIPTION DRY-ANSWER sets TIMES to "ACK-DEADLINE RETENTION EXPIRATION"; without an expiration it never
# expires.
times_of() {
  local ack keep end
  read -r ack keep end <<<"$(look "$2" gcloud pubsub subscriptions describe "$1" --project="$PROJECT_ID" \
    '--format=value[separator=" "](ackDeadlineSeconds,messageRetentionDuration,expirationPolicy.ttl)')"
  TIMES="$ack $keep ${end:-never}"
}

remove_erasing_triggers() { # remove_erasing_triggers "the list of triggers"
  local kind
  for kind in deleted archived; do
    if grep -q "^$NAME-$kind " <<<"$1"; then
      change gcloud eventarc triggers delete "$NAME-$kind" --project="$PROJECT_ID" --location="$BUCKET_PLACE" --format=none
    fi
  done
}
