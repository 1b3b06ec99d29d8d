# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Roles. Each grant reads the policy first, so that a second run writes nothing. Each states that it has no condition:
# gcloud refuses to guess if another binding of the policy has one.

# holds FILTERED-POLICY ROLE MEMBER: the policy's lines are "role member condition"; a conditional grant does not count.
holds() { has_line "$1" "$2 serviceAccount:$3"; }

# BINDINGS makes gcloud print a policy as "role member condition" lines.
BINDINGS=('--flatten=bindings[].members[]'
  '--format=value[separator=" "](bindings.role,bindings.members,bindings.condition.title)')

# read_policy COMMAND... prints the policy returned by a command.
read_policy() { look '' "$@" "${BINDINGS[@]}" | sed 's/ *$//'; }

# grant POLICY MEMBER ROLE COMMAND... adds the role with the command, unless the policy has it.
grant() {
  local policy=$1 member=$2 role=$3
  shift 3
  holds "$policy" "$role" "$member" ||
    change "$@" --member="serviceAccount:$member" --role="$role" --format=none
}

PROJECT_POLICY='' # read once: roles granted by others meanwhile do not matter

project_policy() {
  [ -n "$PROJECT_POLICY" ] || PROJECT_POLICY=$(read_policy gcloud projects get-iam-policy "$PROJECT_ID")$'\n'
}

grant_project() { # grant_project MEMBER ROLE
  project_policy
  grant "$PROJECT_POLICY" "$1" "$2" gcloud projects add-iam-policy-binding "$PROJECT_ID" --condition=None
}

# grant_database MEMBER grants access to the database's documents. The role is on the project, so a condition restricts
# it to the database unless that is the default one.
grant_database() {
  if [ "$FIRESTORE_DATABASE" = '(default)' ]; then
    grant_project "$1" roles/datastore.user
    return
  fi
  project_policy
  local title=bucketocr-$FIRESTORE_DATABASE
  ! has_line "$PROJECT_POLICY" "roles/datastore.user serviceAccount:$1 $title" || return 0
  change gcloud projects add-iam-policy-binding "$PROJECT_ID" --member="serviceAccount:$1" --role=roles/datastore.user \
    --condition="expression=resource.name==\"projects/$PROJECT_ID/databases/$FIRESTORE_DATABASE\",title=$title" --format=none
}

grant_bucket() { # grant_bucket MEMBER ROLE
  grant "$(read_policy gcloud storage buckets get-iam-policy "gs://$BUCKET")" "$1" "$2" \
    gcloud storage buckets add-iam-policy-binding "gs://$BUCKET" --condition=None
}

grant_service() { # grant_service SERVICE MEMBER ROLE
  grant "$(read_policy gcloud run services get-iam-policy "$1" --project="$PROJECT_ID" --region="$REGION")" "$2" "$3" \
    gcloud run services add-iam-policy-binding "$1" --project="$PROJECT_ID" --region="$REGION" --condition=None
}

grant_account() { # grant_account ACCOUNT MEMBER ROLE
  grant "$(read_policy gcloud iam service-accounts get-iam-policy "$1" --project="$PROJECT_ID")" "$2" "$3" \
    gcloud iam service-accounts add-iam-policy-binding "$1" --project="$PROJECT_ID" --condition=None
}

grant_secret() { # grant_secret SECRET MEMBER ROLE
  grant "$(read_policy gcloud secrets get-iam-policy "$1" --project="$PROJECT_ID")" "$2" "$3" \
    gcloud secrets add-iam-policy-binding "$1" --project="$PROJECT_ID" --condition=None
}
