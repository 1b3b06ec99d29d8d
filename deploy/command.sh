# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# How commands are run: shown, run or only shown, repeated while the platform still spreads what was just made.

DRY_RUN=${DRY_RUN:-}         # not empty: nothing is run
YES=${YES:-}                 # not empty: nobody is asked
DRY_FOUND=1                  # what a search finds in a dry run: 1 nothing, as in an empty project; 0 everything
RETRY_PAUSE=${RETRY_PAUSE:-10} # seconds between two tries
export CLOUDSDK_CORE_DISABLE_PROMPTS=1

exec 3>&1 # commands are shown here, also from inside $( )

say() { printf '%s\n' "$*" >&2; }

# die ends with 1: something failed. wrong ends with 2: used or set wrongly.
die() { say "deploy.sh: $*"; exit 1; }
wrong() { say "deploy.sh: $*"; exit 2; }

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
  [ -n "$DRY_RUN" ] || "$@"
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
  "$@"
}

# found COMMAND... says whether the thing that the command describes is there. What the command prints is put into ANSWER.
# Any failure but "there is none" ends the run: not knowing is not the same as knowing that there is none.
found() {
  local errors code=0
  ANSWER=''
  if [ -n "$DRY_RUN" ]; then
    show "$@"
    return "$DRY_FOUND"
  fi
  errors=$(mktemp)
  ANSWER=$("$@" 2>"$errors") || code=$?
  local text
  text=$(cat "$errors")
  rm -f "$errors"
  ((code == 0)) && return 0
  if grep -Eqi 'NOT_FOUND|not found|cannot find|does not exist' <<<"$text" && ! grep -Eqi 'PERMISSION_DENIED|(^|[^0-9])403([^0-9]|$)' <<<"$text"; then
    return 1
  fi
  say "$text"
  say "deploy.sh: could not tell whether it is there: $(show "$@" 3>&1)"
  exit 1
}

# patiently PATTERN COMMAND... changes something that fails, with PATTERN in its error, until the platform has spread what
# was made a moment ago (a new account, a new API's own account): tried for RETRY_TIMES tries.
patiently() {
  local pattern=$1 errors try code
  shift
  show "$@"
  [ -z "$DRY_RUN" ] || return 0
  errors=$(mktemp)
  for ((try = 1; ; try++)); do
    code=0
    "$@" 2>"$errors" || code=$?
    cat "$errors" >&2
    if ((code == 0 || try == ${RETRY_TIMES:-12})) || ! grep -Eqi "$pattern" "$errors"; then
      rm -f "$errors"
      return "$code"
    fi
    say "not spread yet; once more in $RETRY_PAUSE s"
    sleep "$RETRY_PAUSE"
  done
}

# ask ends the run unless a person types the expected word.
ask() {
  local question=$1 expected=$2 given=''
  [ -z "$DRY_RUN$YES" ] || return 0
  say "$question"
  read -r -p "Type '$expected' to go on: " given || true
  [ "$given" = "$expected" ] || die "left as it is"
}

# fingerprint prints 40 hex digits that stand for its arguments: the mark by which the next run knows an unchanged thing.
fingerprint() {
  local sum
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  printf '%s\0' "$@" | "${sum[@]}" | cut -c1-40
}

# one_line prints a file on one line.
one_line() { tr -s ' \n' ' ' <"$1"; }
