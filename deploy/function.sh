# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The function, by `gcloud run deploy --function`: `gcloud functions deploy` cannot deploy without traffic.

make_function() {
  find_ocr_service
  # our service accepts pages only from the function
  [ -n "$OCR_URL" ] || grant_service "$GPU" "$FUNCTION_ACCOUNT" roles/run.invoker
  step "function"
  function_environment
  local flags=(
    --source=. --function=ExtractText --base-image="$BASE_IMAGE" --set-build-env-vars="$BUILD_FLAGS"
    --build-service-account="projects/$PROJECT_ID/serviceAccounts/$BUILDER_ACCOUNT"
    --region="$REGION" --service-account="$FUNCTION_ACCOUNT" --ingress="$FUNCTION_INGRESS" --no-allow-unauthenticated
    --cpu="$FUNCTION_CPU" --memory="$FUNCTION_MEMORY" --cpu-boost --timeout="$SERVICE_TIMEOUT"
    --concurrency="$FUNCTION_CONCURRENCY" --min-instances=0 --max-instances="$FUNCTION_MAX_INSTANCES"
    "--set-env-vars=$ENVIRONMENT"
  )
  if [ -n "$OCR_API_KEY_SECRET" ]; then
    grant_secret "${OCR_API_KEY_SECRET%%:*}" "$FUNCTION_ACCOUNT" roles/secretmanager.secretAccessor
    flags+=(--set-secrets="OCR_API_KEY=$OCR_API_KEY_SECRET")
  else
    # --set-env-vars keeps variables from secrets: the next OCR_URL would be sent the last one's key
    flags+=(--clear-secrets)
  fi
  INPUT=$(sources) deploy_service "$FUNCTION" "${flags[@]}"
  serve_latest
  FUNCTION_URL=$(look "https://$FUNCTION-$PROJECT_NUMBER.$REGION.run.app" gcloud run services describe "$FUNCTION" \
    --project="$PROJECT_ID" --region="$REGION" '--format=value(status.url)')
  grant_service "$FUNCTION" "$TRIGGER_ACCOUNT" roles/run.invoker
  grant_service "$FUNCTION" "$SWEEP_ACCOUNT" roles/run.invoker
}

# find_ocr_service sets FOUND_OCR_URL to OCR_URL or the address of our OCR service, and GPU_LEAST to the instances that
# the latter always has; with OCR_URL an earlier run may have left it, otherwise GPU_LEAST stays empty.
find_ocr_service() {
  [ -z "$FOUND_OCR_URL" ] || return 0
  step "the OCR service's address"
  GPU_LEAST=$GPU_MIN_INSTANCES
  if [ -n "$OCR_URL" ]; then
    FOUND_OCR_URL=$OCR_URL GPU_LEAST=''
    ! found gcloud run services describe "$GPU" --project="$PROJECT_ID" --region="$REGION" \
      '--format=value(spec.template.metadata.annotations["autoscaling.knative.dev/minScale"])' || GPU_LEAST=${ANSWER:-0}
    return
  fi
  FOUND_OCR_URL=$(look "https://$GPU-$PROJECT_NUMBER.$REGION.run.app" gcloud run services list --project="$PROJECT_ID" \
    --region="$REGION" --filter="metadata.name=$GPU" '--format=value(status.url)')
  [ -n "$FOUND_OCR_URL" ] || die "service $GPU does not exist in $REGION: run ./deploy.sh gpu first, or set OCR_URL"
}

# function_environment sets ENVIRONMENT to the function's variables, in gcloud's syntax with the delimiter ##, because
# globs contain commas. Variables not set here have the defaults in docs/configuration.md.
function_environment() {
  local name value exclude=${EXCLUDE:-} include=${INCLUDE:-} colour
  for colour in "${COLOURS[@]}"; do
    exclude+="${exclude:+,}$SMOKE_PREFIX/$colour/**"
  done
  [ -z "$include" ] || include+=",$SMOKE_PREFIX/**"
  ENVIRONMENT="^##^GOOGLE_CLOUD_PROJECT=$PROJECT_ID##CLOUD_RUN_TIMEOUT_SECONDS=$SERVICE_TIMEOUT##OCR_URL=$FOUND_OCR_URL"
  for name in "${PASSED_ON[@]}"; do
    case $name in
      EXCLUDE) value=$exclude ;;
      INCLUDE) value=$include ;;
      *) value=${!name:-} ;;
    esac
    [[ $value != *'##'* ]] || wrong "$name='$value' contains ##"
    [ -z "$value" ] || ENVIRONMENT+="##$name=$value"
  done
}

# refuse_other_documents ends the run, before it creates anything, if the function has its documents elsewhere: they
# would stay behind, and objects that were read would be read again. The documents of a new function must not be another
# installation's.
refuse_other_documents() {
  local name there
  if ! found gcloud run services describe "$FUNCTION" --project="$PROJECT_ID" --region="$REGION" \
    '--flatten=spec.template.spec.containers[0].env[]' \
    '--format=value[separator="="](spec.template.spec.containers.env.name,spec.template.spec.containers.env.value)'; then
    refuse_shared_documents
    return
  fi
  for name in FIRESTORE_DATABASE FIRESTORE_COLLECTION; do
    there=$(sed -n "s/^$name=//p" <<<"$ANSWER")
    [ -z "$there" ] || [ "$there" = "${!name}" ] ||
      die "the documents of $FUNCTION are in $name=$there, not in ${!name}: set $name as before, remove the installation with ./deploy.sh destroy, or $SECOND"
  done
}

# refuse_shared_documents ends the run if another installation of the project, in any region, has its documents in the
# same collection: the sweep of each would process the records of both, with its own account and settings.
refuse_shared_documents() {
  local there others other
  there=$(look '' gcloud run services list --project="$PROJECT_ID" --filter=metadata.labels.bucketocr_input:* \
    '--flatten=spec.template.spec.containers[0].env[]' \
    '--format=value[separator=" "](metadata.name,spec.template.spec.containers.env.name,spec.template.spec.containers.env.value)')
  others=$(sed -n "s/^\([^ ]*\) FIRESTORE_COLLECTION $FIRESTORE_COLLECTION\$/\1/p" <<<"$there")
  for other in $others; do
    [ "$other" = "$FUNCTION" ] || ! has_line "$there" "$other FIRESTORE_DATABASE $FIRESTORE_DATABASE" ||
      die "the installation $other has its documents in $FIRESTORE_COLLECTION of the database $FIRESTORE_DATABASE, too: $SECOND"
  done
}

# sources prints a fingerprint of the uploaded files.
sources() {
  local files
  files=$(look go.mod gcloud meta list-files-for-upload .)
  # shellcheck disable=SC2046 # split into words on purpose
  fingerprint "$(printf '%s\n' "$files" | LC_ALL=C sort | while IFS= read -r file; do
    [ ! -f "$file" ] || cksum "$file"
  done)"
}

# serve_latest sends all traffic to the newest revision if a build of cloudbuild.yaml has pinned it.
serve_latest() {
  local traffic
  traffic=$(look '100 True' gcloud run services describe "$FUNCTION" --project="$PROJECT_ID" --region="$REGION" \
    '--flatten=status.traffic[]' '--format=value[separator=" "](status.traffic.percent,status.traffic.latestRevision)')
  has_line "$traffic" '100 True' ||
    change gcloud run services update-traffic "$FUNCTION" --project="$PROJECT_ID" --region="$REGION" --to-latest --format=none
}
