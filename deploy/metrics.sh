# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Metrics that Cloud Logging counts from the function's log lines: one for each file of deploy/metrics, for alerts and the
# dashboard, which pick their own installation's by the service's name. A description ends with a mark of its file, so
# that the next run knows an unchanged one; a test keeps the marks right.

make_metrics() {
  say "== metrics from logs"
  local file name verb
  for file in deploy/metrics/*.json; do
    name=$METRICS$(basename "$file" .json)
    verb=create
    if found gcloud logging metrics describe "$name" --project="$PROJECT_ID" '--format=value(description)'; then
      [ -n "$DRY_RUN" ] || [ "$ANSWER" != "$(description_in "$file")" ] || continue
      verb=update
    fi
    change gcloud logging metrics "$verb" "$name" --project="$PROJECT_ID" --config-from-file="$file" --format=none
  done
}

description_in() { sed -n 's/^  "description": "\(.*\)",$/\1/p' "$1"; }

destroy_metrics() {
  local file
  for file in deploy/metrics/*.json; do
    remove "logging metrics" "$METRICS$(basename "$file" .json)"
  done
}
