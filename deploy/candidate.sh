#!/usr/bin/env bash
# The steps of cloudbuild.yaml that change the project: deploy a revision without traffic, try it, send it the traffic.
#
# A candidate has one of two colours, and ignores the samples of the other. Its own is one that the serving revision
# ignores, so that this build's sample is left to the candidate, and the tried revision can serve afterwards with
# unchanged settings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${PROJECT_ID:?}" "${REGION:?}" "${BUCKET:?}" "${NAME:?}" "${BUILD_ID:?}"

# shellcheck source=/dev/null
. deploy/command.sh
# shellcheck source=/dev/null
. deploy/settings.sh
# shellcheck source=/dev/null
. deploy/sample.sh

SERVICE=("$NAME" --project="$PROJECT_ID" --region="$REGION")
REVISION=$NAME-b-${BUILD_ID:0:8} # one revision per build
PREFIX=projects/$PROJECT_ID/serviceAccounts
STORAGE=${STORAGE_URL:-https://storage.googleapis.com}

# read_traffic prints a line per target: percent, revision, tag, address.
read_traffic() {
  gcloud run services describe "${SERVICE[@]}" '--flatten=status.traffic[]' \
    '--format=value[separator=","](status.traffic.percent,status.traffic.revisionName,status.traffic.tag,status.traffic.url)'
}

# colour_of TRAFFIC prints the candidate's colour: one whose samples every revision with traffic ignores. Tags do not
# tell: after a roll-back they point to later revisions.
colour_of() {
  local serving revision colour ignored colours=("${COLOURS[@]}") left
  serving=$(grep -E '^[1-9]' <<<"$1" | cut -d, -f2 | sort -u)
  for revision in $serving; do
    ignored=$(gcloud run revisions describe "$revision" --project="$PROJECT_ID" --region="$REGION" \
      '--flatten=spec.containers[0].env[]' '--format=value[separator="="](spec.containers.env.name,spec.containers.env.value)' |
      sed -n 's/^EXCLUDE=//p' | tr ',' '\n') || exit 1
    left=()
    for colour in "${colours[@]}"; do
      ! has_line "$ignored" "$SMOKE_PREFIX/$colour/**" || left+=("$colour")
    done
    colours=("${left[@]}")
  done
  ((${#colours[@]} > 0)) ||
    die "what has traffic (${serving//$'\n'/, }) would read a candidate's sample itself: give one revision all of it, or run ./deploy.sh function"
  echo "${colours[0]}"
}

# exclude_for COLOUR prints the service's EXCLUDE with the samples of the other colour, without those of this one.
exclude_for() {
  local other=${COLOURS[0]} own
  [ "$other" != "$1" ] || other=${COLOURS[1]}
  own=$(gcloud run services describe "${SERVICE[@]}" '--flatten=spec.template.spec.containers[0].env[]' \
    '--format=value[separator="="](spec.template.spec.containers.env.name,spec.template.spec.containers.env.value)' |
    sed -n 's/^EXCLUDE=//p' | tr ',' '\n' | grep -v "^$SMOKE_PREFIX/" | paste -sd, -)
  echo "${own:+$own,}$SMOKE_PREFIX/$other/**"
}

deploy_candidate() {
  local traffic colour exclude
  traffic=$(read_traffic)
  if grep -Fq ",$REVISION," <<<"$traffic"; then
    say "$REVISION is deployed already"
    return
  fi
  colour=$(colour_of "$traffic")
  exclude=$(exclude_for "$colour")
  change gcloud run deploy "${SERVICE[@]}" --source=. --function=ExtractText --base-image="$BASE_IMAGE" \
    --set-build-env-vars="$BUILD_FLAGS" --build-service-account="$PREFIX/$NAME-builder@$PROJECT_ID.iam.gserviceaccount.com" \
    --no-traffic --tag="$colour" --revision-suffix="${REVISION#"$NAME-"}" --update-env-vars="^##^EXCLUDE=$exclude" \
    --update-labels="bucketocr_input=build-${BUILD_ID:0:8}" --format=none
}

# try_candidate makes the candidate read a sample, with the event that Cloud Storage would send.
try_candidate() {
  local target url colour object
  target=$(read_traffic | grep -F ",$REVISION," | grep -E ',(blue|green),' || true)
  [ -n "$target" ] || die "no tag points to $REVISION: another build replaced it"
  IFS=, read -r _ _ colour url <<<"$target"
  object=$SMOKE_PREFIX/$colour/${SAMPLE##*/}
  STORAGE_TOKEN=$WORK/storage-token TOKEN=$WORK/token ANSWERS=$WORK/answers

  printf 'Authorization: Bearer %s\n' "$(gcloud auth print-access-token)" >"$STORAGE_TOKEN"
  printf 'Authorization: Bearer %s\n' "$(gcloud auth print-identity-token --audiences="$(service_url)")" >"$TOKEN"
  upload_sample "$object"
  send_until_done "$url" "$object"
}

# upload_sample OBJECT sets EVENT to the data of the event about the uploaded object.
upload_sample() {
  local answer generation size
  fresh_sample
  answer=$(curl --silent --show-error --fail --max-time 60 --header @"$STORAGE_TOKEN" --header 'Content-Type: image/png' \
    --data-binary @"$FRESH" "$STORAGE/upload/storage/v1/b/$BUCKET/o?uploadType=media&name=$(encode "$1")")
  generation=$(sed -n 's/.*"generation": *"\([0-9]*\)".*/\1/p' <<<"$answer")
  [ -n "$generation" ] || die "the sample could not be uploaded: $answer"
  size=$(wc -c <"$FRESH" | tr -d ' ')
  EVENT="{\"bucket\":\"$BUCKET\",\"name\":\"$1\",\"generation\":\"$generation\",\"size\":\"$size\",\"contentType\":\"image/png\"}"
}

service_url() { gcloud run services describe "${SERVICE[@]}" '--format=value(status.url)'; }

encode() { printf '%s' "${1//\//%2F}"; } # for our own names: letters, digits, . - /

# send_until_done URL OBJECT sends EVENT, and repeats it, as the platform would, while the answer requests redelivery. A
# sample that another revision has read proves nothing about the candidate: it gets another.
send_until_done() {
  local code word until=$((SECONDS + ${SMOKE_WAIT:-900}))
  while :; do
    code=$(curl --silent --show-error --max-time 560 --output "$ANSWERS" --write-out '%{http_code}' --header @"$TOKEN" \
      --header 'Content-Type: application/json' --header 'ce-specversion: 1.0' --header "ce-id: build-$BUILD_ID" \
      --header 'ce-type: google.cloud.storage.object.v1.finalized' --header "ce-subject: objects/$2" \
      --header "ce-source: //storage.googleapis.com/projects/_/buckets/$BUCKET" --data "$EVENT" "$1" || true)
    word=$(head -c 200 "$ANSWERS")
    say "$code $word"
    case $code:$word in
      200:done*) return ;;
      200:duplicate*) upload_sample "$2" ;;
      503:* | 500:* | 504:* | 429:* | 000:*) ;;
      *) die "the candidate cannot read the sample; the old revision keeps serving" ;;
    esac
    ((SECONDS < until)) || die "not read within ${SMOKE_WAIT:-900} s; the old revision keeps serving"
    sleep "${SMOKE_PAUSE:-10}"
  done
}

# promote names the tried revision explicitly, since the tag may point to another one by now.
promote() {
  change gcloud run services update-traffic "${SERVICE[@]}" --to-revisions="$REVISION=100" --format=none
}

case ${1:-} in
  deploy) deploy_candidate ;;
  try) try_candidate ;;
  promote) promote ;;
  *) wrong "candidate.sh deploy, try or promote" ;;
esac
