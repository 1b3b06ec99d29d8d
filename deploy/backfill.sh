# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# For `bucketocr backfill --topic`: a topic, and a subscription that pushes its messages to the function as binary
# CloudEvents (raw body, attributes as headers), with the same times as the triggers' subscriptions.

make_backfill() {
  step "topic for backfills"
  found gcloud pubsub topics describe "$TOPIC" --project="$PROJECT_ID" '--format=value(name)' ||
    change gcloud pubsub topics create "$TOPIC" --project="$PROJECT_ID" --format=none
  if found gcloud pubsub subscriptions describe "$TOPIC" --project="$PROJECT_ID" '--format=value(pushConfig.pushEndpoint)'; then
    [ "$ANSWER" = "$FUNCTION_URL" ] ||
      change gcloud pubsub subscriptions update "$TOPIC" --project="$PROJECT_ID" --push-endpoint="$FUNCTION_URL" \
        --push-auth-service-account="$TRIGGER_ACCOUNT" --push-auth-token-audience="$FUNCTION_URL" \
        --push-no-wrapper --push-no-wrapper-write-metadata --format=none
  else
    change gcloud pubsub subscriptions create "$TOPIC" --project="$PROJECT_ID" \
      --topic="$TOPIC" --push-endpoint="$FUNCTION_URL" --push-auth-service-account="$TRIGGER_ACCOUNT" \
      --push-auth-token-audience="$FUNCTION_URL" --push-no-wrapper --push-no-wrapper-write-metadata \
      --ack-deadline="$ACK_DEADLINE" --min-retry-delay=10s --max-retry-delay=600s \
      --message-retention-duration="${EVENT_RETENTION}s" --expiration-period=never --format=none
  fi
  set_times "$TOPIC"
}
