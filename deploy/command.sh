# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Running commands: they are shown, run unless this is a dry run, and retried while the platform still propagates
# changes.

DRY_RUN=${DRY_RUN:-}          # not empty: nothing is run
YES=${YES:-}                  # not empty: ask no questions
DRY_FOUND=1                   # result of searches in a dry run: 1 nothing, as in an empty project; 0 everything
RETRY_FOR=${RETRY_FOR:-600}   # total seconds that one command may wait: IAM alone may take 7 minutes
DISABLED_IS_ABSENT=''         # not empty: a search in an API that is not enabled finds nothing
export CLOUDSDK_CORE_DISABLE_PROMPTS=1

exec 3>&1 # commands are shown here, also from inside $( )

WORK=$(mktemp -d) # readable only by this user
trap 'rm -rf "$WORK"' EXIT

DISABLED='SERVICE_DISABLED|has not been used in project|it is disabled|accessNotConfigured'

# PASSING are transient errors, as "REASON: PATTERN": the reason for waiting, and an extended regular expression matched
# against each line, ignoring case. They are precise where a wider one would also match errors that only an operator can
# fix.
PASSING=(
  "a new account to be propagated: service ?account.*(does not exist|not found)|does not exist.*service ?account|Gaia id not found|serviceaccounts\.actAs|not authorized to act"
  "new grants to take effect: storage\.objects\.(get|list)|Access to bucket .* denied|FETCH_?SOURCE|artifactregistry\.repositories\.(up|down)loadArtifacts|logging\.logEntries\.create"
  "a service's own account: Service Agent|gcp-sa-|unable to publish to Cloud Pub/Sub"
  "an API that was just enabled: $DISABLED"
  "another change to finish: ABORTED|underlying data changed|contention|(operation|update|change) (is )?in progress|another operation|concurrent policy changes"
  "a new metric: Cannot find metric"
  "the platform: UNAVAILABLE|RESOURCE_EXHAUSTED|HTTPError (429|50[0234])|too many requests|per minute|Internal error|(try again|please retry) (in|soon|later)|connection (reset|aborted|timed out)"
)

# FINAL are errors that waiting does not cure, with the remedy. They are checked before PASSING, DENIED after it.
FINAL=(
  "the quota of the project in this region is too small. ./deploy.sh --check names each quota, how much is needed and where to request more; docs/deploy.md has a section on new projects: AllocPerProjectRegion|allowable count of GPUs"
  "a new project may build only in a few regions, and this is not one of them: choose REGION, or BUILD_REGION for the OCR service's image, from us-central1 us-west2 europe-west1 asia-east1 australia-southeast1 southamerica-east1: cannot run builds in this region"
  "a policy of your organisation forbids it. Locations are set by REGION, BUCKET_LOCATION, FIRESTORE_LOCATION and BUILD_REGION, ingress by FUNCTION_INGRESS and GPU_INGRESS: violates constraint|violates org|organization policy|constraints/"
  "the project has no billing account: gcloud billing projects link PROJECT --billing-account=ACCOUNT: BILLING_DISABLED|billing account"
)
DENIED="you lack a role, or the resource belongs to another project. ./deploy.sh --check names the roles: PERMISSION_DENIED|lacks IAM permission|does not have (permission|[a-z.]+ access)|HTTPError 403"

say() { printf '%s\n' "$*" >&2; }

# step prints a heading for a part of the run, with the time since the start.
step() { printf '== %s (%d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)) >&2; }

# die exits with 1: something failed. wrong exits with 2: wrong usage or settings.
die() { say "deploy.sh: $*"; exit 1; }
wrong() { say "deploy.sh: $*"; exit 2; }

# say_done is say, except in a dry run.
say_done() { [ -n "$DRY_RUN" ] || say "$*"; }

# need_programs ends the run if a program is missing that would otherwise only be missed half-way.
need_programs() {
  local program
  [ -z "$DRY_RUN" ] || return 0
  for program in gcloud curl; do
    command -v "$program" >/dev/null || die "$program is missing: $(source_of "$program")"
  done
}

source_of() { # source_of PROGRAM
  case $1 in
    gcloud) echo 'https://cloud.google.com/sdk/docs/install, or use Cloud Shell, which has everything' ;;
    *) echo 'install it with the package manager of your system' ;;
  esac
}

# show prints a command on one line, quoted so that a shell reads the same words again.
show() {
  local word line=''
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]] || word=${word@Q}
    line+="$word "
  done
  printf '%s\n' "${line% }" >&3
}

# change shows and runs a command that changes something.
change() {
  show "$@"
  [ -n "$DRY_RUN" ] || attempt live "$@"
}

# look ANSWER COMMAND... prints the answer of a command that only reads; ANSWER in a dry run.
look() {
  local answer=$1
  shift
  if [ -n "$DRY_RUN" ]; then
    show "$@"
    printf '%s\n' "$answer"
    return
  fi
  attempt quiet "$@"
}

# found COMMAND... reports whether the resource that the command describes exists. It sets ANSWER to the command's
# output, in a dry run to DRY_ANSWER. Any failure other than "not found" ends the run, with IF_DENIED if access was
# denied: an unknown state must not be taken for absence.
found() {
  local code=0
  ANSWER=''
  if [ -n "$DRY_RUN" ]; then
    show "$@"
    ANSWER=${DRY_ANSWER:-}
    return "$DRY_FOUND"
  fi
  ANSWER=$(attempt search "$@") || code=$?
  ((code != ABSENT)) || return 1
  ((code == 0)) || die "could not find out whether it exists: $(show "$@" 3>&1)"
}

ABSENT=44 # attempt's exit code for a search that found nothing

# attempt MODE COMMAND... runs the command, and repeats it while its error is one of PASSING, waiting RETRY_FOR in
# total; a command that fails only after minutes was not refused, so its own time counts. MODE live shows errors as they
# occur, quiet only in the end, search returns ABSENT for "not found".
attempt() {
  local mode=$1 file=$WORK/errors.$BASHPID errors waited=0 pause=5 try code reason since
  shift
  for ((try = 1; ; try++)); do
    code=0 since=$SECONDS
    if [ "$mode" = live ]; then
      { "$@" 2>&1 >&4 | tee "$file" >&2; } 4>&1 || code=$?
    else
      "$@" 2>"$file" || code=$?
    fi
    ((code != 0)) || return 0
    ((SECONDS - since < 60)) || waited=$((waited + SECONDS - since))
    [ "$mode" != live ] || explain_build "$file"
    errors=$(<"$file")
    if [ "$mode" = search ] && absent "$errors"; then
      return "$ABSENT"
    fi
    # an earlier try created it although it failed, because its answer was lost; or MAY_EXIST accepts an existing one
    if { ((try > 1)) || [ -n "${MAY_EXIST:-}" ]; } && [ "$mode" = live ] && matches 'ALREADY_EXISTS|already exists|already own it' "$errors"; then
      return 0
    fi
    if ! reason=$(passing "$errors"); then
      [ "$mode" = live ] || say "$errors"
      advise "$errors"
      return "$code"
    fi
    if ((waited >= RETRY_FOR)); then
      [ "$mode" = live ] || say "$errors"
      say "deploy.sh: tried for $waited s, waiting for $reason. Run the same command again later: what was created is kept"
      return "$code"
    fi
    ((waited + pause <= RETRY_FOR)) || pause=$((RETRY_FOR - waited))
    say "waiting for $reason: retrying in $pause s, for $((RETRY_FOR - waited)) s at most"
    sleep "$pause"
    waited=$((waited + pause))
    pause=$((pause < 30 ? pause * 2 : 60))
  done
}

# matches PATTERN TEXT reports whether the extended regular expression matches a line of the text, ignoring case.
matches() {
  local code=0
  shopt -s nocasematch
  [[ $2 =~ ${1//.\*/[^$'\n']*} ]] || code=1
  shopt -u nocasematch
  return "$code"
}

# absent ERRORS reports whether they mean "not found".
absent() {
  if matches "$DISABLED" "$1"; then
    [ -n "$DISABLED_IS_ABSENT" ]
    return
  fi
  matches 'NOT_FOUND|not found|cannot find|does not exist' "$1" && ! matches 'PERMISSION_DENIED|(^|[^0-9])403([^0-9]|$)' "$1"
}

# passing ERRORS prints the reason for waiting; it fails if waiting does not help.
passing() {
  local row
  for row in "${FINAL[@]}"; do
    ! matches "${row##*: }" "$1" || return 1
  done
  for row in "${PASSING[@]}"; do
    if matches "${row##*: }" "$1"; then
      printf '%s\n' "${row%%: *}"
      return
    fi
  done
  return 1
}

# advise ERRORS prints what to do about them, if known.
advise() {
  local row
  if [ -n "${IF_DENIED:-}" ] && matches "${DENIED##*: }" "$1"; then
    say "deploy.sh: $IF_DENIED"
    return
  fi
  for row in "${FINAL[@]}" "$DENIED"; do
    if matches "${row##*: }" "$1"; then
      say "deploy.sh: ${row%: *}"
      return
    fi
  done
}

# explain_build ERRORS adds the reason to the errors of a failed build, which gcloud shows only in the console. For a
# source deploy gcloud does not even name the build: it is the newest of the builder account in the region.
explain_build() {
  local id place
  id=$(grep -Eo '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' "$1" | head -n 1 || true)
  place=$(sed -n 's/.*builds;region=\([a-z0-9-]*\).*/\1/p' "$1" | head -n 1)
  if [ -z "$id" ] && grep -q 'Build failed' "$1"; then
    place=$REGION
    id=$(gcloud builds list --project="$PROJECT_ID" --region="$place" --filter="serviceAccount~/$NAME-builder@ AND status!=SUCCESS" --limit=1 '--format=value(id)' || true)
  fi
  if [ -z "$id" ] || ! grep -qi build "$1"; then
    return 0
  fi
  {
    gcloud builds describe "$id" --project="$PROJECT_ID" --region="${place:-global}" \
      '--format=value(status,statusDetail,failureInfo.type,failureInfo.detail,logUrl)'
    gcloud logging read "resource.type=build AND resource.labels.build_id=$id" --project="$PROJECT_ID" --limit=15 \
      '--format=value(textPayload)' | sed '1!G;h;$!d' # newest first
  } 2>&1 | tee -a "$1" >&2 || true
}

# ask ends the run unless a person types the expected word.
ask() {
  local question=$1 expected=$2 given=''
  [ -z "$DRY_RUN$YES" ] || return 0
  say "$question"
  read -r -p "Type '$expected' to go on: " given || true
  [ "$given" = "$expected" ] || die "cancelled: nothing was changed"
}

# has_line TEXT LINE reports whether the text has exactly this line.
has_line() { [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]; }

# fingerprint prints a hash of its arguments, 40 hex digits: the mark by which the next run recognises an unchanged
# resource.
fingerprint() {
  local sum
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  printf '%s\0' "$@" | "${sum[@]}" | cut -c1-40
}

# one_line prints a file on one line.
one_line() { tr -s ' \n' ' ' <"$1"; }

# json_string KEY TEXT prints the first string of that key.
json_string() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$2" | head -n 1; }
