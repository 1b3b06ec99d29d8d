# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Settings, all from the environment, and values derived from them.

settings_help() {
  cat <<'TEXT'
Settings, all from the environment of each run: what is not set has its default, whatever an earlier run set
  PROJECT_ID           required: the Google Cloud project
  REGION               required: region of function and OCR service (with GPUs, for our OCR service): europe-west1, us-central1
  BUCKET               PROJECT_ID-scans: the bucket of the images; created if it does not exist
  NAME                 bucketocr: first part of every name. A second installation in the project needs another one, and another
                       BUCKET and FIRESTORE_COLLECTION (or FIRESTORE_DATABASE)
  BUCKET_LOCATION      REGION: location of a new bucket; an existing bucket keeps its own
  FIRESTORE_LOCATION   REGION: location of a new database
  BUILD_REGION         REGION: where the OCR service's image is built
  NOTIFICATION_CHANNELS  none: alerts notify no one; names of channels, separated by commas (docs/deploy.md, Alerts)

  The OCR service. all and gpu apply these; function applies neither GPU_... nor what the image is built from: OCR_MODEL,
  VLLM_DIGEST, MODEL_REVISION, HF_TOKEN_SECRET
  OCR_MODEL            lightonai/LightOnOCR-2-1B: any of the LightOnOCR family
  VLLM_DIGEST          digest of vllm/vllm-openai:v0.30.0 as pinned by other projects; not verified
  MODEL_REVISION       the installed one, or at the first build the model's newest: commit of its weights, 40 hex digits
  HF_TOKEN_SECRET      none: SECRET:VERSION in Secret Manager of a Hugging Face token, for weights that need one
  GPU_IMAGE            none: an existing image; then nothing is built
  GPU_TYPE             nvidia-l4; or nvidia-rtx-pro-6000
  GPU_CPU, GPU_MEMORY  the minimum for the GPU: 4, 16Gi for an L4; 20, 80Gi for an RTX PRO 6000
  GPU_MAX_INSTANCES    1
  GPU_MIN_INSTANCES    0: scales to zero when idle; 1 saves the cold start and costs money all day
  GPU_INGRESS          all; or internal, internal-and-cloud-load-balancing
  GPU_MAX_NUM_SEQS     32: pages that one GPU reads at once; Cloud Run's concurrency too
  OCR_TIMEOUT          120s: longest wait of the function for one page, in minutes and seconds such as 2m30s
  GPU_TIMEOUT          OCR_TIMEOUT and 10 s: seconds after which Cloud Run ends a request, more than OCR_TIMEOUT
  OCR_URL              none: an existing OCR service to use; all then creates nothing with a GPU

  The function
  FUNCTION_MAX_INSTANCES, FUNCTION_CONCURRENCY   4, 8: instances, and objects processed concurrently per instance
  OCR_INSTANCE_CONCURRENCY   8: pages in flight per instance; times instances never more than the GPUs take
  FUNCTION_CPU, FUNCTION_MEMORY   2, 2Gi
  FUNCTION_INGRESS     all; or internal, internal-and-cloud-load-balancing
  OCR_API_KEY_SECRET   none: SECRET:VERSION in Secret Manager of OCR_API_KEY
  RECONCILE_BUCKETS    BUCKET: buckets checked every night for objects whose events were lost since the first deploy; none: no such job
  NOTIFY_TOPIC         none: Pub/Sub topic for announcing ends; created if it does not exist
  RETRY_FOR            600: seconds that one command may wait for the platform to propagate changes
  and, passed unchanged to the function:
TEXT
  local name line='   '
  for name in "${PASSED_ON[@]}"; do
    if ((${#line} + ${#name} > 110)); then
      printf '%s\n' "$line"
      line='   '
    fi
    line+=" $name"
  done
  printf '%s\n' "$line"
}

# PASSED_ON are the function's variables that a deploy may set (docs/configuration.md).
PASSED_ON=(
  OCR_AUDIENCE OCR_AUTH OCR_MODEL OCR_PROFILE OCR_MODE OCR_TIMEOUT OCR_MAX_TOKENS OCR_CONCURRENCY OCR_INSTANCE_CONCURRENCY
  FIRESTORE_DATABASE FIRESTORE_COLLECTION INCLUDE EXCLUDE OWNER_PATTERN MAX_BYTES MAX_PIXELS MAX_PAGES ON_MAX_PAGES PDF_TEXT REUSE
  MEMORY_BUDGET MAX_ATTEMPTS RETRY_WINDOW PROCESS_TIMEOUT ON_DELETE RECONCILE_BUCKETS NOTIFY_TOPIC LOG_LEVEL
  OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_EXPORTER_OTLP_METRICS_ENDPOINT
  OTEL_EXPORTER_OTLP_PROTOCOL OTEL_EXPORTER_OTLP_TRACES_PROTOCOL OTEL_EXPORTER_OTLP_METRICS_PROTOCOL
  OTEL_TRACES_EXPORTER OTEL_METRICS_EXPORTER OTEL_SDK_DISABLED OTEL_SERVICE_NAME OTEL_RESOURCE_ATTRIBUTES
  OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG
)

SECOND='install a second one with another NAME, BUCKET and FIRESTORE_COLLECTION (or FIRESTORE_DATABASE)'

# SMOKE_PREFIX is the prefix of the smoke tests' samples; the colours below it belong to candidates of cloudbuild.yaml.
SMOKE_PREFIX=bucketocr-smoke
COLOURS=(blue green)

# RESTRICTED_BUILDS are the regions in which a project with restricted quotas, such as a new one, may build.
RESTRICTED_BUILDS=(us-central1 us-west2 europe-west1 asia-east1 australia-southeast1 southamerica-east1)

# GPU_REGIONS are the regions with an L4 on Cloud Run according to its documentation of 2025; those with an RTX PRO 6000
# are not listed. Regions may have been added since, so none is refused.
GPU_REGIONS=(asia-south1 asia-southeast1 europe-west1 europe-west4 us-central1 us-east4)

# VLLM_0_30_0 is the manifest list of vllm/vllm-openai:v0.30.0 as pinned by other public projects. It was not compared
# with Docker Hub; a wrong one makes the build fail at its first line.
VLLM_0_30_0=sha256:8a69ffad015f138d7170c4ddc429e230a3bc1c1719f67e14324749df200a4b90

SERVICE_TIMEOUT=540    # seconds, of the function
ACK_DEADLINE=600       # seconds, of the subscriptions: Pub/Sub's maximum
EVENT_RETENTION=604800 # seconds, of the subscriptions: a week of outage loses no event
BASE_IMAGE=go126       # supported until about February 2027; replace it by then
BUILD_FLAGS=GOFLAGS=-tags=nodynamic

# read_settings COMMAND fills in defaults; if a setting is wrong, it lists all problems and exits with 2.
read_settings() {
  PROBLEMS=()
  required PROJECT_ID '^[a-z][a-z0-9-]{4,28}[a-z0-9]$' 'a project id'
  required REGION '^[a-z]+-[a-z]+[0-9]+$' 'a region such as europe-west1'
  default BUCKET "${PROJECT_ID:-}-scans" '^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$' "$BUCKET_NAMES"
  sound_bucket
  default NAME bucketocr '^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$' 'a letter, then up to 19 of a-z, 0-9 and -'
  default BUCKET_LOCATION "${REGION:-}" '^[A-Za-z0-9-]+$' 'a location of Cloud Storage'
  default FIRESTORE_LOCATION "${REGION:-}" '^[a-z0-9-]+$' 'a location of Firestore'
  default FIRESTORE_DATABASE '(default)' '^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$' 'the name of a database'
  default FIRESTORE_COLLECTION ocr_documents '^[A-Za-z][A-Za-z0-9_-]{0,99}$' 'the name of a collection'
  default OCR_MODEL lightonai/LightOnOCR-2-1B '^[A-Za-z0-9._/-]+$' 'the name of a model'
  default OCR_CONCURRENCY 4 '^[1-9][0-9]?$' 'a number from 1 to 64'
  default OCR_INSTANCE_CONCURRENCY 8 '^[1-9][0-9]{0,2}$' 'a number from 1 to 999'
  default GPU_TYPE nvidia-l4 '^(nvidia-l4|nvidia-rtx-pro-6000)$' 'nvidia-l4 or nvidia-rtx-pro-6000'
  gpu_least
  default GPU_CPU "$LEAST_CPU" '^[1-9][0-9]?$' 'a number of CPUs'
  default GPU_MEMORY "${LEAST_GIB}Gi" '^[1-9][0-9]*(Gi|Mi)$' 'a size such as 32Gi'
  default GPU_MAX_INSTANCES 1 '^[1-9][0-9]{0,3}$' 'a number from 1'
  default GPU_MIN_INSTANCES 0 '^[0-9]{1,4}$' 'a number'
  default GPU_MAX_NUM_SEQS 32 '^[1-9][0-9]{0,2}$' 'a number from 1 to 999'
  default OCR_TIMEOUT 120s "$DURATION" 'whole minutes and seconds, written like 90s, 5m or 2m30s'
  default GPU_TIMEOUT $(($(in_seconds "$OCR_TIMEOUT") + 10)) '^[1-9][0-9]{0,3}$' 'seconds, from 1 to 3600'
  default FUNCTION_MAX_INSTANCES 4 '^[1-9][0-9]{0,3}$' 'a number from 1'
  default FUNCTION_CONCURRENCY 8 '^[1-9][0-9]{0,2}$' 'a number from 1 to 999'
  default FUNCTION_CPU 2 '^[1-8]$' 'a number of CPUs'
  default FUNCTION_MEMORY 2Gi '^[1-9][0-9]*(Gi|Mi)$' 'a size such as 2Gi'
  default RECONCILE_BUCKETS "$BUCKET" '^[a-z0-9._, -]+$' 'names of buckets separated by commas, or none'
  default NOTIFY_TOPIC '' '^((projects/[a-z0-9.:-]+/topics/)?[A-Za-z][A-Za-z0-9._~%+-]{2,254})?$' 'the name of a topic'
  default ON_DELETE keep '^(keep|erase)$' 'keep or erase'
  default OCR_URL '' '^(https?://[^[:space:]]+)?$' 'an address'
  default OCR_API_KEY_SECRET '' '^([A-Za-z0-9_-]+:[1-9][0-9]*)?$' 'SECRET:VERSION, the version a number'
  default HF_TOKEN_SECRET '' '^([A-Za-z0-9_-]+:[1-9][0-9]*)?$' 'SECRET:VERSION, the version a number'
  default BUILD_REGION "${REGION:-}" '^[a-z]+-[a-z]+[0-9]+$' 'a region such as europe-west1'
  local ingress
  for ingress in FUNCTION_INGRESS GPU_INGRESS; do
    default "$ingress" all '^(all|internal|internal-and-cloud-load-balancing)$' 'all, internal or internal-and-cloud-load-balancing'
  done
  default NOTIFICATION_CHANNELS '' '' ''
  default GPU_IMAGE '' '' ''
  default VLLM_DIGEST "$VLLM_0_30_0" '^sha256:[0-9a-f]{64}$' 'sha256: and 64 hex digits'
  default MODEL_REVISION '' '^([0-9a-f]{40})?$' 'the 40 hex digits of a commit'
  default SMOKE yes '^(yes|no)$' 'yes or no'
  default RETRY_FOR 600 '^[0-9]+$' 'seconds'
  default SMOKE_WAIT 900 '^[0-9]+$' 'seconds'
  [ -z "${OCR_API_KEY:-}" ] || PROBLEMS+=('OCR_API_KEY is a secret: put it into Secret Manager and set OCR_API_KEY_SECRET=SECRET:VERSION')
  [ "$1" != gpu ] || [ -z "$OCR_URL" ] || PROBLEMS+=('OCR_URL names an existing OCR service, and gpu would create another: unset OCR_URL')
  [[ ! $OCR_URL =~ ^https?://(localhost|127\.|0\.0\.0\.0|\[::1?\]) ]] ||
    PROBLEMS+=("OCR_URL='$OCR_URL' names this machine: the function runs on Cloud Run, and needs an address reachable from there")
  gpu_suffices
  gpu_waits
  known_model "$1"
  ((${#PROBLEMS[@]} == 0)) || wrong "$(printf '%s\n' 'wrong settings:' "${PROBLEMS[@]/#/  }")"
  derive
  case $1 in all | gpu | function) check_load ;; esac
  case $1 in all | gpu) [ -n "$OCR_URL$GPU_IMAGE" ] || gpu_documented || say "note: $GPU_TYPE in $REGION: $NO_GPU, after half an hour of building" ;; esac
}

# gpu_documented reports whether the documentation names the region for the GPU; NO_GPU explains the consequence if not.
gpu_documented() {
  NO_GPU="Cloud Run is documented to have it in ${GPU_REGIONS[*]}; elsewhere the OCR service may be refused"
  [ "$GPU_TYPE" = nvidia-l4 ] || NO_GPU='deploy.sh does not know the regions with this GPU; the OCR service may be refused'
  [ "$GPU_TYPE" = nvidia-l4 ] && [[ " ${GPU_REGIONS[*]} " == *" $REGION "* ]]
}

# required NAME PATTERN MEANING, default NAME VALUE PATTERN MEANING: note a problem if the value does not match.
# Defaults are valid, or derived from values whose problems are already noted.
required() {
  if [ -z "${!1:-}" ]; then
    PROBLEMS+=("$1 is required: $3")
  elif ! [[ ${!1} =~ $2 ]]; then
    PROBLEMS+=("$1='${!1}' is not $3")
  fi
}

default() {
  local value=${!1:-$2}
  if [ -n "${!1:-}" ] && [ -n "$3" ] && ! [[ $value =~ $3 ]]; then
    PROBLEMS+=("$1='$value' is not $4")
  fi
  printf -v "$1" '%s' "$value"
}

BUCKET_NAMES='the name of a bucket: 3 to 63 of a-z, 0-9, - and _ (with dots, each part), no "google", no "goog" at the start, no IP address, without gs://'

# sound_bucket checks the rules of Cloud Storage for names that a pattern cannot express.
sound_bucket() {
  if [[ $BUCKET != gs://* ]] && [[ $BUCKET == *..* || $BUCKET == goog* || $BUCKET == *google* || $BUCKET =~ ^[0-9]+(\.[0-9]+){3}$ || $BUCKET =~ [^.]{64} ]]; then
    PROBLEMS+=("BUCKET='$BUCKET' is not $BUCKET_NAMES")
  fi
}

# gpu_least sets LEAST_CPU and LEAST_GIB to Cloud Run's minimum CPU and memory for the GPU.
gpu_least() {
  case $GPU_TYPE in
    nvidia-rtx-pro-6000) LEAST_CPU=20 LEAST_GIB=80 ;;
    *) LEAST_CPU=4 LEAST_GIB=16 ;;
  esac
}

gpu_suffices() {
  [[ $GPU_CPU =~ ^[0-9]+$ && $GPU_MEMORY =~ ^[0-9]+[GM]i$ ]] || return 0 # noted already
  ((GPU_CPU >= LEAST_CPU && $(mebibytes "$GPU_MEMORY") >= LEAST_GIB * 1024)) ||
    PROBLEMS+=("GPU_CPU $GPU_CPU, GPU_MEMORY $GPU_MEMORY: a $GPU_TYPE needs at least $LEAST_CPU and ${LEAST_GIB}Gi")
}

# gpu_waits notes a GPU_TIMEOUT with which Cloud Run would end requests that the function still waits for: a page that
# needs a longer OCR_TIMEOUT would fail in spite of it.
gpu_waits() {
  local waits
  waits=$(in_seconds "$OCR_TIMEOUT")
  [ -z "$OCR_URL" ] && [[ $GPU_TIMEOUT =~ ^[1-9][0-9]*$ ]] || return 0 # not our service, or noted already
  ((GPU_TIMEOUT > waits)) || PROBLEMS+=("GPU_TIMEOUT $GPU_TIMEOUT is not more than OCR_TIMEOUT $OCR_TIMEOUT: Cloud Run would end a request before the function does")
  ((GPU_TIMEOUT <= 3600)) || PROBLEMS+=("GPU_TIMEOUT $GPU_TIMEOUT is more than 3600 seconds, Cloud Run's maximum")
}

# in_seconds DURATION prints a duration such as 90s or 2m30s in seconds; 0 if it is none.
DURATION='^(([0-9]{1,4})m)?(([0-9]{1,4})s)?$'
in_seconds() {
  [[ $1 =~ $DURATION ]] || { echo 0; return; }
  echo $((10#0${BASH_REMATCH[2]} * 60 + 10#0${BASH_REMATCH[4]}))
}

# known_model COMMAND notes a model whose image could be built but would not start: deploy/gpu/serve.sh supports one
# family.
known_model() {
  case $1 in all | gpu) ;; *) return 0 ;; esac
  [ -n "$OCR_URL$GPU_IMAGE" ] || [[ $OCR_MODEL == */LightOnOCR-* ]] ||
    PROBLEMS+=("OCR_MODEL='$OCR_MODEL' does not belong to the LightOnOCR family, the only one that our OCR service serves: set OCR_URL for another server")
}

mebibytes() { # mebibytes SIZE, as in 2Gi
  case $1 in *Gi) echo $((${1%Gi} * 1024)) ;; *) echo "${1%Mi}" ;; esac
}

# default_auth sets OCR_AUTH to none for servers outside Cloud Run, where an ID token is meaningless.
default_auth() {
  [ -n "$OCR_URL" ] && [ -z "${OCR_AUTH:-}" ] || return 0
  [[ $OCR_URL =~ ^https://[^/:]+\.run\.app(:443)?(/|$) ]] || OCR_AUTH=none
}

# derive sets the names of everything that is created.
derive() {
  FUNCTION=$NAME
  GPU=$NAME-gpu
  FUNCTION_ACCOUNT=$NAME-function@$PROJECT_ID.iam.gserviceaccount.com
  TRIGGER_ACCOUNT=$NAME-trigger@$PROJECT_ID.iam.gserviceaccount.com
  SWEEP_ACCOUNT=$NAME-sweep@$PROJECT_ID.iam.gserviceaccount.com
  GPU_ACCOUNT=$NAME-gpu@$PROJECT_ID.iam.gserviceaccount.com
  BUILDER_ACCOUNT=$NAME-builder@$PROJECT_ID.iam.gserviceaccount.com
  PIPELINE_ACCOUNT=$NAME-pipeline@$PROJECT_ID.iam.gserviceaccount.com
  [ "$RECONCILE_BUCKETS" != none ] || RECONCILE_BUCKETS=''
  TOPIC=$NAME-backfill
  [[ -z $NOTIFY_TOPIC || $NOTIFY_TOPIC == */* ]] || NOTIFY_TOPIC=projects/$PROJECT_ID/topics/$NOTIFY_TOPIC
  SWEEP=$NAME-sweep
  RECONCILE=$NAME-reconcile
  METRIC=$NAME-sweeps
  METRICS=${NAME//-/_}_ # prefix of the metrics used in PromQL, which does not permit dashes
  PROJECT_NUMBER=${PROJECT_NUMBER:-123456789012} # for a dry run; a real one asks for it
  FUNCTION_URL=''
  FOUND_OCR_URL=''
  GPU_LEAST=''
  BUCKET_PLACE=''
  default_auth
  # a user's token has no quota project unless one is named, and some APIs then refuse it
  CURL=(curl --silent --show-error --max-time 60 --header "X-Goog-User-Project: $PROJECT_ID")
}

# check_load refuses a function that can ask for more pages at once than the GPUs read at once, and instances that
# accept more objects than they have places for pages.
check_load() {
  [ -z "$OCR_URL" ] || return 0
  local asked=$((FUNCTION_MAX_INSTANCES * OCR_INSTANCE_CONCURRENCY))
  local taken=$((GPU_MAX_INSTANCES * GPU_MAX_NUM_SEQS))
  local sum="FUNCTION_MAX_INSTANCES $FUNCTION_MAX_INSTANCES x OCR_INSTANCE_CONCURRENCY $OCR_INSTANCE_CONCURRENCY = $asked pages"
  sum+=" asked for at most; GPU_MAX_INSTANCES $GPU_MAX_INSTANCES x GPU_MAX_NUM_SEQS $GPU_MAX_NUM_SEQS = $taken read at once"
  say "$sum"
  ((asked <= taken)) || wrong "$asked is more than $taken: lower one of the first two or raise one of the others"
  ((FUNCTION_CONCURRENCY <= OCR_INSTANCE_CONCURRENCY)) ||
    wrong "FUNCTION_CONCURRENCY $FUNCTION_CONCURRENCY is more than OCR_INSTANCE_CONCURRENCY $OCR_INSTANCE_CONCURRENCY: objects would wait in the function instead of in Pub/Sub"
}
