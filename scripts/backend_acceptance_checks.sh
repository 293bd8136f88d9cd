#!/usr/bin/env bash
# Do reviews and uploads keep their contract? See --help.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/http-checks.sh disable=SC1091
source "$here/lib/http-checks.sh"

usage() {
  if [[ $CHECKS_LANGUAGE == ru ]]; then
    backend_checks_usage_in_russian
    return
  fi
  cat <<'HELP'
Usage: API_URL=https://api.example.com scripts/backend_acceptance_checks.sh

Checks that it is the sidecar who answers, not the backend or an earlier module of it that has the same routes, and the
routes that the sidecar serves, as the clients use them: reviews GET and POST, and the upload contract.
Prints a line a step; the first step that fails is named, and the exit status is 1 (2: a setting is wrong).
No token, no password and no signed URL is ever printed.

It WRITES: the smoke user's review of PRODUCT_ID is made or edited (5 stars, "Smoke test"). Use a user and a product
that are there for this.

  API_URL                where login is; required
  FEATURE_API_URL        where reviews and uploads are (default: API_URL)
  API_INSECURE=1         take any certificate at API_URL
  FEATURE_API_INSECURE=1 the same for FEATURE_API_URL (API_INSECURE counts when it is API_URL)
  SMOKE_EMAIL, SMOKE_PASSWORD
                         who logs in (default: buyer@demo.com, demo123)
  PRODUCT_ID             the product to review (default: 1)
  SMOKE_UPLOAD=1         uploads a file of a few bytes, which stays in the bucket, and reads it back

What is switched on by 1 is by true, yes and on as well, in any case, and off by 0, false, no, off and nothing. Any other
value is refused. What was not checked, and by which switch, is said at the end.
HELP
}

case ${1:-} in
  '') ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

readonly JSON_TYPE='Content-Type: application/json'
readonly POSITIVE='^[1-9][0-9]*$'

# upload_body KIND CONTENT_TYPE SIZE_BYTES
upload_body() {
  printf '{"kind":"%s","filename":"smoke-test","content_type":"%s","size_bytes":%s}' "$1" "$2" "$3"
}

# feature SENDER CURL_ARGUMENTS... PATH: to the sidecar's routes.
feature() {
  local sender=$1 path=${*: -1}
  "$sender" ${feature_tls:+"$feature_tls"} "${@:2:$#-2}" "$FEATURE_API_URL$path"
}

# Nobody but the sidecar has this route (docs/contract.md, 2): a backend with an earlier module for reviews and uploads
# would pass all that follows. An X-Request-Id is in each of its answers; without storage it is 501, with a code.
check_who_answers() {
  local head
  step 'the sidecar answers (GET /api/uploads/limits)'
  # The head comes in front of the body, in lines that end with a carriage return.
  feature anonymous --include /api/uploads/limits
  head=${BODY%%$'\r\n\r\n'*}
  BODY=${BODY:${#head}}
  [[ $STATUS == 200 || $STATUS == 501 ]] ||
    fail 'status %s%s: it is not the sidecar who answers, but the backend or an earlier release' \
      "$STATUS" "$(reason_given)"
  [[ ${head,,} == *$'\n'x-request-id:* && ($BODY == *'"kinds"'* || -n $(json_text code)) ]] ||
    fail 'it is not the sidecar who answers, but something that looks like it'
  ok
}

check_reviews() {
  local path=/api/products/$PRODUCT_ID/reviews
  step 'reviews GET (%s)' "$path"
  feature anonymous "$path?limit=5"
  expect_status 200
  [[ $BODY =~ \"items\"[[:space:]]*:[[:space:]]*\[ ]] || fail 'the answer has no list "items"'
  [[ $BODY == *'"next_cursor"'* ]] || fail 'the answer has no "next_cursor"'
  [[ -n $(json_number avg_rating) && -n $(json_number count) ]] || fail 'the answer has no complete "summary"'
  ok

  step 'reviews POST without a token (%s)' "$path"
  feature anonymous --header "$JSON_TYPE" --data-binary '{"rating":5,"text":null}' "$path"
  expect_error 401
  ok

  step 'reviews POST (%s)' "$path"
  feature authorized --header "$JSON_TYPE" --data-binary '{"rating":5,"text":"Smoke test"}' "$path"
  if [[ $STATUS == 403 && $(json_text code) == purchase_required ]]; then
    ok 'status 403, which the smoke user gets without a purchase'
    skip 'writing a review' 'only buyers of the product may (REVIEWS_REQUIRE_PURCHASE)'
    return
  fi
  expect_status 200
  [[ $(json_number rating) == 5 && $(json_text text) == 'Smoke test' ]] || fail 'the answer is not the review sent'
  [[ -n $(json_number id) && -n $(json_text created_at) ]] || fail 'the review has no "id" or no "created_at"'
  local shown
  shown=$(json_text status)
  if [[ ${shown:-published} != published ]]; then
    ok 'it is not shown yet: %s' "$shown"
    return
  fi
  [[ $(json_number count) =~ $POSITIVE ]] || fail 'the review is not counted in "summary"'
  ok
}

# Sets UPLOAD_URL, FILE_URL and UPLOAD_HEADERS (JSON) for a file of $1 bytes; returns 1 when uploads are switched off.
check_upload_contract() {
  step 'upload contract (POST /api/uploads)'
  feature authorized --header "$JSON_TYPE" --data-binary "$(upload_body product_image image/png "$1")" /api/uploads
  if [[ $STATUS == 501 ]]; then
    expect_error 501
    if is_on SMOKE_UPLOAD; then fail 'status 501: no storage is configured, and SMOKE_UPLOAD needs it'; fi
    ok 'status 501, no storage is configured on this server'
    skip 'refusals of uploads' 'no storage is configured on this server'
    return 1
  fi
  expect_status 200
  UPLOAD_URL=$(json_text upload_url)
  FILE_URL=$(json_text file_url)
  local pattern='"headers"[[:space:]]*:[[:space:]]*(\{[^{}]*\})'
  local url='^https?://[^[:space:]"\\]+$'
  [[ $UPLOAD_URL =~ $url ]] || fail 'the answer has no "upload_url"'
  [[ $FILE_URL =~ $url ]] || fail 'the answer has no "file_url"'
  [[ $BODY =~ $pattern ]] || fail 'the answer has no "headers"'
  UPLOAD_HEADERS=${BASH_REMATCH[1]}
  [[ $(json_number expires_in) =~ $POSITIVE ]] || fail 'the answer has no "expires_in"'
  ok

  check_upload_refusals
}

check_upload_refusals() {
  step 'upload without a token'
  feature anonymous --header "$JSON_TYPE" --data-binary "$(upload_body product_image image/png 1)" /api/uploads
  expect_error 401
  ok

  step 'upload of a type that is not allowed'
  feature authorized --header "$JSON_TYPE" --data-binary "$(upload_body product_image text/html 1)" /api/uploads
  expect_error 415
  ok

  step 'upload that is too large'
  feature authorized --header "$JSON_TYPE" \
    --data-binary "$(upload_body product_image image/png 99999999999)" /api/uploads
  expect_error 413
  ok

  step 'upload of no bytes'
  feature authorized --header "$JSON_TYPE" --data-binary "$(upload_body product_image image/png 0)" /api/uploads
  expect_error 422
  ok
}

# curl's config for the PUT: the address, which is as good as a password until it expires, and exactly the headers
# given. An empty Content-Type comes first: curl adds one of its own otherwise.
put_config() {
  local rest=$UPLOAD_HEADERS pattern='"([^"\\]+)"[[:space:]]*:[[:space:]]*"([^"\\]*)"'
  printf 'url = "%s"\n' "$UPLOAD_URL"
  [[ ${rest,,} == *'"content-type"'* ]] || printf 'header = "Content-Type:"\n'
  while [[ $rest =~ $pattern ]]; do
    printf 'header = "%s: %s"\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    rest=${rest#*"${BASH_REMATCH[0]}"}
  done
}

# storage_reason: the S3 error code in the last answer. Only that: the rest of it quotes the signature.
storage_reason() {
  if [[ $BODY =~ \<Code\>([A-Za-z]+)\</Code\> ]]; then printf ' (%s)' "${BASH_REMATCH[1]}"; fi
}

# check_round_trip TEXT: TEXT goes up and comes back, whole and in part.
check_round_trip() {
  step 'upload PUT (upload_url)'
  request --config - --request PUT --data-binary "$1" < <(put_config)
  [[ $STATUS == 2?? ]] || fail 'the storage answered with status %s%s' "$STATUS" "$(storage_reason)"
  ok

  step 'upload read back (file_url)'
  anonymous "$FILE_URL"
  [[ $STATUS == 200 ]] || fail 'the storage answered with status %s%s' "$STATUS" "$(storage_reason)"
  [[ $BODY == "$1" ]] || fail 'the bytes are not the ones that were sent'
  [[ $CONTENT_TYPE == image/png ]] || fail 'content type "%s" instead of %s' "$CONTENT_TYPE" image/png
  ok

  step 'upload read in part (Range)'
  anonymous --range 0-3 "$FILE_URL"
  [[ $STATUS == 206 ]] || fail 'status %s instead of 206: players cannot seek in videos' "$STATUS"
  [[ $BODY == "${1:0:4}" ]] || fail 'the bytes are not the ones that were asked for'
  ok
}

read_api_settings
if [[ -n $feature_tls ]]; then
  skip 'certificate of FEATURE_API_URL' 'FEATURE_API_INSECURE is on'
elif [[ -n $api_tls && $FEATURE_API_URL == "$API_URL" ]]; then
  feature_tls=$api_tls
  skip 'certificate of FEATURE_API_URL' 'API_INSECURE is on'
fi

check_who_answers
log_in "$API_URL" ${api_tls:+"$api_tls"}
check_reviews
# The file is a text; the storage believes the type that was signed.
file="smoke test $$-$RANDOM"
if check_upload_contract ${#file} && is_on SMOKE_UPLOAD; then check_round_trip "$file"; fi
is_on SMOKE_UPLOAD || skip 'upload of a file' 'SMOKE_UPLOAD is off'
passed 'The backend checks passed.'
