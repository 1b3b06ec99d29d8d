# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Roles. Each grant reads the policy first, so that a second run writes none.

# holds FILTERED-POLICY ROLE MEMBER: the policy's lines are "role member condition"; a conditional grant does not count.
holds() { grep -Fxq "$2 serviceAccount:$3" <<<"$1"; }

# BINDINGS has gcloud print a policy as "role member condition" lines.
BINDINGS=('--flatten=bindings[].members[]'
  '--format=value[separator=" "](bindings.role,bindings.members,bindings.condition.title)')

# read_policy COMMAND... prints the policy that the command gets.
read_policy() { look '' "$@" "${BINDINGS[@]}" | sed 's/ *$//'; }

# grant POLICY MEMBER ROLE COMMAND... has the command add the role, unless the policy holds it.
grant() {
  local policy=$1 member=$2 role=$3
  shift 3
  holds "$policy" "$role" "$member" ||
    patiently 'does not exist' "$@" --member="serviceAccount:$member" --role="$role" --format=none
}

PROJECT_POLICY='' # read once: nobody else's grant of a role of ours would matter

grant_project() { # grant_project MEMBER ROLE
  [ -n "$PROJECT_POLICY" ] || PROJECT_POLICY=$(read_policy gcloud projects get-iam-policy "$PROJECT_ID")$'\n'
  grant "$PROJECT_POLICY" "$1" "$2" gcloud projects add-iam-policy-binding "$PROJECT_ID" --condition=None
}

grant_bucket() { # grant_bucket MEMBER ROLE
  grant "$(read_policy gcloud storage buckets get-iam-policy "gs://$BUCKET")" "$1" "$2" \
    gcloud storage buckets add-iam-policy-binding "gs://$BUCKET"
}

grant_service() { # grant_service SERVICE MEMBER ROLE
  grant "$(read_policy gcloud run services get-iam-policy "$1" --project="$PROJECT_ID" --region="$REGION")" "$2" "$3" \
    gcloud run services add-iam-policy-binding "$1" --project="$PROJECT_ID" --region="$REGION"
}

grant_account() { # grant_account ACCOUNT MEMBER ROLE
  grant "$(read_policy gcloud iam service-accounts get-iam-policy "$1" --project="$PROJECT_ID")" "$2" "$3" \
    gcloud iam service-accounts add-iam-policy-binding "$1" --project="$PROJECT_ID" --condition=None
}

grant_secret() { # grant_secret SECRET MEMBER ROLE
  grant "$(read_policy gcloud secrets get-iam-policy "$1" --project="$PROJECT_ID")" "$2" "$3" \
    gcloud secrets add-iam-policy-binding "$1" --project="$PROJECT_ID" --condition=None
}
