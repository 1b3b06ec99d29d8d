# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The OCR service: its image, built once for each set of inputs, and its Cloud Run service.

# make_gpu_image puts the image's address into GPU_IMAGE.
make_gpu_image() {
  [ -z "$GPU_IMAGE" ] || return 0
  say "== image of the OCR service"
  local tag
  tag=$(fingerprint "$OCR_MODEL" "$MODEL_REVISION" "$VLLM_DIGEST" "$(cd deploy/gpu && cat Dockerfile serve.sh fetch.sh)")
  tag=${tag:0:16}
  GPU_IMAGE=$REGION-docker.pkg.dev/$PROJECT_ID/$NAME/ocr:$tag
  found gcloud artifacts repositories describe "$NAME" --project="$PROJECT_ID" --location="$REGION" '--format=value(name)' ||
    change gcloud artifacts repositories create "$NAME" --project="$PROJECT_ID" --location="$REGION" \
      --repository-format=docker --description='bucketocr: images of the OCR service' --format=none
  if found gcloud artifacts tags list --project="$PROJECT_ID" --location="$REGION" --repository="$NAME" --package=ocr \
    '--format=value(name.basename())' && grep -Fxq "$tag" <<<"$ANSWER"; then
    say "$GPU_IMAGE is built already"
    return
  fi
  change gcloud builds submit deploy/gpu --project="$PROJECT_ID" --config=deploy/gpu/cloudbuild.yaml \
    --service-account="projects/$PROJECT_ID/serviceAccounts/$BUILDER_ACCOUNT" \
    --substitutions="_IMAGE=$GPU_IMAGE,_MODEL=$OCR_MODEL,_MODEL_REVISION=$MODEL_REVISION,_VLLM_DIGEST=$VLLM_DIGEST" \
    --suppress-logs --format=none
}

# make_gpu_service: the probe asks every 5 s and gives up after 20 minutes, so that it adds at most 5 s to a cold start
# and cuts no slow one; --ingress=all because the function has no VPC: the invoker role is the gate.
make_gpu_service() {
  say "== OCR service"
  # shellcheck disable=SC2054 # the commas belong to the probe
  local flags=(
    --image="$GPU_IMAGE" --region="$REGION" --gpu=1 --gpu-type="$GPU_TYPE" --no-gpu-zonal-redundancy
    --cpu="$GPU_CPU" --memory="$GPU_MEMORY" --no-cpu-throttling --cpu-boost --port=8000
    --concurrency="$GPU_MAX_NUM_SEQS" --min-instances="$GPU_MIN_INSTANCES" --max-instances="$GPU_MAX_INSTANCES"
    --timeout="$GPU_TIMEOUT" --service-account="$GPU_ACCOUNT" --ingress=all --no-allow-unauthenticated
    --startup-probe=httpGet.path=/health,httpGet.port=8000,initialDelaySeconds=0,periodSeconds=5,timeoutSeconds=4,failureThreshold=240
    --set-env-vars="MAX_NUM_SEQS=$GPU_MAX_NUM_SEQS"
  )
  deploy_service "$GPU" "${flags[@]}"
}

# deploy_service SERVICE FLAGS... deploys unless the service was deployed with the same FLAGS and INPUT (what is not in
# the flags: the sources) and its newest revision came up.
deploy_service() {
  local service=$1 mark there created ready
  shift
  mark=$(fingerprint "$@" "${INPUT:-}")
  if found gcloud run services describe "$service" --project="$PROJECT_ID" --region="$REGION" \
    '--format=value[separator=","](metadata.labels.bucketocr_input,status.latestCreatedRevisionName,status.latestReadyRevisionName)'; then
    IFS=',' read -r there created ready <<<"$ANSWER"
    if [ "$there" = "$mark" ] && [ "$created" = "$ready" ]; then
      say "$service is as it should be"
      return
    fi
  fi
  patiently 'Permission .*denied on resource|does not exist|iam.serviceaccounts.actAs' \
    gcloud run deploy "$service" --project="$PROJECT_ID" "$@" --labels="bucketocr_input=$mark" --format=none
}
