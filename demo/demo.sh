#!/bin/bash
# demo.sh: three months of one programme for three people, in under a minute.
#
# The real daemon on the real database; its clock stands still until it is told to go on, and every message becomes a
# file. Everything lies in one new folder. Needs $COBID and $COBICTL; COBI_KEEP=yes leaves the daemon running.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly here
: "${COBID:?path of cobid}" "${COBICTL:?path of cobictl}"
: "${COBI_KEEP:=no}"
folder=$(mktemp -d "${TMPDIR:-/tmp}/cobid-demo.XXXXXX")
readonly folder
readonly state=$folder/state
export COBID_SOCKET=$folder/control.sock TZ=Europe/London LC_ALL=C.UTF-8
daemon=

bold=''
plain=''
if [ -t 1 ]; then
    bold=$(printf '\033[1m')
    plain=$(printf '\033[0m')
fi

say() {
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

stop() {
    [ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null; } || true
}

fail() {
    printf 'demo: %s\n' "$*" >&2
    [ ! -s "$folder/cobid.log" ] || tail -n 20 -- "$folder/cobid.log" >&2
    stop
    exit 1
}

cobictl() {
    "$COBICTL" "$@"
}

# quiet COMMAND...: a cobictl command whose answer is not part of the story.
quiet() {
    cobictl "$@" >/dev/null || fail "cobictl $*"
}

# ---- the daemon --------------------------------------------------------------------------------------------------------

free_port() {
    local port
    for port in $(seq 18080 18180); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port" && return; }
    done
    fail "no free port between 18080 and 18180"
}

start_daemon() {
    port=$(free_port)
    mkdir -p -- "$state"
    sed -e "s|@STATE@|$state|g" -e "s|@RUN@|$folder|g" -e "s|@ETC@|$here/etc|g" -e "s|@TEMPLATES@|$here/templates|g" \
        -e "s|127.0.0.1:8099|127.0.0.1:$port|g" -- "$here/etc/demo.conf" >"$folder/cobid.conf"
    "$COBID" --check -c "$folder/cobid.conf" || fail "the demonstration's configuration is refused"
    "$COBID" -c "$folder/cobid.conf" 2>"$folder/cobid.log" &
    daemon=$!
    for _ in $(seq 100); do
        cobictl health >/dev/null 2>&1 && return
        kill -0 "$daemon" 2>/dev/null || fail "cobid ended"
        sleep 0.1
    done
    fail "cobid did not become healthy"
}

# ---- the story's voice -------------------------------------------------------------------------------------------------

# The text of a spooled message in one line: of a text its words, of a mail its subject.
words_of() {
    local file=$1
    case $file in
    *.sms) sed -e '1,/^$/d' -- "$file" | tr '\n' ' ' ;;
    *.eml) sed -n -e 's/^Subject: //p' -- "$file" | sed -n 1p | tr -d '\r' ;;
    esac
}

# Prints what has left since the last time, oldest first.
told=0
tell() {
    local sent id kind audience recipient channel name file
    cobictl message list | awk -F '  +' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["sent_at"] != "-" { print $at["sent_at"], $at["id"], $at["kind"], $at["audience"], $at["recipient"], $at["channel"] }' |
        sort >"$folder/sent"
    while read -r sent id kind audience recipient channel; do
        name=$(date -d "$sent" '+%a %e %b %H:%M')
        file=$(find "$state/spool" -name "$id-*" | sed -n 1p)
        [ "$channel" = sms ] && channel=text || channel=mail
        printf '  %s  %-4s  %-12s %-9s %-15s %s\n' "$name" "$channel" "$audience" "$recipient" "$kind" "$(words_of "$file")"
    done < <(tail -n "+$((told + 1))" -- "$folder/sent")
    told=$(wc -l <"$folder/sent")
}

# go LOCAL-TIME: lets the clock run there and tells what happened on the way.
go() {
    quiet clock set "$1"
    tell
}

# session REF NUMBER: its id.
session() {
    cobictl session list --participant "$1" | awk -F '  +' -v n="$2" '$3 == n { print $1 }' | tail -n 1
}

start_of() {
    cobictl session show "$1" | sed -n 's/^local: //p'
}

# ---- the cast ----------------------------------------------------------------------------------------------------------

add_cast() {
    quiet office add north --name "North Street" --address "1 North Street, Leeds" --phone "0113 496 0000" --rooms 2
    quiet supervisor add chief --name "Sam Chief" --email chief@example.org
    quiet supervisor add lead --name "Lee Lead" --email lead@example.org --next chief
    quiet practitioner add ada --name "Ada Worker" --email ada@example.org --office north --hours "Mon-Thu 09:30-17:00" --supervisor lead
    quiet practitioner add ben --name "Ben Worker" --email ben@example.org --office north --hours "Mon-Fri 09:00-16:30" --supervisor lead
    quiet officer add olga --name "Olga Officer" --email olga@police.example --organisation "Police"
    quiet advocate add haven --service "Haven" --name "Vera Advocate" --email cases@haven.example
    quiet advocate add beacon --service "Beacon" --name "Will Advocate" --email team@beacon.example
    quiet participant add P-1001 --programme cobi-12 --route spo --practitioner ada --office north --name "Pat One" \
        --mobile "07700 900101" --email pat@example.net --officer olga --officer-ref SPO-44 --prefer "Tue 14:00"
    quiet participant add P-1002 --programme cobi-12 --route licence --practitioner ada --office north --name "Kim Two" \
        --mobile "07700 900102" --officer olga --prefer "Wed 10:00" --unavailable "Mon-Tue 09:00-17:00"
    quiet participant add P-1003 --programme cobi-12 --route voluntary --practitioner ben --office north --name "Jo Three" \
        --email jo@example.net --prefer "Thu 11:00"
    quiet advocate link haven --participant P-1001 --case-ref HV-2027-031
    quiet advocate link beacon --participant P-1001 --case-ref B/118
}

# ---- acknowledging by the link of a mail -------------------------------------------------------------------------------

# mail_to ADDRESS: the newest mail to it, its long lines joined again.
mail_to() {
    local file
    file=$(grep -l "^To: $1" -r "$state/spool" | xargs ls -t | sed -n 1p)
    sed -e ':again' -e '/=$/{N;s/=\n//;b again' -e '}' -- "$file" | tr -d '\r'
}

acknowledge_by_mail() {
    local link code
    link=$(mail_to "$1" | grep -o 'http://[^ ]*/ack/[A-Za-z0-9_-]*' | sed -n 1p)
    code=$(mail_to "$1" | grep -oE '\b[A-Z2-9]{4}-[A-Z2-9]{4}\b' | sed -n 1p)
    printf '  opens %s...\n  and types the code %s: ' "${link:0:52}" "$code"
    curl -fsS -o /dev/null "$link" || fail "the page of the link"
    curl -fsS -o /dev/null -w 'HTTP %{http_code}\n' --data-urlencode "code=$code" "$link" || fail "the acknowledgement"
}

# ---- three months ------------------------------------------------------------------------------------------------------

record() {
    quiet session outcome "$1" "$2" --as "$3"
}

# Every session up to a day: the clock goes to 20 minutes after its start, and what happened is recorded.
attend_until() {
    local until=$1 id ref number local practitioner at
    while read -r id ref number local practitioner; do
        [[ $local < $until ]] || break
        at=$(date -d "${local/T/ } 20 minutes" '+%Y-%m-%d %H:%M')
        go "$at"
        if [ "$ref/$number" = P-1003/2 ]; then
            printf '  %s  (nobody records the outcome of P-1003, session 2)\n' "$(date -d "$at" '+%a %e %b %H:%M')"
            continue
        fi
        record "$id" ATTC "$practitioner"
    done < <(cobictl session list --state planned | awk -F '  +' 'NR > 1 { print $1, $2, $3, $6, $8 }' | sort -k 4)
}

main() {
    say "Three months of one programme: three people, two advocacy services, a clock that is told what time it is"
    start_daemon
    add_cast

    say "The plan of P-1001 (Monday 4 January 2027, 8 am)"
    cobictl participant plan P-1001 | awk -F '  +' '/^(slack_days|window_end)/ { print "  " $0 }
        $1 ~ /^S-/ { printf "  session %2s  %s  %s\n", $3, $6, $5 }'
    quiet participant plan P-1002
    quiet participant plan P-1003
    cobictl feed create --practitioner ada >"$folder/feed"
    url=$(sed -n 's/^url: //p' "$folder/feed")

    say "What went to whom and when (text: its words; mail: its subject)"
    attend_until 2027-01-14T12

    say "Nobody records the outcome of Jo's session 2: that itself goes to the supervisor"
    unrecorded=$(session P-1003 2)
    go "2027-01-14 17:30"
    record "$unrecorded" ATTC ben
    printf '  Ben records it: the escalation is %s\n' "$(cobictl escalation list | sed -n 's/.*unrecorded.*P-1003.*  \(resolved\|waiting\) .*/\1/p')"
    attend_until 2027-01-20

    say "Kim (P-1002) asks to move session 3, after its reminder went"
    moved=$(session P-1002 3)
    before=$(start_of "$moved")
    go "$(date -d "${before%T*} - 1 day" +%Y-%m-%d) 19:00"
    cobictl session move "$moved" --to "${before%T*} 15:00" --by participant --reason "shift at work" |
        awk -F '  +' '$1 ~ /^S-/ { printf "  now at %s, revision %s\n", $6, $12 }'
    tell
    curl -fsS -o "$folder/ada.ics" "$url"
    printf '  calendar of Ada: %s events; the moved one: %s, SEQUENCE 1\n' "$(grep -c '^BEGIN:VEVENT' "$folder/ada.ics")" \
        "$(grep -A 2 '^SEQUENCE:1' "$folder/ada.ics" | tr -d '\r' | sed -n 's/^DTSTART[^:]*://p' | sed -n 1p)"
    attend_until 2027-01-26

    say "Pat (P-1001) does not come to session 4"
    missed=$(session P-1001 4)
    go "$(start_of "$missed" | sed 's/T/ /' | sed 's/00$/20/')"
    record "$missed" AFTA ada
    printf '  Ada records AFTA (failed to attend, provisional). For five minutes she may take it back; then:\n'
    go "2027-01-26 15:30"
    say "Lee, the first supervisor, does not answer; four working hours later the second one is told"
    attend_until 2027-01-27T11
    go "2027-01-27 11:40"
    say "Chief acknowledges with the link of the mail; Haven too; Beacon is still waited for"
    acknowledge_by_mail chief@example.org
    acknowledge_by_mail cases@haven.example
    go "2027-01-27 15:30"
    cobictl escalation list | awk -F '  +' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { printf "  chain %s  %-10s %-7s %s\n", $at["id"], $at["audience"], $at["advocate"], $at["state"] }'
    beacon=$(cobictl escalation list --open | awk -F '  +' '/beacon/ { print $1 }')
    quiet escalation ack "$beacon" --as beacon
    printf '  Beacon calls back: acknowledged too\n'
    quiet session decide "$missed" UAAB --as chief --contacted yes --reason "seen at home"
    quiet participant plan P-1001
    printf '  Chief decides that the absence does not count; the session is planned once more\n'
    go "2027-01-27 15:40"
    while read -r chain audience advocate; do
        if [ "$audience" = advocate ]; then
            quiet escalation ack "$chain" --as "$advocate"
        else
            quiet escalation resolve "$chain" --as chief --reason "seen at home, comes again next week"
        fi
    done < <(cobictl escalation list --open | awk -F '  +' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["id"], $at["audience"], $at["advocate"] }')
    for task in $(cobictl task list | awk -F '  +' '/open/ { print $1 }'); do
        quiet task done "$task"
    done
    printf '  both services confirm; Chief resolves the chain; the tasks are done\n'

    say "The rest of the programme"
    attend_until 2027-04-10
    go "2027-04-10 12:00"
    cobictl participant complete P-1002 --because other | sed 's/^/  P-1002 /' | sed -n 1,2p
    cobictl participant complete P-1001 --because other 2>&1 | sed 's/^/  /' || true
    tell

    say "Numbers"
    cobictl message list | awk -F '  +' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { n[$at["audience"] " " $at["state"]]++ }
        END { for (k in n) printf "  %-24s %d\n", k, n[k] }' | sort

    say "Where to look"
    printf '  messages   %s\n             %s\n' "$state/spool/texts" "$state/spool/mail"
    printf '  feed       %s\n  log        %s\n' "$folder/ada.ics" "$folder/cobid.log"
    if [ "$COBI_KEEP" = yes ]; then
        say "The daemon keeps running (pid $daemon)"
        printf '  feed       %s\n  speak to it with\n             export COBID_SOCKET=%s\n             %s status\n' "$url" "$COBID_SOCKET" "$COBICTL"
        printf '  end it     kill %s\n' "$daemon"
        disown "$daemon"
        return
    fi
    stop
    say "How to go on"
    printf '  ./bootstrap demo --keep   leaves the daemon running, with the URL of the feed\n  ./bootstrap check         passes all tests\n'
    printf '  man/cobictl.1, man/cobid.conf.5, doc/ARCHITECTURE.md\n'
}

trap stop EXIT
main
[ "$COBI_KEEP" = yes ] && trap - EXIT
exit 0
