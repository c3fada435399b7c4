#!/usr/bin/env bash
# What schemathesis makes of the API's own description, against a running keeper and a simulated Calendly: no server
# error, no answer that is not described. Usage: tests/schemathesis.sh FOLDER_OF_BINARIES SCHEMATHESIS [ITS OPTIONS]
set -euo pipefail
binaries=$(cd "$1" && pwd) schemathesis=$2
shift 2

home=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$home"' EXIT
cd "$home"

# The first line with these words, once it is there.
wait_for() {
    local log=$1 words=$2
    for _ in $(seq 300); do
        if grep -m1 "$words" "$log" 2>/dev/null; then return; fi
        sleep 0.1
    done
    cat "$log" >&2
    return 1
}

"$binaries/calendly-simulator" --listen 127.0.0.1:0 --users 5 --import-file grants.jsonl 2>simulator.log &
calendly=$(wait_for simulator.log 'http://' | grep -o 'http://[0-9.:]*' | head -1)
export KEEPER__CALENDLY__AUTH_URL=$calendly KEEPER__CALENDLY__API_URL=$calendly
export KEEPER__CALENDLY__CLIENT_ID=simulated-client-id KEEPER__CALENDLY__CLIENT_SECRET=simulated-client-secret
export KEEPER__WEBHOOK__CALLBACK_URL='https://app.example/hooks/{connection}' KEEPER__SERVER__LISTEN=127.0.0.1:0
"$binaries/calendly-keeper" import grants.jsonl
"$binaries/calendly-keeper" run 2>keeper.log &
address=$(wait_for keeper.log 'listening' | grep -o 'address=[0-9.:]*' | cut -d= -f2)
wait_for keeper.log 'started connections' >/dev/null

"$schemathesis" run "http://$address/openapi.json" --header "Authorization: Bearer $(cat api.token)" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance "$@"
if grep -E 'panicked| ERROR ' keeper.log; then
    exit 1
fi
