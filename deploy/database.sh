# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# Firestore: the database, and the indexes in "Queries and indexes" of docs/document.md.

# EXEMPT are fields that no query uses: without an index they have no limit of 1,500 bytes and no hot spot of growing
# times.
EXEMPT=(
  "ocr_documents text" "ocr_documents error" "ocr_documents lease" "ocr_documents metadata"
  "ocr_documents windowStart" "ocr_documents retried" "ocr_documents eventTime" "ocr_documents started"
  "ocr_documents updated" "ocr_documents markerExpires"
  "ocr_pages text" "ocr_pages error" "ocr_pages blocks"
)

make_database() {
  local unusable
  step "Firestore"
  if found gcloud firestore databases describe --project="$PROJECT_ID" --database="$FIRESTORE_DATABASE" "$DATABASE_KIND"; then
    unusable=$(unusable_database "$ANSWER")
    [ -z "$unusable" ] || die "the database $FIRESTORE_DATABASE of $PROJECT_ID is $unusable: the function cannot use it. $OTHER_DATABASE"
  else
    change gcloud firestore databases create --project="$PROJECT_ID" --database="$FIRESTORE_DATABASE" \
      --location="$FIRESTORE_LOCATION" --type=firestore-native --delete-protection --format=none
  fi
  make_exemptions
  make_ttl
  make_composite
}

# DATABASE_KIND makes gcloud print "TYPE EDITION" of a database.
DATABASE_KIND='--format=value[separator=" "](type,databaseEdition)'
OTHER_DATABASE='Set FIRESTORE_DATABASE to the name of another, such as bucketocr; it is made beside this one'

# unusable_database "TYPE EDITION" prints why the function, or the indexes created here, cannot use a database.
unusable_database() {
  local type edition
  read -r type edition <<<"$1"
  if [ "$type" != FIRESTORE_NATIVE ]; then
    echo "of type $type (Datastore mode)"
  elif [ "$edition" = ENTERPRISE ]; then
    echo 'of the Enterprise edition, which has different indexes'
  fi
}

# in_database COLLECTION sets the flags for a collection.
in_database() {
  local collection=$1
  [ "$collection" = ocr_pages ] || collection=$FIRESTORE_COLLECTION
  PLACE=(--project="$PROJECT_ID" --database="$FIRESTORE_DATABASE" --collection-group="$collection")
}

make_exemptions() {
  local there pair collection field
  there=$(look '' gcloud firestore indexes fields list --project="$PROJECT_ID" --database="$FIRESTORE_DATABASE" \
    '--format=value[separator=" "](name,indexConfig.usesAncestorConfig)')
  for pair in "${EXEMPT[@]}"; do
    read -r collection field <<<"$pair"
    in_database "$collection"
    grep -Eq "/collectionGroups/${PLACE[2]#*=}/fields/$field *\$" <<<"$there" ||
      change gcloud firestore indexes fields update "$field" "${PLACE[@]}" --disable-indexes --async --format=none
  done
}

# make_ttl makes Firestore remove the markers of erased objects.
make_ttl() {
  local state
  in_database ocr_documents
  state=$(look '' gcloud firestore fields ttls list "${PLACE[@]}" '--format=value(name,ttlConfig.state)')
  grep -Eq "/fields/markerExpires[[:space:]]+(ACTIVE|CREATING)" <<<"$state" ||
    change gcloud firestore fields ttls update markerExpires "${PLACE[@]}" --enable-ttl --async --format=none
}

# make_composite creates the index for listeners and the console: the newest of one status.
make_composite() {
  local there
  in_database ocr_documents
  there=$(look '' gcloud firestore indexes composite list --project="$PROJECT_ID" --database="$FIRESTORE_DATABASE" \
    --filter="name~/collectionGroups/$FIRESTORE_COLLECTION/" '--format=value[separator=" "](fields[0].fieldPath,fields[1].fieldPath)')
  has_line "$there" 'status finished' ||
    change gcloud firestore indexes composite create "${PLACE[@]}" --query-scope=collection \
      --field-config=field-path=status,order=ascending --field-config=field-path=finished,order=descending --async --format=none
}
