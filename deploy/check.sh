# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# --check: reports what is missing, and how to get it. It changes nothing and continues to the end whatever it finds.

MISSING=0
UNKNOWN=0
SIGNED_IN=''

good() { say "  ok       $*"; }
lacks() { # lacks WHAT HOW-TO-GET-IT
  say "  MISSING  $1"
  say "           $2"
  MISSING=$((MISSING + 1))
}
maybe() { # maybe WHAT WHAT-THEN
  say "  maybe    $1"
  say "           $2"
}
unknown() { # unknown WHAT WHY
  UNKNOWN=$((UNKNOWN + 1))
  if matches "$DISABLED" "$2"; then
    say "  unknown  $1: its API is not enabled yet. Enable it, as said above, and check again, or deploy, which enables it"
  else
    say "  unknown  $1: ${2//$'\n'/ }"
  fi
}

check_all() {
  step "$PROJECT_ID, $REGION, gs://$BUCKET"
  check_programs || { say "$MISSING missing; the rest needs gcloud"; return 1; }
  check_account
  [ -n "$SIGNED_IN$DRY_RUN" ] || { say "$MISSING missing; the rest needs an account"; return 1; }
  check_project
  check_services
  check_roles
  check_bucket
  check_database
  check_locations
  check_build_region
  check_gpu_region
  check_quotas
  local rest=''
  ((UNKNOWN == 0)) || rest="; $UNKNOWN could not be checked"
  [ "$MISSING" = 0 ] || { say "$MISSING missing$rest"; return 1; }
  say "nothing is missing$rest"
}

# tell COMMAND... sets ANSWER to the output of a command that only reads; if that fails, it fails with the error in
# ANSWER.
tell() {
  if [ -n "$DRY_RUN" ]; then
    show "$@"
    ANSWER=''
    return 1
  fi
  local errors code=0
  errors=$WORK/told
  ANSWER=$("$@" 2>"$errors") || code=$?
  ((code == 0)) || ANSWER=$(cat "$errors")
  return "$code"
}

# check_programs fails if nothing else can be checked.
check_programs() {
  local program
  for program in gcloud curl; do
    if command -v "$program" >/dev/null; then good "$program"; else lacks "$program" "$(source_of "$program")"; fi
  done
  [ -n "$DRY_RUN" ] || command -v gcloud >/dev/null || return 1
  if tell gcloud alpha monitoring policies list --help; then
    good "gcloud alpha"
  else
    lacks "gcloud alpha, for the alerts" "gcloud components install alpha, or your system's package"
  fi
  if tell gcloud beta quotas info describe --help; then
    good "gcloud beta"
  else
    lacks "gcloud beta, for quotas and the services' own accounts" "gcloud components install beta, or your system's package"
  fi
  check_version
}

# check_version: `gcloud run deploy --function` is documented from 511 on; the tests know 528.
check_version() {
  tell gcloud version || return 0
  local version
  version=$(sed -n 's/^Google Cloud SDK \([0-9]*\).*/\1/p' <<<"$ANSWER")
  if [[ $version =~ ^[0-9]+$ ]] && ((version < 511)); then
    lacks "gcloud 511 or newer (this is $version)" "gcloud components update, or your system's package"
  else
    good "gcloud ${version:-of unknown version}"
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
    lacks "project $PROJECT_ID" "gcloud projects create $PROJECT_ID, or ask its owner for access"
  fi
  if ! tell gcloud billing projects describe "$PROJECT_ID" '--format=value(billingEnabled)'; then
    unknown "billing" "$ANSWER"
  elif [ "$ANSWER" = True ]; then
    good "billing"
  else
    lacks "billing" "gcloud billing projects link $PROJECT_ID --billing-account=ACCOUNT"
  fi
}

# check_services: an API that is not enabled does not prevent a deploy, only its part of this check.
check_services() {
  local list
  if ! list=$(missing_services); then
    unknown "APIs" "gcloud services list failed, see above"
  elif [ -n "$list" ]; then
    list=$(tr '\n' ' ' <<<"$list")
    say "  later    a deploy enables these APIs: ${list//.googleapis.com/}"
    say "           once they are enabled, the checks below say more: gcloud services enable ${list}cloudquotas.googleapis.com --project=$PROJECT_ID"
  else
    good "APIs"
  fi
}

# PERMISSIONS has one characteristic permission for each role needed for every deploy (docs/security.md, Roles).
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
  local needed=("${PERMISSIONS[@]}") list='' pair permission role body answer
  [ -n "$DRY_RUN" ] || command -v curl >/dev/null || { unknown "your roles" "curl is missing"; return; }
  [ -z "$OCR_API_KEY_SECRET$HF_TOKEN_SECRET" ] || needed+=("secretmanager.secrets.setIamPolicy roles/secretmanager.admin")
  case $NOTIFY_TOPIC in
    '') ;;
    projects/"$PROJECT_ID"/*) needed+=("pubsub.topics.setIamPolicy roles/pubsub.admin") ;;
    *) unknown "your role on $NOTIFY_TOPIC" "it is in another project; you need pubsub.topics.setIamPolicy there (roles/pubsub.admin)" ;;
  esac
  for pair in "${needed[@]}"; do
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
  for pair in "${needed[@]}"; do
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
  place "Eventarc" "${BUCKET_PLACE,,}" gcloud eventarc locations list --project="$PROJECT_ID" '--format=value(locationId)'
}

place() { # place WHAT LOCATION COMMAND...
  local what=$1 location=$2
  shift 2
  if ! tell "$@"; then
    unknown "$what in $location" "$ANSWER"
  elif has_line "$ANSWER" "$location"; then
    good "$what in $location"
  else
    lacks "$what in $location" "choose one of these: $(tr '\n' ' ' <<<"$ANSWER")"
  fi
}

# quota_page prints the address of the page for viewing and raising quotas.
quota_page() { echo "https://console.cloud.google.com/iam-admin/quotas?project=$PROJECT_ID&service=run.googleapis.com"; }

# check_quotas checks Cloud Run's quotas of GPUs, memory and CPU for the project in the region, in Google's units (GPUs,
# bytes, thousandths of a CPU). Deploys of a GPU service have been counted as three instances although it could have
# only one, so values between one and three are reported as maybe. The quotas' names are from published error messages,
# so an unknown name proves nothing.
check_quotas() {
  [ -z "$OCR_URL" ] || return 0
  local gpu=NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion gib=$((1024 * 1024 * 1024)) mib=$((1024 * 1024))
  [ "$GPU_TYPE" = nvidia-l4 ] || gpu=NvidiaRtxPro6000GpuAllocNoZonalRedundancyPerProjectRegion
  local one=$GPU_MAX_INSTANCES three=$((GPU_MAX_INSTANCES > 3 ? GPU_MAX_INSTANCES : 3))
  local memory cpu functions=$FUNCTION_MAX_INSTANCES
  memory=$(mebibytes "$GPU_MEMORY")
  local function_memory
  function_memory=$(mebibytes "$FUNCTION_MEMORY")
  if [ "$GPU_TYPE" = nvidia-l4 ]; then
    quota "$gpu" "$one" "$one" 1 "L4 GPUs" "Cloud Run grants 3 with the first deploy where it has some; none on a free trial"
  else
    quota "$gpu" $((one * 1000)) $((one * 1000)) 1000 "RTX PRO 6000 GPUs" "ask for it before the first deploy"
  fi
  quota MemAllocPerProjectRegion $(((one * memory + functions * function_memory) * mib)) \
    $(((three * memory + functions * function_memory) * mib)) "$gib" "GiB of memory" "40 in new projects"
  quota CpuAllocPerProjectRegion $(((one * GPU_CPU + functions * FUNCTION_CPU) * 1000)) \
    $(((three * GPU_CPU + functions * FUNCTION_CPU) * 1000)) 1000 "CPUs" "20 in new projects"
}

# quota ID LEAST SURE UNIT WHAT IF-UNKNOWN checks one quota: below LEAST a deploy fails, from SURE on it succeeds.
quota() {
  local id=$1 least=$2 sure=$3 unit=$4 what=$5 value
  if ! tell gcloud beta quotas info describe "$id" --service=run.googleapis.com --project="$PROJECT_ID" \
    '--flatten=dimensionsInfos[]' "--format=csv[no-heading,separator=' '](dimensionsInfos.dimensions.region,dimensionsInfos.details.value)"; then
    if matches "$DISABLED" "$ANSWER"; then
      unknown "quota of $what" "gcloud services enable cloudquotas.googleapis.com --project=$PROJECT_ID, or look at $(quota_page)"
    else
      unknown "quota of $what (look at $(quota_page))" "$ANSWER"
    fi
    return
  fi
  value=$(sed -n "s/^$REGION //p" <<<"$ANSWER")
  value=${value:-$(sed -n 's/^ \(-\{0,1\}[0-9]\)/\1/p' <<<"$ANSWER" | head -n 1)} # without its own entry a region has the default
  if ! [[ $value =~ ^-?[0-9]+$ ]]; then
    unknown "quota of $what in $REGION" "no value is listed: $6. See $(quota_page)"
  elif ((value < 0 || value >= sure)); then
    good "quota of $what in $REGION: $( ((value < 0)) && echo unlimited || echo $((value / unit))), $(((sure + unit - 1) / unit)) needed"
  elif ((value >= least)); then
    maybe "quota of $what in $REGION: $((value / unit)). $(((least + unit - 1) / unit)) are used, but a deploy may be held against $(((sure + unit - 1) / unit))." \
      "Try; if it says $id, ask for $(((sure + unit - 1) / unit)) at $(quota_page)"
  else
    lacks "quota of $what in $REGION: $((value / unit)) of $(((least + unit - 1) / unit)) needed" \
      "ask for $(((sure + unit - 1) / unit)) ($id = $sure) at $(quota_page); or lower FUNCTION_MAX_INSTANCES or GPU_MAX_INSTANCES; or choose another region"
  fi
}

# check_build_region warns of regions in which Cloud Build refuses new projects according to its documentation.
check_build_region() {
  local list=" ${RESTRICTED_BUILDS[*]} " place
  for place in "$REGION" "$BUILD_REGION"; do
    if [[ $list == *" $place "* ]]; then
      good "Cloud Build in $place"
    else
      maybe "Cloud Build in $place: a new project may be refused there" "builds are possible in${list% }"
    fi
    [ "$BUILD_REGION" != "$REGION" ] || return 0
  done
}

check_gpu_region() {
  [ -z "$OCR_URL" ] || return 0
  if gpu_documented; then
    good "$GPU_TYPE in $REGION, by Google's documentation"
  else
    maybe "$GPU_TYPE in $REGION: $NO_GPU" "choose another REGION, or set OCR_URL"
  fi
}

check_database() {
  local unusable
  if ! tell gcloud firestore databases describe --project="$PROJECT_ID" --database="$FIRESTORE_DATABASE" "$DATABASE_KIND"; then
    if grep -Eqi 'NOT_FOUND|not found|does not exist' <<<"$ANSWER"; then
      good "the database $FIRESTORE_DATABASE does not exist and will be created in $FIRESTORE_LOCATION"
    else
      unknown "the database $FIRESTORE_DATABASE" "$ANSWER"
    fi
    return
  fi
  unusable=$(unusable_database "$ANSWER")
  if [ -z "$unusable" ]; then
    good "the database $FIRESTORE_DATABASE"
  else
    lacks "a usable database: $FIRESTORE_DATABASE is $unusable" "${OTHER_DATABASE,}"
  fi
}

# check_bucket sets BUCKET_PLACE to the location of the existing or future bucket, which is also that of the triggers.
check_bucket() {
  BUCKET_PLACE=$BUCKET_LOCATION
  if tell gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value[separator=" "](location,iamConfiguration.uniformBucketLevelAccess.enabled)'; then
    good "gs://$BUCKET in $ANSWER (location, uniform access)"
    BUCKET_PLACE=${ANSWER%% *}
  elif matches "$DISABLED" "$ANSWER"; then
    unknown "gs://$BUCKET" "$ANSWER"
  elif grep -Eqi 'not found|NOT_FOUND' <<<"$ANSWER"; then
    good "gs://$BUCKET does not exist and will be created in $BUCKET_LOCATION"
  elif grep -Eqi 'HTTPError 403|does not have' <<<"$ANSWER"; then
    lacks "gs://$BUCKET: it belongs to another project, or you may not read it" "choose another BUCKET"
  else
    unknown "gs://$BUCKET" "$ANSWER"
  fi
}
