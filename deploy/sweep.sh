# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Cloud Scheduler sends the function a CloudEvent of type bucketocr.sweep every 5 minutes, without retries in between,
# and one of type bucketocr.reconcile every night, with a few retries while the buckets are not complete. The latter
# contains the time at which its job was created: objects from before have no lost events, and whether to pay for
# reading them is the operator's decision (backfill).

make_sweep() {
  step "sweep and reconciliation"
  make_job "$SWEEP" sweep '*/5 * * * *' 'records that are due' --max-retry-attempts=0
  if [ -n "$RECONCILE_BUCKETS" ]; then
    make_job "$RECONCILE" reconcile '23 2 * * *' 'what lost events left' --max-retry-attempts=5 --min-backoff=60s --max-backoff=120s
  else
    remove "scheduler jobs" "$RECONCILE" --location="$REGION"
  fi
}

make_job() { # make_job NAME KIND SCHEDULE MEANING FLAGS...
  local job=$1 kind=$2 schedule=$3 meaning=$4 flags mark verb there
  shift 4
  flags=(
    --schedule="$schedule" --time-zone=Etc/UTC --uri="$FUNCTION_URL" --http-method=post
    --attempt-deadline="${SERVICE_TIMEOUT}s" "$@"
    --oidc-service-account-email="$SWEEP_ACCOUNT" --oidc-token-audience="$FUNCTION_URL"
  )
  local headers=ce-id=$kind,ce-type=bucketocr.$kind,ce-source=//bucketocr/$kind,ce-specversion=1.0
  mark=$(fingerprint "${flags[@]}" "$headers")
  if found gcloud scheduler jobs describe "$job" --project="$PROJECT_ID" --location="$REGION" '--format=value(description)'; then
    there=${ANSWER##* }
    [ "$there" != "$mark" ] || return 0
    verb=update
    headers=--update-headers=$headers
  else
    verb=create
    headers=--headers=$headers
    [ "$kind" != reconcile ] || headers+=,ce-since=$(TZ=UTC printf '%(%Y-%m-%dT%H:%M:%SZ)T')
  fi
  change gcloud scheduler jobs "$verb" http "$job" --project="$PROJECT_ID" \
    --location="$REGION" "${flags[@]}" "$headers" --description="bucketocr: $meaning; $mark" --format=none
}
