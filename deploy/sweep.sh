# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Cloud Scheduler sends the function a CloudEvent of type bucketocr.sweep every 5 minutes, and no other tries in between.

make_sweep() {
  step "sweep"
  local flags mark verb there
  flags=(
    --schedule='*/5 * * * *' --time-zone=Etc/UTC --uri="$FUNCTION_URL" --http-method=post
    --attempt-deadline="${SERVICE_TIMEOUT}s" --max-retry-attempts=0
    --oidc-service-account-email="$SWEEP_ACCOUNT" --oidc-token-audience="$FUNCTION_URL"
  )
  local headers=ce-id=sweep,ce-type=bucketocr.sweep,ce-source=//bucketocr/sweep,ce-specversion=1.0
  mark=$(fingerprint "${flags[@]}" "$headers")
  if found gcloud scheduler jobs describe "$SWEEP" --project="$PROJECT_ID" --location="$REGION" '--format=value(description)'; then
    there=${ANSWER##* }
    [ "$there" != "$mark" ] || return 0
    verb=update
    headers=--update-headers=$headers
  else
    verb=create
    headers=--headers=$headers
  fi
  change gcloud scheduler jobs "$verb" http "$SWEEP" --project="$PROJECT_ID" \
    --location="$REGION" "${flags[@]}" "$headers" --description="bucketocr: records that are due; $mark" --format=none
}
