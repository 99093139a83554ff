#!/bin/bash
# boot_unit_inside.sh: the part of boot_unit.sh that runs in the container, where systemd is PID 1. Never run it elsewhere:
# it installs into / and changes groups.
set -euo pipefail
if [ ! -e /mnt/inside.sh ] || ! systemd-detect-virt --container --quiet; then
    exit 2
fi
PATIENCE_S=40
CLIENTS=4

fail() {
    echo "FAILED: $*"
    systemctl status --no-pager --full cobid.service cobid.socket cobid-control.socket || true
    journalctl --no-pager -u cobid.service -n 40 || true
    exit 1
}
expect() {
    local what=$1
    shift
    "$@" >/tmp/said 2>&1 || { cat /tmp/said && fail "$what"; }
    echo "ok: $what"
}
refuse() {
    local what=$1
    shift
    ! "$@" >/tmp/said 2>&1 || { cat /tmp/said && fail "$what"; }
    echo "ok: $what"
}
# same WHAT SEEN WANTED
same() {
    [ "$2" = "$3" ] || fail "$1: $2, wanted $3"
    echo "ok: $1"
}
property() {
    systemctl show --property="$1" --value "${2:-cobid.service}"
}
# until_true WHAT COMMAND...
until_true() {
    local what=$1 until=$((SECONDS + PATIENCE_S))
    shift
    until "$@" >/tmp/said 2>&1; do
        [ "$SECONDS" -lt "$until" ] || { cat /tmp/said && fail "$what: not in $PATIENCE_S s"; }
        sleep 0.1
    done
    echo "ok: $what"
}
healthy() {
    curl -sf --max-time 10 http://127.0.0.1:8099/healthz
}
status_says() { # TEXT: in what people look at
    grep -F -- "$1" <<<"$(systemctl status --no-pager --full --lines=0 cobid.service || true)"
}
another_pid() { # than PID
    local now
    now=$(property MainPID)
    [ "$now" != 0 ] && [ "$now" != "$1" ]
}
mailed() { # CAUSE TIMES
    [ "$(grep -c "^Subject: .*: $1\$" /run/mail 2>/dev/null)" = "$2" ]
}

install_it() {
    cp -a /mnt/stage/. /
    unit=$(find /usr -name cobid.service | sed -n 1p)
    config=$(sed -nE 's/^ExecStart=[^ ]+ -c (.*)/\1/p' "$unit")
    etc=$(dirname -- "$config")
    systemd-sysusers
    mkdir -p "$etc"
    cp /mnt/etc/*.conf /mnt/etc/*.ics "$etc/"
    # The demonstration's configuration, with the paths of an installed one.
    templates=$(dirname -- "$(find /usr -path '*/cobid/templates/en' | sed -n 1p)")
    sed -E -e 's|^state_dir = .*|state_dir = "/var/lib/cobid";|' -e 's|^control_socket = .*|control_socket = "/run/cobid/control.sock";|' \
        -e "s|@ETC@|$etc|; s|^templates_dir = .*|templates_dir = \"$templates\";|" /mnt/etc/demo.conf >"$config"
    systemd-tmpfiles --create
    [ "$(stat -c %G "$etc")" = cobid ] || chgrp -R cobid "$etc"
    useradd --system --groups cobid-ops watcher
    useradd --system --groups cobid-admin keeper
    useradd --system stranger
    # The host's mailer: keeps what it is given.
    printf '#!/bin/sh\ncat >>/run/mail\n' >/usr/local/sbin/sendmail
    chmod 755 /usr/local/sbin/sendmail
    ip link set lo up 2>/dev/null || true
    systemctl daemon-reload
}

check_start() {
    expect "the units start" systemctl start cobid.socket cobid-control.socket cobid.service
    same "the daemon is active" "$(property ActiveState)" active
    same "it says itself when it is ready" "$(property Type)" notify
    until_true "it answers behind its socket" healthy
    same "the state directory is its own" "$(stat -c '%a %U' /var/lib/cobid)" "700 cobid"
    pid=$(property MainPID)
    same "it runs as its user" "$(stat -c %U "/proc/$pid")" cobid
    expect "it holds no capability" grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status"
    expect "its system calls are filtered" grep -q '^Seccomp:.*2$' "/proc/$pid/status"
    expect "systemctl status shows its own line" status_says 'Status: "0 participants'
    expect "root may ask" cobictl status
    expect "a keeper may ask" runuser -u keeper -- cobictl status
    expect "a watcher may look" runuser -u watcher -- cobictl status
    refuse "a watcher may not read people" runuser -u watcher -- cobictl participant list
    refuse "a stranger may not even look" runuser -u stranger -- cobictl status
    expect "a write goes through" cobictl office add reading --name "Reading office" \
        --address "1 High Street, Reading" --phone "0118 496 0000"
}

check_reload() {
    pid=$(property MainPID)
    expect "the reload with a good file" systemctl reload cobid.service
    same "which is in force when it returns" "$(cobictl --json status | grep -oE '"generation": *[0-9]+' | grep -oE '[0-9]+')" 2
    cp "$config" /tmp/good.conf
    echo 'timezone = "Nowhere/Land' >>"$config"
    refuse "the reload with a bad file" systemctl reload cobid.service
    same "the same process goes on" "$(property MainPID)" "$pid"
    expect "systemctl status says which set is in force" status_says "still running generation 2"
    expect "and what is wrong with the other" status_says "cobid.conf:"
    refuse "its health is red meanwhile" healthy
    cp /tmp/good.conf "$config"
    expect "the repaired file is taken" systemctl reload cobid.service
    expect "its health is green again" healthy
    refuse "and the status forgets it" status_says "refused"
}

check_kill() {
    pid=$(property MainPID)
    kill -KILL "$pid"
    until_true "it answers again after kill -9" healthy
    expect "as another process" another_pid "$pid"
    same "started anew once" "$(property NRestarts)" 1
    expect "what was written is still there" bash -c 'cobictl office list | grep -q reading'
    until_true "the alarm of its death was mailed, not by itself" mailed signal 1
    expect "and is in the journal" bash -c 'journalctl --no-pager -u cobid-alarm@signal.service | grep -q "cobid ended (signal)"'
}

# It is killed and restarted under clients that never stop.
check_no_refusal() {
    local deaths=0 i counts lost refused answered
    rm -f /tmp/stop-clients
    /usr/bin/python3 /mnt/steady_client.py 8099 "$CLIENTS" /tmp/stop-clients >/tmp/clients 2>&1 &
    local clients=$!
    sleep 0.5
    for i in 1 2 3; do
        pid=$(property MainPID)
        kill -KILL "$pid"
        until_true "death $i: another process" another_pid "$pid"
        until_true "death $i: which answers" healthy
        expect "restart $i" systemctl restart cobid.service
        until_true "restart $i: it answers" healthy
        deaths=$((deaths + 2))
    done
    touch /tmp/stop-clients
    wait "$clients"
    counts=$(cat /tmp/clients)
    echo "clients over $deaths deaths: $counts"
    count() { sed -E "s/.*\"$1\": ([0-9]+).*/\1/" /tmp/clients; }
    answered=$(count answered) refused=$(count refused) lost=$(count lost)
    [ "$answered" -ge 200 ] || fail "the clients asked too little: $counts"
    expect "its deaths were mailed once, not each" mailed signal 1
    same "no request was refused" "$refused $(count unreachable)" "0 0"
    [ "$lost" -le $((CLIENTS * deaths)) ] || fail "more requests were lost than were being answered: $counts"
    echo "ok: none was lost but what was being answered ($lost)"
}

# Connections that say nothing wait in the kernel here, as the socket unit has it (DeferAcceptSec=): more than its queue holds.
check_crowd() {
    local i slowest=0 ms crowd
    /usr/bin/python3 /mnt/crowd.py 8099 6 15 6000 200 0 0 0 >/tmp/crowd 2>&1 &
    crowd=$!
    until_true "a crowd of 6,000 idle and 200 dripping comes" grep -q '^open' /tmp/crowd
    for i in $(seq 40); do
        ms=$(curl -sf --max-time 10 -o /dev/null -w '%{time_total}' http://127.0.0.1:8099/healthz) || fail "no answer beside a crowd"
        ms=$(awk -v s="$ms" 'BEGIN { printf "%d", s * 1000 }')
        [ "$ms" -le "$slowest" ] || slowest=$ms
    done
    expect "and commands are answered" cobictl status
    wait "$crowd" || true
    [ "$slowest" -lt 100 ] || fail "an answer took $slowest ms beside a crowd"
    echo "ok: each of 40 answers beside it took at most $slowest ms"
}

check_watchdog() {
    local restarts
    mkdir -p /etc/systemd/system/cobid.service.d
    printf '[Service]\nWatchdogSec=3\n' >/etc/systemd/system/cobid.service.d/short.conf
    systemctl daemon-reload
    systemctl restart cobid.service
    until_true "it answers under a watchdog of 3 s" healthy
    pid=$(property MainPID)
    restarts=$(property NRestarts)
    sleep 5
    same "which it feeds in time" "$(property MainPID) $(property NRestarts)" "$pid $restarts"
    kill -STOP "$pid"
    until_true "stopped, it is killed and replaced" another_pid "$pid"
    until_true "and answers again" healthy
    same "as one more start" "$(property NRestarts)" $((restarts + 1))
    expect "the journal says why" bash -c 'journalctl --no-pager -u cobid.service | grep -qi "watchdog timeout"'
    until_true "the watchdog's alarm was mailed" mailed watchdog 1
    rm -r /etc/systemd/system/cobid.service.d
    systemctl daemon-reload
    systemctl restart cobid.service
    until_true "it answers under its own watchdog" healthy
}

check_deadman() {
    local beat up
    expect "the dead-man waits beside it" systemctl is-active cobid-deadman.timer
    beat=$(sed 's/^0*//' /run/cobid/heartbeat)
    read -r up _ </proc/uptime
    [ $((${up%%.*} - beat)) -lt 90 ] || fail "the heartbeat is old: $beat at $up"
    expect "while it lives, the dead-man is content" systemctl start cobid-deadman.service
    echo 000000000001 >/run/cobid/heartbeat
    refuse "an old heartbeat fails the dead-man" systemctl start cobid-deadman.service
    until_true "which was mailed" mailed silent 1
    rm /run/cobid/heartbeat
    refuse "no heartbeat fails it too" systemctl start cobid-deadman.service
    sleep 1
    expect "which was not mailed again in the same hour" mailed silent 1
    systemctl restart cobid.service
    until_true "a healthy start writes it anew" test -s /run/cobid/heartbeat
    expect "and contents the dead-man" systemctl start cobid-deadman.service
    same "who cannot write" "$(stat -c '%a %U' /run/cobid/heartbeat)" "644 cobid"
}

# The unit itself, with the probe in the daemon's place.
check_sandbox() {
    local sbin=/usr/local/sbin/sandbox_probe secret
    cp /mnt/sandbox_probe "$sbin"
    for secret in /root/secret /home/secret /var/lib/secret; do
        echo secret >"$secret"
        chmod 644 "$secret"
    done
    chmod 755 /root
    sed -E -e "s|^ExecStart=.*|ExecStart=$sbin /var/lib/cobid $config 8099|" -e "s|^ExecPaths=[^ ]+|ExecPaths=$sbin|" \
        -e 's|^Type=.*|Type=oneshot|; s|^Restart=.*|Restart=no|' -e '/^(WatchdogSec|ExecReload|ExecStopPost|Requires|Wants|After|NotifyAccess)=/d' \
        -e 's|^Standard(Output\|Error)=.*|Standard\1=file:/run/probe-\1|' "$unit" >/etc/systemd/system/cobid-probe.service
    systemctl daemon-reload
    expect "the probe runs in the sandbox" systemctl start cobid-probe.service
    sed 's/^/probe: /' /run/probe-Output
    refuse "the sandbox forbids all that it should" grep -E '^possible' /run/probe-Output
    refuse "and nothing that is needed" grep -E '^broken' /run/probe-Output
    expect "the probe came to its end" grep -q '^tried 60$' /run/probe-Output
    # The same without the sandbox, or the probe would prove nothing.
    runuser -u cobid -- "$sbin" /var/lib/cobid "$config" 8099 >/run/probe-free 2>/dev/null
    for secret in "run a shell" "run a file it wrote" "run a program from memory" "read root's files" "read a user's files" \
        "read another service's state" "see another process" "open a netlink socket" "trace" "use the keyring" "map memory to write and execute" \
        "make memory executable" "make a file set-user-ID" "change its personality"; do
        grep -qF "possible $secret" /run/probe-free || fail "without the sandbox the probe should be able to $secret"
    done
    echo "ok: without the sandbox the probe can do much of it"
    refuse "its temporary files are not the host's" test -e /tmp/cobid-probe
}

# The disk is full: what a person sees, and that it goes on by itself.
check_full_disk() {
    mkdir -p /etc/systemd/system/cobid.service.d
    printf '[Service]\nWatchdogSec=6\n' >/etc/systemd/system/cobid.service.d/short.conf
    systemctl daemon-reload
    systemctl stop cobid.service
    mount -t tmpfs -o size=48M,mode=0700,uid="$(id -u cobid)",gid="$(id -g cobid)" tmpfs /var/lib/cobid
    expect "it starts on a small disk" systemctl start cobid.service
    until_true "and answers" healthy
    dd if=/dev/zero of=/var/lib/cobid/filler bs=4k >/dev/null 2>&1 || true
    refuse "full: nothing is promised" cobictl office add full --name "Full" --address "x" --phone "0118 496 0001"
    until_true "systemctl status says so with the next audit" status_says "full"
    refuse "its health is red" healthy
    systemctl restart --no-block cobid.service
    sleep 4
    systemctl status --no-pager cobid.service | grep -E 'Active|Status|Main' || true
    until_true "after a restart it says so again" status_says "full"
    rm /var/lib/cobid/filler
    until_true "with space again it is healthy by itself" healthy
    expect "and takes writes" cobictl office add full --name "Full" --address "x" --phone "0118 496 0001"
    systemctl stop cobid.service
    umount /var/lib/cobid
    rm -r /etc/systemd/system/cobid.service.d
    systemctl daemon-reload
    systemctl start cobid.service
    until_true "it answers from its own disk" healthy
}

# A database that cannot be opened: it tries again and again, and a person sees why.
check_broken_store() {
    systemctl stop cobid.service
    cp -p /var/lib/cobid/cobid.db /run/kept.db
    head -c 8192 /dev/urandom >/var/lib/cobid/cobid.db
    systemctl start --no-block cobid.service
    until_true "it does not run on a broken database" status_says "auto-restart"
    until_true "systemctl status says why" status_says 'Status: "ended: '
    until_true "and that it was tried again" bash -c '[ "$(systemctl show -p NRestarts --value cobid.service)" -ge 2 ]'
    until_true "which was mailed" mailed exit-code 1
    cat /run/kept.db >/var/lib/cobid/cobid.db
    until_true "with its database back it is healthy by itself" healthy
    expect "mailed once, not with every try" mailed exit-code 1
    expect "with all that was written" bash -c 'cobictl office list | grep -q reading'
}

check_stop() {
    local mails
    mails=$(grep -c '^Subject' /run/mail)
    expect "it stops" systemctl stop cobid.service
    same "in good order" "$(property Result)" success
    sleep 1
    same "which alarms nobody" "$(grep -c '^Subject' /run/mail)" "$mails"
    refuse "no personal data is in the journal" bash -c "journalctl --no-pager | grep -E 'Reading office|High Street|496 000'"
}

install_it
check_start
check_reload
check_kill
check_no_refusal
check_crowd
check_watchdog
check_deadman
check_sandbox
check_full_disk
check_broken_store
check_stop
echo "boot_unit: done"
