# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The APIs.

SERVICES=(
  artifactregistry.googleapis.com cloudbuild.googleapis.com cloudresourcemanager.googleapis.com
  cloudscheduler.googleapis.com eventarc.googleapis.com firestore.googleapis.com iam.googleapis.com
  logging.googleapis.com monitoring.googleapis.com pubsub.googleapis.com run.googleapis.com storage.googleapis.com
)

# missing_services prints the APIs that are not enabled.
missing_services() {
  local enabled wanted=("${SERVICES[@]}") service
  [ -z "$OCR_API_KEY_SECRET$HF_TOKEN_SECRET" ] || wanted+=(secretmanager.googleapis.com)
  enabled=$(look '' gcloud services list --enabled --project="$PROJECT_ID" '--format=value(config.name)') || return 1
  for service in "${wanted[@]}"; do
    has_line "$enabled" "$service" || printf '%s\n' "$service"
  done
}

enable_services() {
  [ -z "${SERVICES_DONE:-}" ] || return 0
  step "APIs"
  local missing
  missing=$(missing_services)
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # one word per service
    change gcloud services enable $missing --project="$PROJECT_ID"
  fi
  PROJECT_NUMBER=$(look "$PROJECT_NUMBER" gcloud projects describe "$PROJECT_ID" '--format=value(projectNumber)')
  SERVICES_DONE=yes
}

# make_agents makes the platform create its own accounts for those APIs and grant their roles, minutes before they are
# needed. It would also do so at their first use, so a missing component of gcloud does not end the run.
make_agents() {
  local api
  for api in eventarc pubsub; do
    project_policy
    [[ $PROJECT_POLICY != *"@gcp-sa-$api.iam.gserviceaccount.com"* ]] || continue
    change gcloud beta services identity create --service="$api.googleapis.com" --project="$PROJECT_ID" --format=none ||
      say "deploy.sh: not created ahead; it will be created at its first use"
  done
}
