# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Alerts: one policy for each file in deploy/alerts, with @WORDS@ filled in.

# make_alerts fails if it could not create all alerts, after it has created the others.
make_alerts() {
  step "alerts"
  local there file failed=0
  there=$(look '' gcloud alpha monitoring policies list --project="$PROJECT_ID" --filter="userLabels.bucketocr=$NAME" \
    '--format=value[separator=" "](name,userLabels.bucketocr_alert,userLabels.bucketocr_input)') || return 1
  for file in deploy/alerts/*.json; do
    make_policy "$file" "$there" || failed=1
  done
  return "$failed"
}

make_policy() { # make_policy FILE "the list of policies"
  local alert policy mark id old
  alert=${1##*/}
  alert=${alert%.json}
  policy=$(filled_in "$1")
  mark=$(fingerprint "$policy" "$NOTIFICATION_CHANNELS")
  policy=${policy//@INPUT@/$mark}
  read -r id _ old <<<"$(grep " $alert " <<<"$2" || true)"
  [ "$old" != "$mark" ] || return 0
  local flags=(--project="$PROJECT_ID" --policy="$policy" --format=none)
  if [ -n "$id" ]; then
    [ -z "$NOTIFICATION_CHANNELS" ] || flags+=(--set-notification-channels="$NOTIFICATION_CHANNELS")
    change gcloud alpha monitoring policies update "$id" "${flags[@]}"
  else
    [ -z "$NOTIFICATION_CHANNELS" ] || flags+=(--notification-channels="$NOTIFICATION_CHANNELS")
    change gcloud alpha monitoring policies create "${flags[@]}"
  fi
}

# filled_in FILE prints a policy, or the dashboard, on one line.
filled_in() {
  local text subscriptions
  text=$(one_line "$1")
  subscriptions=$(printf '\\"%s\\",' "${SUBSCRIPTIONS[@]}")
  text=${text//@NAME@/$NAME}
  text=${text//@FUNCTION@/$FUNCTION}
  text=${text//@GPU@/$GPU}
  text=${text//@METRIC@/$METRIC}
  text=${text//@METRICS@/$METRICS}
  text=${text//@PROJECT@/$PROJECT_ID}
  printf '%s' "${text//@SUBSCRIPTIONS@/${subscriptions%,}}"
}
