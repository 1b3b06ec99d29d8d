# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Deploys firestore.rules to the database with Firebase's REST API: gcloud has no command for it. Not tested with the
# real service.

send_rules() {
  step "security rules of the database $FIRESTORE_DATABASE"
  local api=${RULES_URL:-https://firebaserules.googleapis.com}/v1 release rules answer ruleset
  release=projects/$PROJECT_ID/releases/cloud.firestore
  [ "$FIRESTORE_DATABASE" = '(default)' ] || release+=/$FIRESTORE_DATABASE
  rules=$(sed "s/ocr_documents/$FIRESTORE_COLLECTION/g" deploy/firestore.rules)
  SERVICES=(firebaserules.googleapis.com)
  enable_services
  authorize
  answer=$(look '' "${CURL[@]}" --header @"$TOKEN" "$api/$release")
  ruleset=$(json_string rulesetName "$answer")
  show_old_rules "$api" "$ruleset" "$answer"
  ask "They will be replaced, as a whole, by:"$'\n'"$rules" "$PROJECT_ID"

  answer=$(send "projects/$PROJECT_ID/rulesets/RULESET" POST "$api/projects/$PROJECT_ID/rulesets" \
    "{\"source\":{\"files\":[{\"name\":\"firestore.rules\",\"content\":$(json_quote "$rules")}]}}")
  local new
  new=$(json_string name "$answer")
  [ -n "$new" ] || die "the rules were refused: $answer"
  if [ -n "$ruleset" ]; then
    answer=$(send "$release" PATCH "$api/$release" "{\"release\":{\"name\":\"$release\",\"rulesetName\":\"$new\"}}")
  else
    answer=$(send "$release" POST "$api/projects/$PROJECT_ID/releases" "{\"name\":\"$release\",\"rulesetName\":\"$new\"}")
  fi
  [ -n "$(json_string name "$answer")" ] || die "the rules were stored as $new but not activated: $answer"
  say "active: $new"
}

show_old_rules() { # show_old_rules API RULESET ANSWER
  if [ -n "$2" ]; then
    say "The active rules are $2:"
    local old
    old=$(look '' "${CURL[@]}" --header @"$TOKEN" "$1/$2")
    say "$(unescape "$(sed -n 's/^ *"content": *"\(.*\)",\{0,1\}$/\1/p' <<<"$old")")"
  elif [ -n "$DRY_RUN" ] || grep -q '"code": *404' <<<"$3"; then
    say 'No rules are active: only service accounts can read or write.'
  else
    die "could not read the active rules: $3"
  fi
}

# send ANSWER METHOD URL BODY sends a request and prints the answer; in a dry run it prints the command and an answer
# with the name ANSWER.
send() {
  local command=("${CURL[@]}" --header @"$TOKEN" --header 'Content-Type: application/json' --request "$2" --data "$4" "$3")
  show "${command[@]}"
  if [ -n "$DRY_RUN" ]; then
    printf '"name": "%s"\n' "$1"
    return
  fi
  "${command[@]}"
}

json_quote() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\t'/\\t}
  printf '"%s"' "${text//$'\n'/\\n}"
}
