# shellcheck shell=bash
# Steps, requests and answers for the checks that run against a live installation. Sourced, never run; needs bash and
# curl only. Nothing secret is printed or becomes an argument of a program, where `ps` would show it to everybody:
# headers and addresses go to curl as a config file on stdin, the login's body goes there as it is.

# `bash -x` would print every secret.
{ set +x; } 2>/dev/null

# Before LC_ALL is ours, and for the script that this one may start. As gettext chooses: ru, ru_RU.UTF-8 …
if [[ -z ${CHECKS_LANGUAGE:-} ]]; then
  CHECKS_LANGUAGE=en
  case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in ru | ru[_.@-]*) CHECKS_LANGUAGE=ru ;; esac
fi
export CHECKS_LANGUAGE
# Byte by byte: texts are only compared, cut and passed on.
LC_ALL=C
declare -A RUSSIAN=()
if [[ $CHECKS_LANGUAGE == ru ]]; then
  # shellcheck source=words-ru.sh disable=SC1091
  source "$(dirname "${BASH_SOURCE[0]}")/words-ru.sh"
fi
# What the failing step was about to check.
STEP='start'
# What was left out, and why: for the end.
SKIPPED=()
TOKEN=''
# The last answer: status (000 when there was none), content type, size of the body in bytes, body.
STATUS='' CONTENT_TYPE='' SIZE='' BODY=''
readonly CONNECT_TIMEOUT_S=5 TOTAL_TIMEOUT_S=30

# text FORMAT ARGUMENTS...: in the language of who reads it. A FORMAT stands as it is in words-ru.sh: in single quotes, whole.
text() {
  # shellcheck disable=SC2059
  printf "${RUSSIAN[$1]-$1}" "${@:2}"
}

# step FORMAT ARGUMENTS...
step() {
  STEP=$(text "$@")
}

# ok [FORMAT ARGUMENTS...]: the step passed.
# shellcheck disable=SC2120
ok() {
  printf 'ok   %s' "$STEP"
  (($# == 0)) || printf ': %s' "$(text "$@")"
  printf '\n'
}

# fail FORMAT ARGUMENTS...: names the step, says why and ends the run.
fail() {
  printf 'FAIL %s: %s\n' "$STEP" "$(text "$@")" >&2
  exit 1
}

# skip WHAT REASON: something is not checked, which the end has to say.
skip() {
  SKIPPED+=("$(text "$1"): $(text "$2")")
}

# passed SENTENCE: the end, with all that was left out.
passed() {
  local what
  for what in ${SKIPPED[@]+"${SKIPPED[@]}"}; do printf 'skip %s\n' "$what"; done
  printf '%s\n' "$(text "$1")"
}

# usage_error FORMAT ARGUMENTS...
usage_error() {
  printf '%s\n' "$(text "$@")" >&2
  exit 2
}

# base_url NAME: prints the address in the variable NAME without a trailing slash.
base_url() {
  local name=$1 url=${!1:-} shape='^https?://[^/?#@[:space:]]+(/[^?#@[:space:]]*)?$'
  [[ -n $url ]] || usage_error '%s is not set. --help tells what to set.' "$name"
  [[ $url =~ $shape ]] ||
    usage_error '%s must be an http:// or https:// address without user name, query or fragment.' "$name"
  while [[ $url == */ ]]; do url=${url%/}; done
  printf '%s' "$url"
}

# is_on NAME: is the switch in the variable NAME on? One that says neither is refused: a slip must not leave a check out.
is_on() {
  local value=${!1:-}
  case ${value,,} in
    1 | true | yes | on) return 0 ;;
    0 | false | no | off | '') return 1 ;;
    *) usage_error '%s must be 1, true, yes or on; or 0, false, no, off or nothing.' "$1" ;;
  esac
}

# insecure_flag SWITCH NAME: prints curl's option when SWITCH takes any certificate at the address in NAME.
insecure_flag() {
  is_on "$1" || return 0
  [[ ${!2} == https://* ]] ||
    usage_error '%s is on, but %s is http://, where there is no certificate. Is https:// meant?' "$1" "$2"
  printf '%s' '--insecure'
}

# The settings of both scripts, before anything is sent: API_URL, FEATURE_API_URL, api_tls and feature_tls (curl's options),
# who logs in, the product.
# shellcheck disable=SC2034
read_api_settings() {
  API_URL=$(base_url API_URL)
  FEATURE_API_URL=${FEATURE_API_URL:-$API_URL}
  FEATURE_API_URL=$(base_url FEATURE_API_URL)
  api_tls=$(insecure_flag API_INSECURE API_URL)
  feature_tls=$(insecure_flag FEATURE_API_INSECURE FEATURE_API_URL)
  if [[ -n $api_tls ]]; then skip 'certificate of API_URL' 'API_INSECURE is on'; fi
  [[ $API_URL =~ ^(https:|http://(127\.|localhost|\[::1\])) ]] ||
    skip 'encryption, also of the password' 'API_URL is http://'
  export SMOKE_EMAIL=${SMOKE_EMAIL:-buyer@demo.com}
  export SMOKE_PASSWORD=${SMOKE_PASSWORD:-demo123}
  PRODUCT_ID=${PRODUCT_ID:-1}
  [[ $PRODUCT_ID =~ ^[1-9][0-9]{0,9}$ ]] || usage_error 'PRODUCT_ID must be a whole number from 1 on.'
  # Refused now if it says neither, not when its turn comes.
  is_on SMOKE_UPLOAD || true
}

# request CURL_ARGUMENTS...: sends what the config on stdin and the arguments say, and sets the last answer.
# --disable comes first: a .curlrc could make curl verbose.
request() {
  local output mark=$'\n''--answer--' problem=0
  STATUS=000 CONTENT_TYPE='' SIZE=0 BODY=''
  # The braces: bash itself says something when it meets a NUL in the answer.
  {
    output=$(curl --disable --silent --proto '=http,https' \
      --connect-timeout "$CONNECT_TIMEOUT_S" --max-time "$TOTAL_TIMEOUT_S" \
      --write-out "$mark"'%{http_code} %{size_download} %{content_type}' "$@") || problem=$?
  } 2>/dev/null
  ((problem == 0)) || curl_failed "$problem"
  BODY=${output%"$mark"*}
  # shellcheck disable=SC2034
  read -r STATUS SIZE CONTENT_TYPE <<<"${output##*"$mark"}"
}

curl_failed() {
  case $1 in
    3) fail 'the address is not valid' ;;
    5 | 6) fail 'the host name cannot be resolved' ;;
    7) fail 'nothing listens at the address (connection refused)' ;;
    18 | 52 | 56) fail 'the connection was closed before the answer was complete' ;;
    28) fail 'no answer within %s s' "$TOTAL_TIMEOUT_S" ;;
    35 | 51 | 58 | 60) fail 'TLS failed, or the certificate is not trusted (for a self-signed one see --help)' ;;
    *) fail 'curl ended with status %s' "$1" ;;
  esac
}

# anonymous CURL_ARGUMENTS...: without a token.
anonymous() {
  request "$@" </dev/null
}

# authorized CURL_ARGUMENTS...: with the token of the login.
authorized() {
  request --config - "$@" < <(printf 'header = "Authorization: Bearer %s"\n' "$TOKEN")
}

# expect_status STATUS: fails with what the server said when the last answer has another status.
expect_status() {
  [[ $STATUS != 30[1278] ]] || fail 'status %s: the address leads elsewhere. Is https:// meant?' "$STATUS"
  [[ $STATUS == "$1" ]] || fail 'status %s instead of %s%s' "$STATUS" "$1" "$(reason_given)"
}

# expect_error STATUS: that status, with the sentence that the clients show.
expect_error() {
  expect_status "$1"
  [[ -n $(json_text detail) ]] || fail 'the body of the %s has no text in "detail"' "$1"
}

# The server's own words, cut short and without what must not be printed.
reason_given() {
  local words
  words=$(json_text detail)
  [[ -n $TOKEN ]] && words=${words//"$TOKEN"/***}
  [[ -n ${SMOKE_PASSWORD:-} ]] && words=${words//"$SMOKE_PASSWORD"/***}
  words=${words//[[:cntrl:]]/ }
  [[ -z $words ]] || printf ' (%s)' "${words:0:200}"
}

# json_text NAME [JSON]: the first text of that name, with the escapes of URLs undone; nothing when there is none.
json_text() {
  local pattern="\"$1\"[[:space:]]*:[[:space:]]*\"(([^\"\\\\]|\\\\.)*)\"" text
  [[ ${2-$BODY} =~ $pattern ]] || return 0
  text=${BASH_REMATCH[1]}
  text=${text//'\/'/'/'}
  text=${text//'\u0026'/'&'}
  text=${text//'\u003d'/'='}
  printf '%s' "$text"
}

# json_number NAME: the first number of that name; nothing when there is none.
json_number() {
  local pattern="\"$1\"[[:space:]]*:[[:space:]]*(-?[0-9]+(\.[0-9]+)?)"
  [[ $BODY =~ $pattern ]] && printf '%s' "${BASH_REMATCH[1]}"
  return 0
}

# json_string TEXT: TEXT as a JSON string.
json_string() {
  local text=$1 out='' char i
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      '"' | \\) char="\\$char" ;;
      [[:cntrl:]]) printf -v char '\\u%04x' "'$char" ;;
    esac
    out+=$char
  done
  printf '"%s"' "$out"
}

login_body() {
  printf '{"email":%s,"password":%s}' "$(json_string "$SMOKE_EMAIL")" "$(json_string "$SMOKE_PASSWORD")"
}

# log_in BASE_URL [CURL_ARGUMENTS...]: sets TOKEN. The server's words are not shown: they may repeat what was sent.
log_in() {
  local url=$1/api/auth/login
  shift
  step 'login (POST /api/auth/login)'
  request --header 'Content-Type: application/json' --data-binary @- "$@" "$url" < <(login_body)
  case $STATUS in
    200) ;;
    401) fail 'status 401: the server does not accept SMOKE_EMAIL with SMOKE_PASSWORD' ;;
    *) fail 'status %s instead of %s%s' "$STATUS" 200 '' ;;
  esac
  TOKEN=$(json_text access_token)
  [[ $TOKEN =~ ^[A-Za-z0-9._~+/=-]+$ ]] || fail 'the answer has no usable "access_token"'
  ok
}
