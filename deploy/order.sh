# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The order in which everything is created.

# deploy_all first creates resources that the platform needs minutes to propagate, especially accounts, then those that
# take long.
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

# deploy_function looks for the OCR service before it creates anything that needs it.
deploy_function() {
  enable_services
  find_ocr_service
  refuse_other_limits
  refuse_other_weights
  prepare "$FUNCTION_ACCOUNT" "$TRIGGER_ACCOUNT" "$SWEEP_ACCOUNT" "$BUILDER_ACCOUNT"
  finish
}

prepare() { # prepare ACCOUNT...
  enable_services
  refuse_other_bucket
  refuse_other_documents
  make_accounts "$@"
  make_agents
  make_bucket
  make_database
  make_metrics
}

# finish creates the triggers after everything else that an event needs, so that no event meets half a system, and the
# alerts last: they would fire during the first minutes. Steps that events do not need run in a subshell, so that their
# failure, even one that ends a run, does not prevent the others.
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

# later WHAT notes a failure without ending the run; report_failures ends it with all of them.
FAILED=()
later() { FAILED+=("$1"); }

report_failures() {
  ((${#FAILED[@]} == 0)) || die "some steps failed; run the same command again for: $(printf '%s; ' "${FAILED[@]}")"
}
