# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# --check: what is missing, and how to get it. It changes nothing and goes on to the end whatever it meets.

MISSING=0
SIGNED_IN=''

good() { say "  ok       $*"; }
lacks() { # lacks WHAT HOW-TO-GET-IT
  say "  MISSING  $1"
  say "           $2"
  MISSING=$((MISSING + 1))
}
unknown() { say "  unknown  $1: ${2//$'\n'/ }"; }

check_all() {
  say "== $PROJECT_ID, $REGION, gs://$BUCKET"
  check_programs
  check_image
  check_account
  [ -n "$SIGNED_IN$DRY_RUN" ] || { say "$MISSING missing; the rest needs an account"; return 1; }
  check_project
  check_services
  check_roles
  check_locations
  check_gpu_quota
  check_bucket
  [ "$MISSING" = 0 ] || { say "$MISSING missing"; return 1; }
  say 'nothing is missing'
}

# tell COMMAND... prints the answer of a reading command; it fails, with the error in ANSWER, where the command does.
tell() {
  if [ -n "$DRY_RUN" ]; then
    show "$@"
    ANSWER=''
    return 1
  fi
  local errors code=0
  errors=$(mktemp)
  ANSWER=$("$@" 2>"$errors") || code=$?
  ((code == 0)) || ANSWER=$(cat "$errors")
  rm -f "$errors"
  return "$code"
}

check_programs() {
  local program
  for program in gcloud curl; do
    if command -v "$program" >/dev/null; then good "$program"; else lacks "$program" "install it"; fi
  done
  if tell gcloud alpha monitoring policies list --help; then
    good "gcloud alpha"
  else
    lacks "gcloud alpha, for the alerts" "gcloud components install alpha, or the package of your system"
  fi
}

check_account() {
  if tell gcloud auth print-access-token; then
    good "signed in"
    SIGNED_IN=yes
  else
    lacks "an account" "gcloud auth login"
  fi
}

check_project() {
  if tell gcloud projects describe "$PROJECT_ID" '--format=value(projectNumber)'; then
    good "project $PROJECT_ID ($ANSWER)"
  else
    lacks "project $PROJECT_ID" "gcloud projects create $PROJECT_ID, or ask to be let in"
  fi
  if ! tell gcloud billing projects describe "$PROJECT_ID" '--format=value(billingEnabled)'; then
    unknown "billing" "$ANSWER"
  elif [ "$ANSWER" = True ]; then
    good "billing"
  else
    lacks "billing" "gcloud billing projects link $PROJECT_ID --billing-account=ACCOUNT"
  fi
}

check_services() {
  local service list
  if ! list=$(missing_services); then
    unknown "APIs" "gcloud services list failed, see above"
    return
  fi
  for service in $list; do
    lacks "API $service" "gcloud services enable $service --project=$PROJECT_ID (a deploy does it)"
  done
}

# PERMISSIONS are one telling permission for each role that whoever deploys needs (README, Roles).
PERMISSIONS=(
  "serviceusage.services.enable roles/serviceusage.serviceUsageAdmin"
  "iam.serviceAccounts.create roles/iam.serviceAccountAdmin"
  "iam.serviceAccounts.actAs roles/iam.serviceAccountUser"
  "resourcemanager.projects.setIamPolicy roles/resourcemanager.projectIamAdmin"
  "storage.buckets.create roles/storage.admin"
  "datastore.databases.create roles/datastore.owner"
  "run.services.setIamPolicy roles/run.admin"
  "cloudbuild.builds.create roles/cloudbuild.builds.editor"
  "artifactregistry.repositories.create roles/artifactregistry.admin"
  "eventarc.triggers.create roles/eventarc.admin"
  "pubsub.subscriptions.update roles/pubsub.editor"
  "cloudscheduler.jobs.create roles/cloudscheduler.admin"
  "logging.logMetrics.create roles/logging.configWriter"
  "monitoring.alertPolicies.create roles/monitoring.alertPolicyEditor"
  "monitoring.dashboards.create roles/monitoring.dashboardEditor"
)

check_roles() {
  local list='' pair permission role body answer
  for pair in "${PERMISSIONS[@]}"; do
    list+="${list:+,}\"${pair%% *}\""
  done
  authorize
  body="{\"permissions\":[$list]}"
  local url=${PROJECTS_URL:-https://cloudresourcemanager.googleapis.com}/v1/projects/$PROJECT_ID:testIamPermissions
  if ! tell "${CURL[@]}" --fail --header @"$TOKEN" --header 'Content-Type: application/json' --data "$body" "$url"; then
    unknown "your roles" "$ANSWER"
    return
  fi
  answer=$ANSWER
  for pair in "${PERMISSIONS[@]}"; do
    read -r permission role <<<"$pair"
    if [[ $answer == *"\"$permission\""* ]]; then
      good "you may $permission"
    else
      lacks "$permission" "gcloud projects add-iam-policy-binding $PROJECT_ID --member=user:YOU --role=$role"
    fi
  done
}

check_locations() {
  place "Cloud Run" "$REGION" gcloud run regions list --project="$PROJECT_ID" '--format=value(locationId)'
  place "Cloud Scheduler" "$REGION" gcloud scheduler locations list --project="$PROJECT_ID" '--format=value(locationId)'
  place "Firestore" "$FIRESTORE_LOCATION" gcloud firestore locations list --project="$PROJECT_ID" '--format=value(locationId)'
  place "Eventarc" "${BUCKET_LOCATION,,}" gcloud eventarc locations list --project="$PROJECT_ID" '--format=value(locationId)'
}

place() { # place WHAT LOCATION COMMAND...
  local what=$1 location=$2
  shift 2
  if ! tell "$@"; then
    unknown "$what in $location" "$ANSWER"
  elif grep -Fxq "$location" <<<"$ANSWER"; then
    good "$what in $location"
  else
    lacks "$what in $location" "choose one of these: $(tr '\n' ' ' <<<"$ANSWER")"
  fi
}

# check_image: what a build of the OCR service cannot do without.
check_image() {
  [ -z "$OCR_URL$GPU_IMAGE" ] || return 0
  local name
  for name in VLLM_DIGEST MODEL_REVISION; do
    if [ -n "${!name}" ]; then good "$name"; else lacks "$name" "deploy/gpu/README.md says where it stands"; fi
  done
}

# check_gpu_quota: the quota's name comes from other people's deploys, so that no answer proves nothing.
check_gpu_quota() {
  [ -z "$OCR_URL" ] || return 0
  local quota=NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion
  local page="https://console.cloud.google.com/iam-admin/quotas?project=$PROJECT_ID"
  if [ "$GPU_TYPE" != nvidia-l4 ]; then
    unknown "quota for $GPU_TYPE in $REGION" "look at $page"
  elif ! tell gcloud beta quotas info describe "$quota" --service=run.googleapis.com --project="$PROJECT_ID" \
    '--flatten=dimensionsInfos[]' "--format=csv[no-heading,separator=' '](dimensionsInfos.dimensions.region,dimensionsInfos.details.value)"; then
    unknown "GPU quota in $REGION (look at $page)" "$ANSWER"
  else
    local units
    units=$(sed -n "s/^$REGION //p" <<<"$ANSWER")
    if [[ $units =~ ^-?[0-9]+$ ]] && ((units < 0 || units >= GPU_MAX_INSTANCES)); then
      good "quota of $units L4 GPUs in $REGION"
    else
      lacks "$GPU_MAX_INSTANCES L4 GPUs in $REGION (quota: ${units:-none named})" "ask for $quota at $page, or choose another region"
    fi
  fi
}

check_bucket() {
  if tell gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value[separator=" "](location,iamConfiguration.uniformBucketLevelAccess.enabled)'; then
    good "gs://$BUCKET in $ANSWER (location, uniform access)"
  elif grep -qi 'not found' <<<"$ANSWER"; then
    good "gs://$BUCKET is not there and will be made in $BUCKET_LOCATION"
  else
    unknown "gs://$BUCKET" "$ANSWER"
  fi
}
