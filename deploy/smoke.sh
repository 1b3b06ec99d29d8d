# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The smoke test: it sends one sample through the whole system, from the bucket to the text.

GENERATIONS='' # of the sample, uploaded by this run

# smoke_test fails, but does not end the run, if the sample is not read: the rest of the deploy is still useful.
smoke_test() {
  [ "$SMOKE" = yes ] || return 0
  step "smoke test: $SAMPLE; the first page of a sleeping GPU takes minutes"
  local object=$SMOKE_PREFIX/deploy/${SAMPLE##*/}
  authorize || return 1
  upload_sample "$object" || return 1
  wait_for_end "$object"
}

# upload_sample OBJECT adds the new generation to GENERATIONS; any of these counts.
upload_sample() {
  local generation
  fresh_sample
  change gcloud storage cp "$FRESH" "gs://$BUCKET/$1" || return 1
  generation=$(look 1 gcloud storage objects describe "gs://$BUCKET/$1" '--format=value(generation)') || return 1
  GENERATIONS+=" $generation "
}

# authorize writes the header with the token to the file TOKEN, which only this user can read: command lines are visible
# to all.
authorize() {
  TOKEN="token-file"
  if [ -n "$DRY_RUN" ]; then
    show gcloud auth print-access-token
    return
  fi
  local token
  token=$(gcloud auth print-access-token) || return 1
  TOKEN=$WORK/token
  printf 'Authorization: Bearer %s\n' "$token" >"$TOKEN"
}

# document_url BUCKET/NAME prints the address of the object's document: its id is the SHA-256 of that.
document_url() {
  local sum id
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  id=$(printf '%s' "$1" | "${sum[@]}" | cut -d' ' -f1)
  local host=${FIRESTORE_URL:-https://firestore.googleapis.com}
  echo "$host/v1/projects/$PROJECT_ID/databases/$FIRESTORE_DATABASE/documents/$FIRESTORE_COLLECTION/$id"
}

# wait_for_end OBJECT waits for the end of one of the GENERATIONS and prints its text. A new trigger sends no events in
# its first minutes, and never any for objects uploaded then: while there is no document, the sample is uploaded again.
wait_for_end() {
  local url answer seen status='' last=none waited=0 again=150 pause=${SMOKE_PAUSE:-5}
  url=$(document_url "$BUCKET/$1")
  while :; do
    answer=$(look "\"generation\":{\"integerValue\":\"1\"}\"status\":{\"stringValue\":\"done\"" \
      "${CURL[@]}" --header @"$TOKEN" "$url?mask.fieldPaths=generation&mask.fieldPaths=status&mask.fieldPaths=error" || true)
    answer=$(tr -d ' \n' <<<"$answer")
    seen=$(sed -n 's/.*"generation":{"integerValue":"\([0-9]*\)".*/\1/p' <<<"$answer")
    if [[ -n $seen && $GENERATIONS == *" $seen "* ]]; then
      status=$(sed -n 's/.*"status":{"stringValue":"\([a-z]*\)".*/\1/p' <<<"$answer")
    fi
    [ "$status" = "$last" ] || say_done "${status:-no document yet}"
    last=$status
    case $status in
      done) break ;;
      failed) say "the sample failed: $answer"; return 1 ;;
    esac
    if ((waited >= SMOKE_WAIT)); then
      say "not done after $waited s, last seen: ${status:-no document} $answer"
      return 1
    fi
    sleep "$pause"
    waited=$((waited + pause))
    if [ -z "$status" ] && ((waited >= again)); then
      say "no document after $waited s: the trigger may not be working yet; uploading again"
      upload_sample "$1" || return 1
      again=$((again + 150))
    fi
  done
  print_text "$(look '' "${CURL[@]}" --header @"$TOKEN" "$url?mask.fieldPaths=text")"
}

# unescape undoes JSON's escapes.
unescape() { printf '%b\n' "$(sed -e 's/\\\\/\x01/g' -e 's/\\"/"/g' -e 's/\x01/\\\\/g' <<<"$1")"; }

# print_text prints the string in Firestore's answer, without JSON escapes.
print_text() {
  [ -z "$DRY_RUN" ] || return 0
  local text
  text=$(sed -n 's/^ *"stringValue": *"\(.*\)"$/\1/p' <<<"$1")
  if [ -z "$text" ]; then
    say "done, but without text: $1"
    return 1
  fi
  unescape "$text"
}
