# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# How commands are run: shown, run or only shown, and tried again while the platform still spreads what was just made.

DRY_RUN=${DRY_RUN:-}          # not empty: nothing is run
YES=${YES:-}                  # not empty: no question is asked
DRY_FOUND=1                   # what a search finds in a dry run: 1 nothing, as in an empty project; 0 everything
RETRY_FOR=${RETRY_FOR:-600}   # seconds that one command may wait in sum: IAM alone may take 7 minutes
DISABLED_IS_ABSENT=''         # not empty: a search in an API that is not enabled finds nothing
export CLOUDSDK_CORE_DISABLE_PROMPTS=1

exec 3>&1 # commands are shown here, also from inside $( )

WORK=$(mktemp -d) # readable by us alone
trap 'rm -rf "$WORK"' EXIT

DISABLED='SERVICE_DISABLED|has not been used in project|it is disabled|accessNotConfigured'

# PASSING are the errors that pass by themselves, by what is waited for then: "REASON: PATTERN", an extended regular
# expression that is looked for in each line, in capitals or not. They are precise where a wider one would also match
# what only a person can change.
PASSING=(
  "a new account to be known everywhere: service ?account.*(does not exist|not found)|does not exist.*service ?account|Gaia id not found|serviceaccounts\.actAs|not authorized to act"
  "new grants to take effect: storage\.objects\.(get|list)|Access to bucket .* denied|FETCH_?SOURCE|artifactregistry\.repositories\.(up|down)loadArtifacts|logging\.logEntries\.create"
  "a service's own account: Service Agent|gcp-sa-|unable to publish to Cloud Pub/Sub"
  "an API that was just enabled: $DISABLED"
  "another change to end: ABORTED|underlying data changed|contention|(operation|update|change) (is )?in progress|another operation|concurrent policy changes"
  "a metric that was just made: Cannot find metric"
  "the platform: UNAVAILABLE|RESOURCE_EXHAUSTED|HTTPError (429|50[0234])|too many requests|per minute|Internal error|(try again|please retry) (in|soon|later)|connection (reset|aborted|timed out)"
)

# FINAL are those that no waiting cures, by what to do about them. They are looked for before PASSING, DENIED after it.
FINAL=(
  "the quota of the project in this region is too small. ./deploy.sh --check names each quota, what is needed of it and where to ask for more; docs/deploy.md has a section on new projects: AllocPerProjectRegion|allowable count of GPUs"
  "a new project may build in a few regions only, and this is none of them: choose REGION, or BUILD_REGION for the OCR service's image, from us-central1 us-west2 europe-west1 asia-east1 australia-southeast1 southamerica-east1: cannot run builds in this region"
  "a policy of your organisation forbids it. Locations are set by REGION, BUCKET_LOCATION, FIRESTORE_LOCATION and BUILD_REGION, ingress by FUNCTION_INGRESS and GPU_INGRESS: violates constraint|violates org|organization policy|constraints/"
  "the project has no billing account: gcloud billing projects link PROJECT --billing-account=ACCOUNT: BILLING_DISABLED|billing account"
)
DENIED="you lack a role, or the thing belongs to another project. ./deploy.sh --check names the roles: PERMISSION_DENIED|lacks IAM permission|does not have (permission|[a-z.]+ access)|HTTPError 403"

say() { printf '%s\n' "$*" >&2; }

# step heads a part of the run, with the time since it began.
step() { printf '== %s (%d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)) >&2; }

# die ends with 1: something failed. wrong ends with 2: used or set wrongly.
die() { say "deploy.sh: $*"; exit 1; }
wrong() { say "deploy.sh: $*"; exit 2; }

# say_done is say for what is not so in a dry run.
say_done() { [ -n "$DRY_RUN" ] || say "$*"; }

# need_programs ends the run where a program is missing that it would only miss half way.
need_programs() {
  local program
  [ -z "$DRY_RUN" ] || return 0
  for program in gcloud curl; do
    command -v "$program" >/dev/null || die "$program is missing: $(source_of "$program")"
  done
}

source_of() { # source_of PROGRAM
  case $1 in
    gcloud) echo 'https://cloud.google.com/sdk/docs/install, or take Cloud Shell, which has all that is needed' ;;
    *) echo 'install the package of your system' ;;
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

# change runs a command that changes something, and shows it.
change() {
  show "$@"
  [ -n "$DRY_RUN" ] || attempt live "$@"
}

# look ANSWER COMMAND... prints what a command that only reads answers; ANSWER in a dry run.
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

# found COMMAND... reports whether the thing that the command describes is there. What the command prints is put into
# ANSWER; in a dry run that is DRY_ANSWER. Any failure but "there is none" ends the run, with IF_DENIED where access was
# refused: not knowing is not the same as knowing that there is none.
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
  ((code == 0)) || die "could not tell whether it is there: $(show "$@" 3>&1)"
}

ABSENT=44 # attempt's answer to a search that found nothing

# attempt MODE COMMAND... runs the command, again and again while its error is one of PASSING, waiting no longer than
# RETRY_FOR in sum; what fails only after minutes was no refusal, and its own time counts. MODE live shows errors as
# they come, quiet only in the end, search returns ABSENT where there is none.
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
    # what an earlier try made although it failed: its answer was lost; or MAY_EXIST says that it is as good
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
      say "deploy.sh: tried for $waited s, waiting for $reason. Run the same again later: what is made is kept"
      return "$code"
    fi
    ((waited + pause <= RETRY_FOR)) || pause=$((RETRY_FOR - waited))
    say "waiting for $reason: once more in $pause s, for $((RETRY_FOR - waited)) s at most"
    sleep "$pause"
    waited=$((waited + pause))
    pause=$((pause < 30 ? pause * 2 : 60))
  done
}

# matches PATTERN TEXT reports whether the extended regular expression is in a line of the text, in capitals or not.
matches() {
  local code=0
  shopt -s nocasematch
  [[ $2 =~ ${1//.\*/[^$'\n']*} ]] || code=1
  shopt -u nocasematch
  return "$code"
}

# absent ERRORS reports whether they say that there is no such thing.
absent() {
  if matches "$DISABLED" "$1"; then
    [ -n "$DISABLED_IS_ABSENT" ]
    return
  fi
  matches 'NOT_FOUND|not found|cannot find|does not exist' "$1" && ! matches 'PERMISSION_DENIED|(^|[^0-9])403([^0-9]|$)' "$1"
}

# passing ERRORS prints what has to be waited for; it fails where waiting does not help.
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

# advise ERRORS says what to do about them, where that is known.
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

# explain_build ERRORS adds to the errors of a failed build why it failed, which gcloud leaves to the console. Of a
# source deploy gcloud does not even say which build it was: the newest of our builder's in the region.
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
      '--format=value(textPayload)' | sed '1!G;h;$!d' # the newest comes first
  } 2>&1 | tee -a "$1" >&2 || true
}

# ask ends the run unless a person types the expected word.
ask() {
  local question=$1 expected=$2 given=''
  [ -z "$DRY_RUN$YES" ] || return 0
  say "$question"
  read -r -p "Type '$expected' to go on: " given || true
  [ "$given" = "$expected" ] || die "left as it is"
}

# fingerprint prints 40 hex digits that stand for its arguments: the mark by which the next run knows an unchanged
# thing.
fingerprint() {
  local sum
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  printf '%s\0' "$@" | "${sum[@]}" | cut -c1-40
}

# one_line prints a file on one line.
one_line() { tr -s ' \n' ' ' <"$1"; }

# json_string KEY TEXT prints the first string of that key.
json_string() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$2" | head -n 1; }
