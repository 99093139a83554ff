#!/bin/bash
# daemon_store.sh: the daemon and its database. One daemon a database; a manual clock that survives and only goes forward; a
# database that another process holds, a full disk, a folder that cannot be written: what is promised then is only what was
# kept, what is said is one clear line, and all goes on by itself afterwards.
set -euo pipefail
source_folder=$(cd -- "${top_srcdir:-$(dirname -- "$0")/../..}" && pwd)
build_folder=$(cd -- "${top_builddir:-.}" && pwd)
PATIENCE_S=20

folder=$(mktemp -d)
state=$folder/state
child=
disk=
listener=
checks=0
end() {
    [ -z "$disk" ] || kill -KILL "$disk" 2>/dev/null || true
    [ -z "$listener" ] || kill -KILL "$listener" 2>/dev/null || true
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null && wait "$child" 2>/dev/null || true
    fi
    rm -rf -- "$folder"
}
trap end EXIT

fail() {
    echo "not ok - $1"
    tail -n 30 "$folder/log" 2>/dev/null | sed 's/^/# /'
    exit 1
}
ok() {
    checks=$((checks + 1))
    echo "ok $checks - $1"
}
# expect STATUS TEXT WHAT COMMAND...: its exit status, and a text in what it says.
expect() {
    local status=$1 text=$2 what=$3 got=0
    shift 3
    "$@" >"$folder/said" 2>&1 || got=$?
    if [ "$got" != "$status" ] || { [ -n "$text" ] && ! grep -qF -- "$text" "$folder/said"; }; then
        sed 's/^/# said: /' "$folder/said"
        fail "$what (exit $got)"
    fi
    ok "$what"
}
ctl() {
    "$build_folder/cobictl" --socket "$folder/control.sock" "$@"
}
# wait_until WHAT COMMAND...
wait_until() {
    local what=$1 until=$((SECONDS + PATIENCE_S))
    shift
    while ! "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || fail "$what: not in $PATIENCE_S s"
        sleep 0.1
    done
    ok "$what"
}
write_config() { # the kind of clock
    sed -e "s|@STATE@|$state|g; s|@RUN@|$folder|g; s|@ETC@|$source_folder/etc|g" \
        -e 's|^listen = .*|listen = "none";|' -e "s|^clock = .*|clock = \"$1\";|" "$source_folder/etc/demo.conf" >"$folder/cobid.conf"
    [ "$1" = manual ] || sed -i '/^clock_start/d' "$folder/cobid.conf"
}
start() {
    "$build_folder/cobid" -c "$folder/cobid.conf" >>"$folder/log" 2>&1 &
    child=$!
    wait_until "$1" ctl clock show
}
stop() { # SIGNAL EXPECTED-STATUS WHAT
    local got=0
    kill "-$1" "$child"
    wait "$child" 2>/dev/null || got=$?
    child=
    [ "$got" = "$2" ] || fail "$3 (exit $got)"
    ok "$3"
}
now() {
    ctl --json clock show | sed -n 's/.*"now": *"\([^"]*\)".*/\1/p'
}
settled() {
    ctl --json clock show | grep -q '"advancing": *false'
}

# ---- one daemon a database ----
write_config manual
start "a daemon starts"
expect 1 "another cobid is running" "a second one on the same database is refused" timeout "$PATIENCE_S" "$build_folder/cobid" -c "$folder/cobid.conf"
expect 0 "" "and the first goes on" ctl health
cp "$folder/cobid.conf" "$folder/bad.conf"
echo 'feed_horizon = "28 days or so";' >>"$folder/bad.conf"
expect 1 "bad.conf:$(wc -l <"$folder/bad.conf"):" "a check names the line" "$build_folder/cobid" -c "$folder/bad.conf" --check
expect 0 "" "and finds nothing in a good file" "$build_folder/cobid" -c "$folder/cobid.conf" --check

# ---- the copy of what was accepted is a whole: what is gone from the original is gone from it ----
echo '# nothing' >"$folder/extra.conf"
expect 0 "" "a reload is taken" ctl reload
[ -e "$state/accepted/extra.conf" ] || fail "a file beside the configuration was not kept"
rm "$folder/extra.conf" "$folder/bad.conf"
expect 0 "" "and another" ctl reload
[ ! -e "$state/accepted/extra.conf" ] && [ -e "$state/accepted/main.conf" ] && [ ! -e "$state/accepted.new" ] || fail "an old copy was mixed with a new one"
ok "the accepted copy is what was accepted last"

# ---- a manual clock ----
ctl office add O-1 --name North --address '1 North Street' --phone '020 7946 0000' >/dev/null
ctl supervisor add SUP-1 --name Sam --email sam@staff.example >/dev/null
ctl practitioner add PR-1 --name Pat --email pat@staff.example --office O-1 --hours 'Mon-Fri 09:00-17:00' --supervisor SUP-1 >/dev/null
ctl participant add P-1 --programme cobi-12 --route voluntary --practitioner PR-1 --office O-1 --name Finn --mobile '07700 900001' >/dev/null
ctl participant plan P-1 >/dev/null
expect 0 "" "the clock is advanced" ctl clock advance 30h
wait_until "and gets there" settled
ctl session outcome "$(ctl --json session list --to 2027-01-05 | sed -n 's/.*"id": *"\(S-[^"]*\)".*/\1/p' | head -n 1)" ATTC --as PR-1 >/dev/null
before=$(now)
expect 1 "only goes forward" "it does not go back" ctl clock set '2027-01-05 08:00'
stop KILL 137 "the daemon is killed"
start "and starts again"
[ "$(now)" = "$before" ] || fail "the clock is $(now), it was $before"
ok "where its clock stood"
stop TERM 0 "it ends in good order"
write_config real
expect 1 'made with clock = "manual"' "a real clock on this database is refused" timeout "$PATIENCE_S" "$build_folder/cobid" -c "$folder/cobid.conf"
write_config manual
start "the database is as it was"
[ "$(now)" = "$before" ] || fail "the clock is $(now), it was $before"
ok "and so is its clock"

# ---- a configuration under which a chain would end with one person ----
cp "$folder/cobid.conf" "$folder/good.conf"
sed 's/tell = "operator"/tell = "next_supervisor"/' "$source_folder/etc/escalations.conf" >"$folder/no-operator.conf"
sed -i "s|^@include .*escalations.conf\"|@include \"$folder/no-operator.conf\"|" "$folder/cobid.conf"
expect 1 "practitioner PR-1" "a reload that leaves a practitioner's chain with one person is refused" ctl reload
stop TERM 0 "it ends"
start "a start on such a file is no reason to tell nobody"
grep -q "practitioner PR-1: " "$folder/log" || fail "the log does not say who has a dead end"
ok "it says whose chain has a dead end"
wait_until "and the operator is told" grep -rq "dead ends in the chains" "$state/spool/mail"
cp "$folder/good.conf" "$folder/cobid.conf"
expect 0 "" "with the good file again" ctl reload

# ---- a database that another process holds ----
python3 - "$state/cobid.db" "$folder/held" <<'PYTHON' &
import pathlib, sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
pathlib.Path(sys.argv[2]).touch()
time.sleep(3)
held.execute("ROLLBACK")
PYTHON
holder=$!
wait_until "another process holds the database" test -e "$folder/held"
began=$(date +%s%N)
expect 1 "locked by another process" "a command says so" ctl office add O-2 --name South --address '1 South Street' --phone '020 7946 0001'
[ $((($(date +%s%N) - began) / 1000000)) -lt 1500 ] || fail "a command took too long to say so"
ok "at once"
expect 1 "locked" "health is red" ctl health
expect 0 "" "time is asked to go on" ctl clock advance 156h
wait "$holder"
wait_until "afterwards it goes on by itself" settled
wait_until "with health green" ctl health
ctl office list >"$folder/said"
! grep -q O-2 "$folder/said" || fail "what was refused was kept"
ok "nothing was promised that was not kept"
expect 0 "" "the command can be given again" ctl office add O-2 --name South --address '1 South Street' --phone '020 7946 0001'
files=$(find "$state/spool/texts" -type f | wc -l)
ctl --json message list --audience participant >"$folder/said"
[ "$files" -gt 0 ] && [ "$(grep -o '"state": *"accepted"' "$folder/said" | wc -l)" = "$files" ] || fail "messages sent and kept differ"
ok "and no message was lost or sent twice"
stop TERM 0 "it ends in good order"

# ---- a folder that is full, or cannot be written ----
if ! unshare -m true 2>/dev/null; then
    echo "# a full disk: skipped, this user may not mount"
    echo "1..$checks"
    exit 0
fi
# A small disk that outlives the daemon: a process of its own holds it.
# shellcheck disable=SC2016 # expanded inside
unshare -m bash -c 'cp -r "$1" "$2" && mount -t tmpfs -o size=48m tmpfs "$1" && cp -r "$2/." "$1" && touch "$2.ready" && exec sleep 600' bash \
    "$state" "$folder/kept" &
disk=$!
wait_until "a small disk is there" test -e "$folder/kept.ready"
# The daemon's status line, as systemd would show it, goes to a socket of this test.
python3 - "$folder/notify" "$folder/status" <<'PYTHON' &
import socket, sys
notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notices.bind(sys.argv[1])
while True:
    lines = notices.recv(8192).decode("utf-8", "replace").splitlines()
    for line in lines:
        if line.startswith("STATUS="):
            with open(sys.argv[2], "a", encoding="utf-8") as file:
                file.write(line + "\n")
PYTHON
listener=$!
wait_until "somebody reads its status" test -S "$folder/notify"
start_on_disk() {
    NOTIFY_SOCKET=$folder/notify nsenter -t "$disk" -m "$build_folder/cobid" -c "$folder/cobid.conf" >>"$folder/log" 2>&1 &
    child=$!
    wait_until "$1" ctl clock show
}
fill() { # NAME: not a byte is left
    cat /dev/zero >"/proc/$disk/root$state/$1" 2>/dev/null || true
}
kept=0
# add_until_full: what the database has allocated has room for some. Counts what was said to be done.
add_until_full() {
    local i got
    for i in $(seq 400); do
        got=0
        ctl office add "F-$((kept + 1))" --name "Full $i" --address "$(printf '%0150d' "$i")" --phone '020 7946 0002' >"$folder/said" 2>&1 || got=$?
        [ "$got" = 0 ] || break
        kept=$((kept + 1))
    done
    [ "$got" = 1 ] && [ "$(wc -l <"$folder/said")" = 1 ] && grep -q "disk is full; nothing was changed" "$folder/said" || {
        sed 's/^/# said: /' "$folder/said"
        fail "$1 (exit $got)"
    }
    ok "$1"
}
status_says() {
    tail -n 1 "$folder/status" | grep -q -- "$1"
}
start_on_disk "a daemon starts on it"
wait_until "it has made its reserve" test -s "/proc/$disk/root$state/reserve"
fill one
add_until_full "a full disk is said in one line"
expect 1 "disk of state_dir is full" "health is red and says why" ctl health
wait_until "so does the status" status_says "disk of state_dir is full"
kill -0 "$child" || fail "it has ended"
ok "it goes on"
expect 0 "" "what was refused is taken now, in the room of the reserve" ctl office add "F-$((kept + 1))" --name Reserve --address '1 Last Street' --phone '020 7946 0002'
kept=$((kept + 1))
# shellcheck disable=SC2016
wait_until "the operator has an alarm" bash -c 'grep -lq "is full or nearly full" "$1"/spool/mail/*.eml' bash "/proc/$disk/root$state"
fill two
add_until_full "when the reserve is used up as well, commands are refused"
kill -0 "$child" || fail "it has ended"
expect 1 "disk" "it still answers, and health is red" ctl health
expect 0 "" "reading the clock needs no room" ctl clock show
rm "/proc/$disk/root$state/one" "/proc/$disk/root$state/two"
wait_until "with room again the same process is healthy by itself" ctl health
wait_until "and has a reserve again" test -s "/proc/$disk/root$state/reserve"
offices() {
    ctl --json office list | grep -o '"id": *"F-' | wc -l
}
[ "$(offices)" = "$kept" ] || fail "what was said to be done is not what was kept"
ok "all that was said to be done is there, and nothing else"
expect 0 "" "and commands are taken" ctl office add O-3 --name East --address '1 East Street' --phone '020 7946 0003'

# ---- starting on a full disk ----
stop KILL 137 "it is killed"
rm "/proc/$disk/root$state/cobid.db-shm"
fill one
start_on_disk "on a full disk it starts with the room of its reserve"
expect 1 "disk of state_dir is full" "and health is red at once" ctl health
stop KILL 137 "it is killed again"
rm -f "/proc/$disk/root$state/cobid.db-shm"
fill two
expect 75 "disk of state_dir is full, make room" "without a reserve it is refused, and another start may help" \
    env NOTIFY_SOCKET="$folder/notify" timeout "$PATIENCE_S" nsenter -t "$disk" -m "$build_folder/cobid" -c "$folder/cobid.conf"
[ "$(grep -c '^<3>' "$folder/said")" = 1 ] || fail "it says more than one line"
wait_until "the status says so" status_says "ended: the disk of state_dir is full"
rm "/proc/$disk/root$state/one" "/proc/$disk/root$state/two"
start_on_disk "with room again it starts"
wait_until "with health green" ctl health
[ "$(offices)" = "$kept" ] || fail "what was said to be done is not what was kept"
ok "all that was said to be done is there, and nothing else"
stop TERM 0 "it ends in good order"
kill "$listener"
wait "$listener" 2>/dev/null || true
listener=
kill "$disk"
wait "$disk" 2>/dev/null || true

# shellcheck disable=SC2016
expect 75 "cobid.db" "a folder that cannot be written: refused" timeout "$PATIENCE_S" unshare -m bash -c \
    'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3"' bash "$state" "$build_folder/cobid" "$folder/cobid.conf"
start "and with the folder writable again it starts"
expect 0 "O-2" "on what was there" ctl office list
stop TERM 0 "it ends in good order"
echo "1..$checks"
