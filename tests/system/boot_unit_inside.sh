#!/bin/bash
# boot_unit_inside.sh: the part of boot_unit.sh that runs in the container, where systemd is PID 1. Never run it elsewhere:
# it installs into / and changes groups.
set -euo pipefail
if [ ! -e /mnt/inside.sh ] || ! systemd-detect-virt --container --quiet; then
    exit 2
fi

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
property() {
    systemctl show --property="$1" --value cobid.service
}
healthy() {
    for _ in $(seq 50); do
        ! curl -sf --max-time 5 http://127.0.0.1:8099/healthz >/dev/null || return 0
        sleep 0.2
    done
    return 1
}

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
ip link set lo up 2>/dev/null || true
systemctl daemon-reload

expect "the units start" systemctl start cobid.socket cobid-control.socket cobid.service
[ "$(property ActiveState)" = active ] || fail "the daemon is not active"
[ "$(property Type)" = notify ] || fail "the daemon does not say when it is ready"
expect "it answers behind its socket" healthy
[ "$(stat -c '%a %U' /var/lib/cobid)" = "700 cobid" ] || fail "the state directory is open: $(stat -c '%a %U' /var/lib/cobid)"
pid=$(property MainPID)
[ "$(stat -c %U "/proc/$pid")" = cobid ] || fail "it runs as somebody else"
grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status" || fail "it holds a capability"
grep -q '^Seccomp:.*2$' "/proc/$pid/status" || fail "no filter of system calls"

expect "root may ask" cobictl status
expect "a keeper may ask" runuser -u keeper -- cobictl status
expect "a watcher may look" runuser -u watcher -- cobictl status
refuse "a watcher may not read people" runuser -u watcher -- cobictl participant list
refuse "a stranger may not even look" runuser -u stranger -- cobictl status

expect "a write goes through" cobictl office add reading --name "Reading office" \
    --address "1 High Street, Reading" --phone "0118 496 0000"
expect "the reload with a good file" systemctl reload cobid.service
cp "$config" /tmp/good.conf
echo 'timezone = "Nowhere/Land' >>"$config"
refuse "the reload with a bad file" systemctl reload cobid.service
[ "$(property MainPID)" = "$pid" ] || fail "the daemon went away over a bad file"
expect "it still answers" healthy
cp /tmp/good.conf "$config"

kill -KILL "$pid"
expect "it answers again after a kill, on the same socket" healthy
[ "$(property MainPID)" != "$pid" ] || fail "the same process"
[ "$(property NRestarts)" = 1 ] || fail "started anew $(property NRestarts) times"
expect "what was written is still there" bash -c 'cobictl office list | grep -q reading'

expect "it stops" systemctl stop cobid.service
[ "$(property Result)" = success ] || fail "it did not stop in good order: $(property Result)"
! journalctl --no-pager -u cobid.service | grep -E 'Reading|High Street|496' || fail "personal data in the journal"
echo "boot_unit: done"
