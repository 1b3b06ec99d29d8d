# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Metrics that Cloud Logging counts from the function's log lines: one for each file in deploy/metrics, for alerts and
# the dashboard, which select their installation by the service's name. They are created early, because alerts can use a
# metric only minutes later. A description ends with a mark of its file, so that the next run recognises an unchanged
# one; a test checks the marks.

make_metrics() {
  step "metrics from logs"
  local file name verb
  for file in deploy/metrics/*.json; do
    name=${file##*/}
    name=$METRICS${name%.json}
    verb=create
    if found gcloud logging metrics describe "$name" --project="$PROJECT_ID" '--format=value(description)'; then
      [ -n "$DRY_RUN" ] || [ "$ANSWER" != "$(description_in "$file")" ] || continue
      verb=update
    fi
    change gcloud logging metrics "$verb" "$name" --project="$PROJECT_ID" --config-from-file="$file" --format=none
  done
  make_sweep_metric
}

# make_sweep_metric creates the metric that counts successful sweeps, by Cloud Scheduler's own log.
make_sweep_metric() {
  local filter="resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=\"$SWEEP\" AND httpRequest.status=200"
  if ! found gcloud logging metrics describe "$METRIC" --project="$PROJECT_ID" '--format=value(filter)'; then
    change gcloud logging metrics create "$METRIC" --project="$PROJECT_ID" --description='bucketocr: sweeps that went through' \
      --log-filter="$filter"
  elif [ -z "$DRY_RUN" ] && [ "$ANSWER" != "$filter" ]; then
    change gcloud logging metrics update "$METRIC" --project="$PROJECT_ID" --log-filter="$filter"
  fi
}

description_in() { sed -n 's/^  "description": "\(.*\)",$/\1/p' "$1"; }

destroy_metrics() {
  local file name
  for file in deploy/metrics/*.json; do
    name=${file##*/}
    remove "logging metrics" "$METRICS${name%.json}"
  done
  remove "logging metrics" "$METRIC"
}
