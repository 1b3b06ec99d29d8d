# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The topic NOTIFY_TOPIC, where the function announces each end. Consumers create their own subscriptions.

make_notify_topic() {
  [ -n "$NOTIFY_TOPIC" ] || return 0
  step "topic for ends"
  found gcloud pubsub topics describe "$NOTIFY_TOPIC" --project="$PROJECT_ID" '--format=value(name)' ||
    change gcloud pubsub topics create "$NOTIFY_TOPIC" --project="$PROJECT_ID" --format=none
  grant "$(read_policy gcloud pubsub topics get-iam-policy "$NOTIFY_TOPIC" --project="$PROJECT_ID")" "$FUNCTION_ACCOUNT" \
    roles/pubsub.publisher gcloud pubsub topics add-iam-policy-binding "$NOTIFY_TOPIC" --project="$PROJECT_ID"
}
