#!/bin/sh
# Calls Calendly for a connection: ask_for_token.sh ID. KEEPER_URL and KEEPER_TOKEN say where the keeper is. Needs curl.
set -eu
calendly=${CALENDLY_URL:-https://api.calendly.com}

# A header by standard input: other users of this machine can read a command line.
get() { secret=$1; shift; printf 'Authorization: Bearer %s\n' "$secret" | curl -sS --max-time 30 -H @- "$@"; }
token() { get "$KEEPER_TOKEN" -f "$KEEPER_URL/v1/connections/$1/access-token$2"; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

had=$(token "$1" '')
status=$(get "$(echo "$had" | field access_token)" -o /dev/null -w '%{http_code}' "$calendly/users/me")
[ "$status" = 401 ] && had=$(token "$1" "?rejected=$(echo "$had" | field generation)")
user=$(get "$(echo "$had" | field access_token)" -f "$calendly/users/me")
echo "$user" | field uri
