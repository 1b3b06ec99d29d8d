# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The service account of cloudbuild.yaml: it may deploy the function, call it, and upload its sample under one prefix.

deploy_build_account() {
  SERVICES+=(iamcredentials.googleapis.com) # issues the ID token with which a build calls its candidate
  enable_services
  DRY_FOUND=0 found gcloud run services describe "$FUNCTION" --project="$PROJECT_ID" --region="$REGION" '--format=value(status.url)' ||
    die "service $FUNCTION does not exist in $REGION yet: run ./deploy.sh function first"
  make_accounts "$FUNCTION_ACCOUNT" "$BUILDER_ACCOUNT" "$PIPELINE_ACCOUNT"
  local role
  for role in roles/run.sourceDeveloper roles/serviceusage.serviceUsageConsumer roles/logging.logWriter; do
    grant_project "$PIPELINE_ACCOUNT" "$role"
  done
  grant_account "$FUNCTION_ACCOUNT" "$PIPELINE_ACCOUNT" roles/iam.serviceAccountUser
  grant_account "$BUILDER_ACCOUNT" "$PIPELINE_ACCOUNT" roles/iam.serviceAccountUser
  grant_account "$PIPELINE_ACCOUNT" "$PIPELINE_ACCOUNT" roles/iam.serviceAccountOpenIdTokenCreator
  grant_service "$FUNCTION" "$PIPELINE_ACCOUNT" roles/run.invoker
  grant_prefix "$PIPELINE_ACCOUNT" roles/storage.objectUser
  say "cloudbuild.yaml runs as $PIPELINE_ACCOUNT"
}

# grant_prefix MEMBER ROLE grants a role on the objects of the smoke tests only. Conditions need a bucket with uniform
# access.
grant_prefix() {
  local policy
  policy=$(read_policy gcloud storage buckets get-iam-policy "gs://$BUCKET")
  ! has_line "$policy" "$2 serviceAccount:$1 bucketocr-smoke" || return 0
  local prefix="projects/_/buckets/$BUCKET/objects/$SMOKE_PREFIX/"
  change gcloud storage buckets add-iam-policy-binding "gs://$BUCKET" --member="serviceAccount:$1" \
    --role="$2" --condition="expression=resource.name.startsWith(\"$prefix\"),title=bucketocr-smoke" --format=none
}
