# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The smoke test: one sample through the whole system, from the bucket to the text.

SAMPLE=examples/samples/patent-2004.png
CURL=(curl --silent --show-error --max-time 60)

smoke_test() {
  [ "$SMOKE" = yes ] || return 0
  say "== smoke test: $SAMPLE; the first page of a sleeping GPU takes minutes"
  local object=$SMOKE_PREFIX/deploy/${SAMPLE##*/} generation
  change gcloud storage cp "$SAMPLE" "gs://$BUCKET/$object"
  generation=$(look 1 gcloud storage objects describe "gs://$BUCKET/$object" '--format=value(generation)')
  authorize
  wait_for_end "$(document_url "$BUCKET/$object")" "$generation"
}

# authorize puts the header with our token into the file TOKEN, which nobody else may read: on a command line everybody could.
authorize() {
  TOKEN=token-file
  if [ -n "$DRY_RUN" ]; then
    show gcloud auth print-access-token
    return
  fi
  TOKEN=$(mktemp) # readable by us alone
  trap 'rm -f "$TOKEN"' EXIT
  printf 'Authorization: Bearer %s\n' "$(gcloud auth print-access-token)" >"$TOKEN"
}

# document_url BUCKET/NAME prints the address of the object's document: its id is the SHA-256 of that.
document_url() {
  local sum id
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  id=$(printf '%s' "$1" | "${sum[@]}" | cut -d' ' -f1)
  local host=${FIRESTORE_URL:-https://firestore.googleapis.com}
  echo "$host/v1/projects/$PROJECT_ID/databases/$FIRESTORE_DATABASE/documents/$FIRESTORE_COLLECTION/$id"
}

# wait_for_end URL GENERATION waits for the end of this generation and prints its text.
wait_for_end() {
  local url=$1 generation=$2 answer status='' last='' until=$((SECONDS + SMOKE_WAIT))
  while :; do
    answer=$(look "\"generation\":{\"integerValue\":\"$generation\"}\"status\":{\"stringValue\":\"done\"" \
      "${CURL[@]}" --header @"$TOKEN" "$url?mask.fieldPaths=generation&mask.fieldPaths=status&mask.fieldPaths=error" || true)
    answer=$(tr -d ' \n' <<<"$answer")
    if [[ $answer == *"\"generation\":{\"integerValue\":\"$generation\"}"* ]]; then
      status=$(sed -n 's/.*"status":{"stringValue":"\([a-z]*\)".*/\1/p' <<<"$answer")
    fi
    [ "$status" = "$last" ] || say "${status:-no document yet}"
    last=$status
    case $status in
      done) break ;;
      failed) die "the sample failed: $answer" ;;
    esac
    ((SECONDS < until)) || die "not done after $SMOKE_WAIT s, last seen: ${status:-no document} $answer"
    sleep "${SMOKE_PAUSE:-5}"
  done
  print_text "$(look '' "${CURL[@]}" --header @"$TOKEN" "$url?mask.fieldPaths=text")"
}

# unescape undoes JSON's escapes.
unescape() { printf '%b\n' "$(sed -e 's/\\\\/\x01/g' -e 's/\\"/"/g' -e 's/\x01/\\\\/g' <<<"$1")"; }

# print_text prints the one string in Firestore's answer, its JSON escapes undone.
print_text() {
  [ -z "$DRY_RUN" ] || return 0
  local text
  text=$(sed -n 's/^ *"stringValue": *"\(.*\)"$/\1/p' <<<"$1")
  [ -n "$text" ] || die "done, but there is no text: $1"
  unescape "$text"
}
