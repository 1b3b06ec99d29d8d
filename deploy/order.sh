# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# What is made in which order.

# deploy_all makes first what the platform needs minutes to spread, accounts above all, then what takes long by itself.
deploy_all() {
  local ours=("$FUNCTION_ACCOUNT" "$TRIGGER_ACCOUNT" "$SWEEP_ACCOUNT" "$BUILDER_ACCOUNT")
  [ -n "$OCR_URL" ] || ours+=("$GPU_ACCOUNT")
  prepare "${ours[@]}"
  if [ -z "$OCR_URL" ]; then
    make_gpu_image
    make_gpu_service
  fi
  finish
}

deploy_gpu() {
  enable_services
  make_accounts "$GPU_ACCOUNT" "$BUILDER_ACCOUNT"
  make_gpu_image
  make_gpu_service
}

# deploy_function looks for the OCR service before it makes anything that would be of no use without it.
deploy_function() {
  enable_services
  find_ocr_service
  prepare "$FUNCTION_ACCOUNT" "$TRIGGER_ACCOUNT" "$SWEEP_ACCOUNT" "$BUILDER_ACCOUNT"
  finish
}

prepare() { # prepare ACCOUNT...
  enable_services
  refuse_other_bucket
  make_accounts "$@"
  make_agents
  make_bucket
  make_database
  make_metrics
}

# finish comes to the trigger last of all that an event needs, so that no event meets half a system, and to the alerts
# last of all: they would ring for what the first minutes bring. What an event does not need runs in a subshell: its
# failure, also one that would end the run, keeps nothing else from being made.
finish() {
  make_notify_topic
  make_function
  make_triggers
  make_backfill
  make_sweep
  (smoke_test) || later "the smoke test"
  (make_alerts) || later "the alerts"
  (make_dashboard) || later "the dashboard"
  summary
}

# later WHAT notes a failure that does not end the run; report_failures ends it with all of them.
FAILED=()
later() { FAILED+=("$1"); }

report_failures() {
  ((${#FAILED[@]} == 0)) || die "not everything went well; run the same again for: $(printf '%s; ' "${FAILED[@]}")"
}
