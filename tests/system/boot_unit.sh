#!/bin/bash
# boot_unit.sh: the unit under a real systemd. Installs the build into a throw-away overlay of this machine, boots systemd in
# it as PID 1 (namespaces of its own, loopback only), and there starts, asks, reloads, kills and stops the daemon.
# Needs root and systemd-nspawn; the machine outside sees nothing of it.
set -euo pipefail

skip() {
    echo "skipped: boot_unit: $1"
    exit 77
}
[ "$(id -u)" -eq 0 ] || skip "only root can boot a container"
command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is missing (package systemd-container)"
[ -x /lib/systemd/systemd ] || skip "systemd is missing"
unshare --mount true 2>/dev/null || skip "mount namespaces are not allowed here"
[ "${COBID_INSTRUMENTED:-no}" = no ] || skip "the sandbox does not suit the sanitizers"

source_folder=$(cd -- "${top_srcdir:-$(dirname -- "$0")/../..}" && pwd)
build_folder=$(cd -- "${top_builddir:-.}" && pwd)
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
mkdir -p "$folder/root" "$folder/share/stage"
make -s -C "$build_folder" install DESTDIR="$folder/share/stage" >"$folder/install.log" 2>&1 ||
    { cat "$folder/install.log" && exit 1; }
cp -r -- "$source_folder/etc" "$folder/share/etc"
cp -- "$source_folder/tests/system/boot_unit_inside.sh" "$folder/share/inside.sh"
cp -- "$source_folder"/tests/system/doubles/{steady_client,crowd}.py "$build_folder/tests/tools/sandbox_probe" "$folder/share/"
chmod 755 "$folder" "$folder/share" "$folder/share/sandbox_probe"

cat >"$folder/share/boot-test.service" <<'END'
[Unit]
Description=what happens inside
After=basic.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/bash /mnt/inside.sh
StandardOutput=file:/mnt/out
StandardError=file:/mnt/out
TimeoutStartSec=240
END
cat >"$folder/share/boot-test.target" <<'END'
[Unit]
Description=only what the test needs
Requires=basic.target dbus.socket boot-test.service
AllowIsolate=yes
END

# A mount namespace of its own: the bind mount of / goes away with it. What the container would forbid by itself is let in, so
# that it is the unit which forbids it.
cat >"$folder/boot.sh" <<'END'
set -eu
mount --make-rprivate /
mount --bind / "$1/root"
exec systemd-nspawn --quiet --directory="$1/root" --volatile=overlay --private-network --register=no --keep-unit \
    --system-call-filter="@memlock @keyring bpf perf_event_open" --link-journal=no --console=pipe --machine=cobid-boot-test --uuid=c0b1dc0b1dc0b1dc0b1dc0b1dc0b1dc0 \
    --bind="$1/share:/mnt" --bind-ro="$1/share/boot-test.service:/etc/systemd/system/boot-test.service" \
    --bind-ro="$1/share/boot-test.target:/etc/systemd/system/boot-test.target" \
    --boot -- --unit=boot-test.target --log-target=journal --show-status=0
END
cgroups() {
    find /sys/fs/cgroup -maxdepth 2 \( -name payload -o -name supervisor \) 2>/dev/null || true
}
before=$(cgroups)
status=0
timeout -k 10 300 unshare --mount bash "$folder/boot.sh" "$folder" </dev/null >"$folder/nspawn.log" 2>&1 || status=$?
# nspawn leaves the groups it made.
comm -13 <(sort <<<"$before") <(cgroups | sort) | while IFS= read -r group; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
done

if [ ! -s "$folder/share/out" ]; then
    tail -n 5 "$folder/nspawn.log"
    skip "no container could be booted here (status $status)"
fi
cat "$folder/share/out"
grep -qx 'boot_unit: done' "$folder/share/out"
