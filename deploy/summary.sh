# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The end of a deploy: what exists, where to drop a file, where to look, and the cost of an idle month.

summary() {
  [ -z "$DRY_RUN" ] || return 0
  local console=https://console.cloud.google.com query="?project=$PROJECT_ID"
  step "done"
  cat >&2 <<TEXT
Drop a file:    gcloud storage cp FILE gs://$BUCKET/
Read its text:  $(reader) go run ./cmd/bucketocr show gs://$BUCKET/FILE --text
Documents       $console/firestore/databases/$([ "$FIRESTORE_DATABASE" = '(default)' ] && echo -default- || echo "$FIRESTORE_DATABASE")/data/panel/$FIRESTORE_COLLECTION$query
Dashboard       $console/monitoring/dashboards/builder/$NAME$query
Alerts          ${NOTIFICATION_CHANNELS:-notify no one: set NOTIFICATION_CHANNELS (docs/deploy.md, Alerts)}
Logs            $console/run/detail/$REGION/$FUNCTION/logs$query
Function        $FUNCTION_URL
OCR service     $FOUND_OCR_URL$(unneeded)
Clients         cannot read documents yet: deploy/firestore.rules, then ./deploy.sh rules
Made            $(made)

$(idle_month)

Take it down:   ./deploy.sh destroy, with the same settings. Bucket and documents stay.
TEXT
}

# reader prints the variables with which bucketocr finds the documents.
reader() {
  local variables="GOOGLE_CLOUD_PROJECT=$PROJECT_ID"
  [ "$FIRESTORE_DATABASE" = '(default)' ] || variables+=" FIRESTORE_DATABASE=$FIRESTORE_DATABASE"
  [ "$FIRESTORE_COLLECTION" = ocr_documents ] || variables+=" FIRESTORE_COLLECTION=$FIRESTORE_COLLECTION"
  echo "$variables"
}

# unneeded prints the command that deletes our OCR service if the function uses another.
unneeded() {
  [ -n "$OCR_URL" ] && [ -n "$GPU_LEAST" ] || return 0
  printf '\nNot needed      %s: an earlier run made it, with GPU_MIN_INSTANCES=%d. Unless others use it:\n' "$GPU" "$GPU_LEAST"
  printf '                gcloud run services delete %s --project=%s --region=%s' "$GPU" "$PROJECT_ID" "$REGION"
}

made() {
  local all="service $FUNCTION"
  [ -n "$OCR_URL" ] || all="services $FUNCTION and $GPU"
  printf '%s; triggers %s; topic, subscription and job of %s; %d alerts; a dashboard; accounts %s-*' \
    "$all" "${TRIGGERS[*]/#/$NAME-}" "$NAME" "$(find deploy/alerts -name '*.json' | wc -l)" "$NAME"
}

# idle_month prints the billed units of a month without uploads, with prices as far as figures.json has them.
idle_month() {
  local jobs=1 sweeps=8928 # one every 5 minutes, in 31 days
  echo 'A month without uploads:'
  if [ -n "$GPU_LEAST" ]; then
    unit "$((GPU_LEAST * 2678400))" gpuSecond "s of the OCR service $GPU (some 600 s more each time it was woken)"
    unit 20 '' 'GiB or so of its newest two images in Artifact Registry'
  fi
  unit "$sweeps" '' 'sweeps: requests to the function'
  unit "$sweeps" firestoreReads 'or more document reads by them'
  if [ -n "$RECONCILE_BUCKETS" ]; then # every night
    unit 31 firestoreReads "document reads, for each object in $RECONCILE_BUCKETS uploaded since the first deployment, by the nightly reconciliation"
    jobs=2
  fi
  unit "$jobs" '' 'job(s) of Cloud Scheduler; metrics and alerts by their number'
}

# unit COUNT FIGURE WHAT prints a line, with the figure's price if it is filled in.
unit() {
  local price=''
  if [ -n "$2" ]; then
    price=$(sed -n "s/.*\"name\": \"$2\", \"unit\": \"\([^\"]*\)\", \"value\": \([0-9.]*\), \"currency\": \"\([A-Z]*\)\".*/ at \2 \3 for \1/p" deploy/figures.json)
    price=${price:-" (price: $2 in deploy/figures.json, not filled in)"}
  fi
  printf '  %8d %s%s\n' "$1" "$3" "$price"
}
