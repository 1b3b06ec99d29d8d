# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The OCR service: its image, built once for each set of inputs, and its Cloud Run service.

# make_gpu_image sets GPU_IMAGE to the image's address.
make_gpu_image() {
  [ -z "$GPU_IMAGE" ] || return 0
  step "image of the OCR service"
  make_repository
  choose_revision
  local tag
  tag=$(fingerprint "$OCR_MODEL" "$MODEL_REVISION" "$VLLM_DIGEST" "$(cd deploy/gpu && cat Dockerfile driver.sh fetch.sh serve.sh && tested_rows)")
  tag=${tag:0:16}
  GPU_IMAGE=$REGION-docker.pkg.dev/$PROJECT_ID/$NAME/ocr:$tag
  if found gcloud artifacts tags list --project="$PROJECT_ID" --location="$REGION" --repository="$NAME" --package=ocr \
    '--format=value(name.basename())' && has_line "$ANSWER" "$tag"; then
    say "$GPU_IMAGE is built already"
    return
  fi
  [ -z "$HF_TOKEN_SECRET" ] || grant_secret "${HF_TOKEN_SECRET%%:*}" "$BUILDER_ACCOUNT" roles/secretmanager.secretAccessor
  say_done 'building: 15 to 30 minutes, by what others report'
  change gcloud builds submit deploy/gpu --project="$PROJECT_ID" --config=deploy/gpu/cloudbuild.yaml \
    --region="$BUILD_REGION" --default-buckets-behavior=regional-user-owned-bucket \
    --service-account="projects/$PROJECT_ID/serviceAccounts/$BUILDER_ACCOUNT" \
    --substitutions="_IMAGE=$GPU_IMAGE,_MODEL=$OCR_MODEL,_MODEL_REVISION=$MODEL_REVISION,_VLLM_DIGEST=$VLLM_DIGEST,_HF_TOKEN_SECRET=$HF_TOKEN_SECRET" \
    --suppress-logs --format=none
}

# tested_rows prints the rows of tested.txt for the image's vLLM, which determine the libraries in the image.
tested_rows() {
  grep "^$(sed -n 's/^FROM vllm\/vllm-openai:v\([0-9.]*\)@.*/\1/p' Dockerfile | head -n 1) " tested.txt
}

# make_repository: an existing repository may be another team's, so only one created here is marked, cleaned up and
# removed by destroy. RECORDED is the model and commit of its image, as noted by the last run.
make_repository() {
  local format made
  RECORDED=''
  if found gcloud artifacts repositories describe "$NAME" --project="$PROJECT_ID" --location="$REGION" \
    '--format=value[separator=","](format,labels.bucketocr_made,labels.bucketocr_model,labels.bucketocr_revision)'; then
    IFS=, read -r format made RECORDED <<<"$ANSWER"
    [ "$format" = DOCKER ] || die "the repository $NAME in $REGION has format $format: install under another NAME"
  else
    change gcloud artifacts repositories create "$NAME" --project="$PROJECT_ID" --location="$REGION" \
      --repository-format=docker --description='bucketocr: images of the OCR service' --labels="bucketocr_made=$NAME" --format=none
    made=$NAME
  fi
  [ "$made" = "$NAME" ] || return 0
  local policies
  policies=$(look '' gcloud artifacts repositories list-cleanup-policies "$NAME" --project="$PROJECT_ID" --location="$REGION" \
    '--format=value(name)')
  [ -n "$policies" ] || change gcloud artifacts repositories set-cleanup-policies "$NAME" --project="$PROJECT_ID" \
    --location="$REGION" --policy=deploy/gpu/cleanup.json --no-dry-run --format=none
}

# WEIGHTS makes gcloud print "MODEL,COMMIT" of the last image, the model as its mark.
WEIGHTS='--format=value[separator=","](labels.bucketocr_model,labels.bucketocr_revision)'

# weights_mark prints a mark of OCR_MODEL that fits a label.
weights_mark() {
  local mark
  mark=$(fingerprint "$OCR_MODEL")
  echo "${mark:0:16}"
}

# choose_revision chooses the commit of the weights: the one that was set, otherwise the recorded one, so that a later
# run installs the same, otherwise the newest, which is recorded before anything is built.
choose_revision() {
  local model
  model=$(weights_mark)
  if [ -z "$MODEL_REVISION" ] && [ "${RECORDED%%,*}" = "$model" ]; then
    MODEL_REVISION=${RECORDED#*,}
  fi
  if [ -z "$MODEL_REVISION" ]; then
    MODEL_REVISION=$(json_string sha "$(look "\"sha\": \"$(printf '0%.0s' {1..40})\"" \
      curl --silent --show-error --fail --max-time 60 "${HUB_URL:-https://huggingface.co}/api/models/$OCR_MODEL/revision/main" | tr ',' '\n')")
    [[ $MODEL_REVISION =~ ^[0-9a-f]{40}$ ]] ||
      die "Hugging Face did not say which commit of $OCR_MODEL is the newest: set MODEL_REVISION (deploy/gpu/README.md says how to look it up)"
  fi
  say_done "weights: $OCR_MODEL at commit $MODEL_REVISION (MODEL_REVISION pins another)"
  [ "$RECORDED" = "$model,$MODEL_REVISION" ] ||
    change gcloud artifacts repositories update "$NAME" --project="$PROJECT_ID" --location="$REGION" \
      --update-labels="bucketocr_model=$model,bucketocr_revision=$MODEL_REVISION" --format=none
}

# make_gpu_service: the probe runs every 5 s and gives up after 20 minutes, so that it adds at most 5 s to a cold start
# and does not break off a slow one; --ingress=all is the default because the function has no VPC: the invoker role
# protects the service.
make_gpu_service() {
  step "OCR service"
  # shellcheck disable=SC2054 # the commas belong to the probe
  local flags=(
    --image="$GPU_IMAGE" --region="$REGION" --gpu=1 --gpu-type="$GPU_TYPE" --no-gpu-zonal-redundancy
    --cpu="$GPU_CPU" --memory="$GPU_MEMORY" --no-cpu-throttling --cpu-boost --port=8000
    --concurrency="$GPU_MAX_NUM_SEQS" --min-instances="$GPU_MIN_INSTANCES" --max-instances="$GPU_MAX_INSTANCES"
    --timeout="$GPU_TIMEOUT" --service-account="$GPU_ACCOUNT" --ingress="$GPU_INGRESS" --no-allow-unauthenticated
    --startup-probe=httpGet.path=/health,httpGet.port=8000,initialDelaySeconds=0,periodSeconds=5,timeoutSeconds=4,failureThreshold=240
    --set-env-vars="MAX_NUM_SEQS=$GPU_MAX_NUM_SEQS"
  )
  deploy_service "$GPU" "${flags[@]}"
}

# refuse_other_limits ends a run that does not change the OCR service if that has other limits than are set: they would
# be reported, and the function's load checked against them, as if they were in force.
refuse_other_limits() {
  [ -z "$OCR_URL" ] || return 0
  local there most places timeout least wanted
  there=$(look "$GPU_MAX_INSTANCES $GPU_MAX_NUM_SEQS $GPU_TIMEOUT $GPU_MIN_INSTANCES" \
    gcloud run services describe "$GPU" --project="$PROJECT_ID" --region="$REGION" \
    '--format=value[separator=" "](spec.template.metadata.annotations["autoscaling.knative.dev/maxScale"],spec.template.spec.containerConcurrency,spec.template.spec.timeoutSeconds,spec.template.metadata.annotations["autoscaling.knative.dev/minScale"])')
  read -r most places timeout least <<<"$there"
  there="GPU_MAX_INSTANCES=$most GPU_MAX_NUM_SEQS=$places GPU_TIMEOUT=$timeout GPU_MIN_INSTANCES=${least:-0}"
  wanted="GPU_MAX_INSTANCES=$GPU_MAX_INSTANCES GPU_MAX_NUM_SEQS=$GPU_MAX_NUM_SEQS GPU_TIMEOUT=$GPU_TIMEOUT GPU_MIN_INSTANCES=$GPU_MIN_INSTANCES"
  [ "$there" = "$wanted" ] ||
    die "service $GPU has $there, and this command does not change it to $wanted: set what it has, or run ./deploy.sh all"
}

# refuse_other_weights ends a run that does not build the OCR service's image if that has other weights than are set. The
# labels of the repository tell, unless the image is another's.
refuse_other_weights() {
  [ -z "$OCR_URL$GPU_IMAGE" ] || return 0
  found gcloud artifacts repositories describe "$NAME" --project="$PROJECT_ID" --location="$REGION" "$WEIGHTS" || return 0
  local model revision
  IFS=, read -r model revision <<<"$ANSWER"
  [ -z "$model" ] || [ "$model" = "$(weights_mark)" ] ||
    die "the image of $GPU has another model than OCR_MODEL=$OCR_MODEL, and this command does not build it: set the one it has, or run ./deploy.sh all"
  [ -z "$revision" ] || [ -z "$MODEL_REVISION" ] || [ "$revision" = "$MODEL_REVISION" ] ||
    die "the image of $GPU has MODEL_REVISION=$revision, and this command does not build one with $MODEL_REVISION: set what it has, or run ./deploy.sh all"
}

# deploy_service SERVICE FLAGS... deploys unless the service was deployed with the same FLAGS and INPUT (inputs other
# than flags: the sources) and its newest revision is ready.
deploy_service() {
  local service=$1 mark there created ready
  shift
  mark=$(fingerprint "$@" "${INPUT:-}")
  if found gcloud run services describe "$service" --project="$PROJECT_ID" --region="$REGION" \
    '--format=value[separator=","](metadata.labels.bucketocr_input,status.latestCreatedRevisionName,status.latestReadyRevisionName)'; then
    IFS=',' read -r there created ready <<<"$ANSWER"
    if [ "$there" = "$mark" ] && [ "$created" = "$ready" ]; then
      say "$service is up to date"
      return
    fi
  fi
  change gcloud run deploy "$service" --project="$PROJECT_ID" "$@" --labels="bucketocr_input=$mark" --format=none
}
