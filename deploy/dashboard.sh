# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The dashboard: deploy/dashboard.json with @WORDS@ filled in, under the installation's name.

make_dashboard() {
  step "dashboard"
  local board mark there etag
  board=$(filled_in deploy/dashboard.json)
  mark=$(fingerprint "$board")
  board=${board//@INPUT@/$mark}
  if found gcloud monitoring dashboards describe "$NAME" --project="$PROJECT_ID" \
    '--format=value[separator=" "](labels.bucketocr_input,etag)'; then
    read -r there etag <<<"$ANSWER"
    [ "$there" != "$mark" ] || return 0
    board="{\"etag\": \"$etag\", ${board#\{}"
    change gcloud monitoring dashboards update "$NAME" --project="$PROJECT_ID" --config="$board" --format=none
  else
    change gcloud monitoring dashboards create --project="$PROJECT_ID" --config="$board" --format=none
  fi
}
