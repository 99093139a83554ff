#!/bin/bash
# ctl_usage.sh: cobictl against a double of the control socket: what it sends, what it prints, how it exits, and what it
# refuses to send at all.
set -euo pipefail

cobictl=${top_builddir:-.}/cobictl
double=${top_srcdir:-$(dirname -- "$0")/../..}/tests/system/control_double.py
python=${PYTHON3:-python3}
if ! command -v "$python" >/dev/null; then
    echo "skipped: python3 is not installed"
    exit 77
fi
[ -x "$cobictl" ] || { echo "no $cobictl: build it first"; exit 1; }

folder=$(mktemp -d)
requests=$folder/requests
export COBID_SOCKET=$folder/control.sock
export http_proxy=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9 # must be ignored
exec {to_double}> >(exec "$python" "$double" "$COBID_SOCKET" "$requests" >"$folder/ready" 2>"$folder/double.log")
double_pid=$!
finish() {
    exec {to_double}>&-
    wait "$double_pid" 2>/dev/null || true
    rm -rf -- "$folder"
}
trap finish EXIT
for _ in $(seq 100); do
    grep -qs ready "$folder/ready" && break
    sleep 0.1
done
grep -qs ready "$folder/ready" || { echo "the double does not start:"; cat "$folder/double.log"; exit 1; }

checks=0
faults=0
wrong() {
    faults=$((faults + 1))
    printf 'WRONG: %s\n' "$1"
    printf -- '--- stdout\n%s\n--- stderr\n%s\n' "$(head -c 2000 "$folder/out")" "$(head -c 2000 "$folder/err")"
}
# run STATUS ARGUMENT...: leaves stdout and stderr in $folder/out and err, what was asked in $requests.
run() {
    local expected=$1 status=0
    shift
    checks=$((checks + 1))
    what=$(printf '%q ' "$@")
    what=${what:0:120}
    : >"$requests"
    timeout 20 "$cobictl" "$@" >"$folder/out" 2>"$folder/err" </dev/null || status=$?
    [ "$status" -eq "$expected" ] || wrong "$what: exit $status, not $expected"
    if [ "$expected" -ne 0 ] && [ "$status" -ne 0 ] && [ "${no_words:-}" = '' ]; then
        [ "$(wc -l <"$folder/err")" -eq 1 ] || wrong "$what: an error is one line"
        grep -q '^cobictl: ' "$folder/err" || wrong "$what: an error begins with cobictl:"
        [ ! -s "$folder/out" ] || wrong "$what: stdout is not empty after an error"
    fi
    if LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f]' "$folder/out" "$folder/err"; then
        wrong "$what: a control character came out"
    fi
}
out_is() {
    [ "$(cat "$folder/out")" = "$1" ] || wrong "$what: stdout is not: $1"
}
err_has() {
    grep -qF -- "$1" "$folder/err" || wrong "$what: stderr lacks: $1"
}
# sent PATH ARGUMENTS: the one request was this.
sent() {
    local line="{\"arguments\": $2, \"path\": \"$1\", \"type\": \"application/json\"}"
    [ "$(cat "$requests")" = "$line" ] || wrong "$what: sent $(cat "$requests"), not $line"
}
nothing_sent() {
    [ ! -s "$requests" ] || wrong "$what: something was sent: $(cat "$requests")"
}

# ---- wire shape ----
run 0 status
sent /status '{}'
no_words=1 run 1 config check
sent /config/check '{}'
out_is 'faults:
    cobid.conf:3: unknown option'
run 0 participant add P-1 --programme cobi --route spo --practitioner jl --office b --name 'Siân' \
    --order-ends=2027-03-31 --unavailable 'Mon 09:00-12:00' --unavailable 'Fri 09:00-12:00' --as mw
sent /participant/add '{"as": "mw", "id": "P-1", "name": "Siân", "office": "b", "order_ends": "2027-03-31", "practitioner": "jl", "programme": "cobi", "route": "spo", "unavailable": ["Mon 09:00-12:00", "Fri 09:00-12:00"]}'
run 0 session outcome S-1 AFTA --as jl --note 'rang "twice"'
sent /session/outcome '{"as": "jl", "id": "S-1", "id2": "AFTA", "note": "rang \"twice\""}'
run 0 reload --wait
sent /reload '{"wait": true}'
run 0 --socket "$COBID_SOCKET" session list --json --state planned
sent /session/list '{"state": "planned"}'

# ---- tables and JSON ----
run 0 session list
out_is 'id    participant  number  local             state     outcome
S-1   P-1001            9  2027-01-12T14:00  planned   -
S-10  Siân             10  2027-01-19T14:00  recorded  ATTC'
run 0 session list --json
"$python" -c 'import json, sys; d = json.load(sys.stdin); assert [s["id"] for s in d] == ["S-1", "S-10"] and d[0]["of"] == 12' \
    <"$folder/out" || wrong "session list --json is not the document"
run 0 session show S-1
out_is 'id: S-1
participant: P-1001
number: 9
of: 12
state: planned
zone: Europe/London
local: 2027-01-12T14:00
outcome: -

history:
revision
       1
       2'
run 0 message list
out_is none
run 0 message list --json
out_is '[]'
run 0 message show M-1
out_is 'id: M-1
state: sent
reason: \x1b]0;title\x07\u{202e}

    Subject: Your appointment

    Tue 12 Jan, 2pm.
    state: forged'
run 0 preview P-1001
out_is 'participant: P-1001

due 2027-01-11T18:00:00Z  kind reminder  channel sms  length 16
    Tue 12 Jan, 2pm.'
run 0 --json message show M-1
"$python" -c 'import json, sys; assert json.load(sys.stdin)["reason"] == "\x1b]0;title\x07\u202e"' <"$folder/out" ||
    wrong "message show --json is not the document"

# ---- exit status ----
run 0 health
out_is 'healthy: yes'
touch "$requests.ill"
no_words=1 run 1 health
out_is 'healthy: no'
no_words=1 run 1 health --json
rm "$requests.ill"
run 1 session move S-1 --to '2027-01-12 14:00' --by service
err_has 'cobictl: S-1 has begun: record its outcome instead'
run 1 --json session move S-1 --to '2027-01-12 14:00' --by service
run 1 session cancel S-1 --by service
err_has 'line one'
run 1 task list
err_has 'without a JSON document'
run 1 task 'done' T-1
err_has 'answered 500'
run 1 escalation list
err_has 'answered 503'
run 1 feed list
err_has 'broke off'
run 1 template show long
err_has 'too long'
run 3 --socket "$folder/absent.sock" status
err_has "$folder/absent.sock"
err_has 'systemctl start cobid'
COBID_SOCKET=$folder/absent2.sock run 3 status
err_has absent2.sock
run 2 --socket "$folder/$(printf 'x%.0s' {1..200})" status
err_has 'too long'
run 2 --socket= status

# ---- clock ----
run 0 clock advance 7d
out_is 'now: 2027-01-08T00:00:00Z
target: 2027-01-08T00:00:00Z
advancing: no'
[ "$(grep -c '"/clock/show"' "$requests")" -eq 3 ] || wrong "clock advance looks until the clock has arrived"
run 0 clock set '2027-01-08 00:00' --json
sent /clock/set '{"id": "2027-01-08 00:00"}'
touch "$requests.slow"
checks=$((checks + 1))
status=0
# A background job of a script ignores SIGINT, and so would what it starts: python3 gives the default back.
"$python" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$cobictl" clock advance 7d >"$folder/out" 2>"$folder/err" &
watcher=$!
for _ in $(seq 100); do
    grep -q '"/clock/show"' "$requests" && break
    sleep 0.1
done
kill -INT "$watcher"
wait "$watcher" || status=$?
[ "$status" -eq 1 ] || wrong "clock advance after Ctrl-C: exit $status"
err_has 'the daemon goes on advancing to 2027-01-08T00:00:00Z'
rm "$requests.slow"

# ---- help ----
for words in '' status session 'session move' 'participant add' 'feed create'; do
    # shellcheck disable=SC2086 # words are words
    run 0 $words --help
    grep -q '^Usage: cobictl' "$folder/out" || wrong "$what: no usage"
    nothing_sent
done
run 0 --version
grep -q '^cobictl ' "$folder/out" || wrong "no version"

# ---- bad input: refused before anything is sent ----
refuse() {
    local words=$1
    shift
    run 2 "$@"
    err_has "$words"
    nothing_sent
    [ "$(wc -c <"$folder/err")" -lt 500 ] || wrong "$what: too many words"
}
long=$(printf 'x%.0s' {1..10000})
# Nothing, too little, too much.
refuse 'no command'
refuse 'no command' ''--json
refuse 'needs a verb' session
refuse 'lacks ID' session show
refuse 'lacks --to, --by' session move S-1
refuse 'lacks --as' session outcome S-1 ATTC
refuse 'lacks --because' participant end P-1
refuse 'lacks --programme' participant add P-1
refuse 'changes nothing' participant set P-1
refuse 'has no value' session list --state
refuse 'one word too many' session show S-1 S-2
# Unknown.
refuse 'did you mean session?' sesion list
refuse 'did you mean cancel?' session cancle S-1
refuse 'did you mean --practitioner?' session list --practitoner jl
refuse 'unknown option --bogus' session list --bogus
refuse 'unknown option -v' -v
# Malformed and contradictory.
refuse 'give a day' session list --from 2027-02-30
refuse 'give a local time' session move S-1 --to 'next week' --by service
refuse 'choose one of participant, service' session cancel S-1 --by nobody
refuse 'give a length of time' clock advance -- -7d
refuse 'give a number' office set b --rooms many
refuse 'give an id' session show 'S 1'
refuse 'exactly one of' feed create
refuse 'exactly one of' feed create --office b --participant P-1
refuse 'given twice' session list --state planned --state recorded
refuse 'takes no value' escalation list --open=yes
# Hostile bytes and lengths; only the option is named.
for option in --name --address --phone; do
    refuse "$option is longer than 2000 bytes" office set b "$option" "$long"
    refuse "$option has a line break, control" office set b "$option=a"$'\x01'
    refuse "$option has a line break, control" office set b "$option" $'a\r\nBcc: b'
    refuse "$option has a line break, control" office set b "$option" $'\x1b[2J'
    refuse "$option has a line break, control" office set b "$option" $'a\xe2\x80\xaeb'
    refuse "$option is not valid UTF-8" office set b "$option" $'a\xff'
    refuse "$option is not valid UTF-8" office set b "$option" $'\xc0\x80'
done
refuse 'ID is longer than 2000 bytes' session show "$long"
refuse 'ID has a line break, control' session show $'S\n1'
refuse 'unknown command' "$long"
refuse 'unknown option' session list "--$long"
refuse 'unknown option' session list "--$long=1"
refuse 'unknown command' $'\x1b[31m'

echo "$checks runs, $faults faults"
[ "$faults" -eq 0 ]
