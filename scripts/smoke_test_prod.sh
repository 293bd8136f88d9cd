#!/usr/bin/env bash
# Is the installation alive, seen from outside? See --help.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/http-checks.sh disable=SC1091
source "$here/lib/http-checks.sh"

usage() {
  if [[ $CHECKS_LANGUAGE == ru ]]; then
    smoke_usage_in_russian
    return
  fi
  cat <<'HELP'
Usage: WEB_URL=https://example.com API_URL=https://api.example.com scripts/smoke_test_prod.sh

Checks a running installation from outside: the static site, the backend's health, login, the user and the orders.
Prints a line a step; the first step that fails is named, and the exit status is 1 (2: a setting is wrong).
No token and no password is ever printed.

  WEB_URL                where the static site is; required
  API_URL                where the API is (/api and /healthz below it); required
  FEATURE_API_URL        where reviews and uploads are (default: API_URL)
  API_INSECURE=1         take any certificate at API_URL, and at WEB_URL when that is the same host
  FEATURE_API_INSECURE=1 the same for FEATURE_API_URL (API_INSECURE counts when it is API_URL)
  WEB_INSECURE=1         the same for WEB_URL
  SMOKE_EMAIL, SMOKE_PASSWORD
                         who logs in (default: buyer@demo.com, demo123)
  RUN_BACKEND_CHECKS=1   then runs backend_acceptance_checks.sh: that it is the sidecar who answers, reviews and the
                         upload contract. It WRITES: the smoke user's review of PRODUCT_ID is made or edited
  PRODUCT_ID             the product to review (default: 1)
  SMOKE_UPLOAD=1         with RUN_BACKEND_CHECKS=1: uploads a file of a few bytes, which stays in the bucket, and
                         reads it back

What is switched on by 1 is by true, yes and on as well, in any case, and off by 0, false, no, off and nothing. Any other
value is refused. What was not checked, and by which switch, is said at the end.

  --check-settings       only looks whether the settings can be meant (status 0 or 2) and sends nothing
HELP
}

only_settings=''
case ${1:-} in
  '') ;;
  --check-settings) only_settings=yes ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

# The host in an address, to tell whether two addresses are one machine.
host_of() {
  local rest=${1#*://}
  rest=${rest%%/*}
  if [[ $rest =~ ^(.*):[0-9]+$ ]]; then rest=${BASH_REMATCH[1]}; fi
  printf '%s' "$rest"
}

# check_file PATH [TYPE]: a file of the site, and not the start page in its place, which a single-page site sends for
# everything that is missing.
check_file() {
  step 'web %s' "$1"
  anonymous --location --max-redirs 3 --output /dev/null ${web_tls:+"$web_tls"} "$WEB_URL$1"
  expect_status 200
  [[ $SIZE != 0 ]] || fail 'the file is empty'
  [[ ${CONTENT_TYPE,,} == *"${2:-}"* ]] || fail 'content type "%s" instead of %s' "$CONTENT_TYPE" "${2:-}"
  [[ $1 == / || ${CONTENT_TYPE,,} != *html* ]] || fail 'the site sent an HTML page: the file is missing'
  ok
}

WEB_URL=$(base_url WEB_URL)
read_api_settings
web_tls=$(insecure_flag WEB_INSECURE WEB_URL)
if [[ -n $web_tls ]]; then
  skip 'certificate of WEB_URL' 'WEB_INSECURE is on'
elif [[ -n $api_tls && $WEB_URL == https://* && $(host_of "$WEB_URL") == "$(host_of "$API_URL")" ]]; then
  web_tls=$api_tls
  skip 'certificate of WEB_URL' 'API_INSECURE is on'
fi
if is_on RUN_BACKEND_CHECKS; then
  run_backend_checks=yes
elif is_on SMOKE_UPLOAD; then
  usage_error 'SMOKE_UPLOAD is on, which takes RUN_BACKEND_CHECKS as well.'
else
  run_backend_checks=''
  skip 'reviews and uploads' 'RUN_BACKEND_CHECKS is off'
fi

[[ -z $only_settings ]] || exit 0

check_file / html
check_file /main.dart.js javascript
check_file /version.json
check_file /.last_build_id

step 'health (GET /healthz)'
anonymous ${api_tls:+"$api_tls"} "$API_URL/healthz"
expect_status 200
[[ ${CONTENT_TYPE,,} != *html* ]] || fail 'an HTML page came: API_URL is not the address of the API'
ok

log_in "$API_URL" ${api_tls:+"$api_tls"}

step 'user (GET /api/auth/me)'
authorized ${api_tls:+"$api_tls"} "$API_URL/api/auth/me"
expect_status 200
[[ -n $(json_number id) ]] || fail 'the answer has no numeric "id"'
ok

step 'orders (GET /api/orders)'
authorized ${api_tls:+"$api_tls"} "$API_URL/api/orders"
expect_status 200
[[ ${BODY:0:1} == '[' || ${BODY:0:1} == '{' ]] || fail 'the answer is not JSON'
ok

if [[ -n $run_backend_checks ]]; then
  # The same bash, so that no execute permission is needed. It logs in by itself: a token in its environment would
  # be one more place for a secret.
  "$BASH" "$here/backend_acceptance_checks.sh"
fi
passed 'The smoke test passed.'
