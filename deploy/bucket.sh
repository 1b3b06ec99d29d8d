# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The bucket, and the roles for reading and announcing its objects.

make_bucket() {
  step "bucket gs://$BUCKET"
  local owner
  if IF_DENIED="gs://$BUCKET belongs to another project, or you may not read it: choose another BUCKET" \
    found gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value[separator=" "](location,projectNumber)'; then
    read -r BUCKET_PLACE owner <<<"$ANSWER"
    [ "$owner" = "$PROJECT_NUMBER" ] ||
      die "gs://$BUCKET belongs to project $owner, not to $PROJECT_ID ($PROJECT_NUMBER): Eventarc needs them in one project"
  else
    change gcloud storage buckets create "gs://$BUCKET" --project="$PROJECT_ID" --location="$BUCKET_LOCATION" \
      --uniform-bucket-level-access --public-access-prevention
    BUCKET_PLACE=$BUCKET_LOCATION
  fi
  BUCKET_PLACE=${BUCKET_PLACE,,} # triggers need it in lower case
  grant_bucket "$FUNCTION_ACCOUNT" roles/storage.objectViewer
  local agent
  agent=$(look "service-$PROJECT_NUMBER@gs-project-accounts.iam.gserviceaccount.com" \
    gcloud storage service-agent --project="$PROJECT_ID")
  grant_project "$agent" roles/pubsub.publisher
}

# versioned reports whether the bucket keeps noncurrent versions: deleting the live one then only archives it.
versioned() {
  local on
  on=$(look True gcloud storage buckets describe "gs://$BUCKET" --raw '--format=value(versioning.enabled)')
  [ "$on" = True ]
}
