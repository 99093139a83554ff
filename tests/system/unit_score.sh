#!/bin/bash
# unit_score.sh: the units are well formed, and systemd's own score of the sandbox is at most 1.5 (0 best, 10 worst).
set -euo pipefail
source_folder=${top_srcdir:-$(dirname -- "$0")/../..}
build_folder=${top_builddir:-.}

if ! command -v systemd-analyze >/dev/null; then
    echo "skipped: unit_score: systemd-analyze is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
mkdir -p "$folder/sbin"
# The program that was built, or any program before there is one: verify wants to see an executable.
cp -- "$build_folder/cobid" "$folder/sbin/cobid" 2>/dev/null || cp -- /bin/true "$folder/sbin/cobid"
cp -- "$build_folder/cobictl" "$folder/sbin/cobictl" 2>/dev/null || cp -- /bin/true "$folder/sbin/cobictl"
for name in cobid cobid-alarm@ cobid-deadman; do
    sed -e "s|@s*bindir@|$folder/sbin|g" -e "s|@pkglibexecdir@|$source_folder/systemd|g" -e "s|@sysconfdir@|/etc|g" \
        "$source_folder/systemd/$name.service.in" >"$folder/$name.service"
done
cp -- "$source_folder"/systemd/*.socket "$source_folder"/systemd/*.timer "$folder/"
if grep -n '@[a-z]*@' "$folder"/cobid*; then
    echo "a name was not filled in"
    exit 1
fi

# systemd loads the host's own units beside ours; only what it says of ours counts.
complaints=$(cd -- "$folder"; systemd-analyze verify --man=no ./cobid.service ./cobid.socket ./cobid-control.socket \
    ./cobid-deadman.service ./cobid-deadman.timer ./cobid-alarm@silent.service 2>&1 |
    grep -F cobid || true)
if [ -n "$complaints" ]; then
    printf 'systemd-analyze verify:\n%s\n' "$complaints"
    exit 1
fi

score=$(systemd-analyze security --offline=true --no-pager "$folder/cobid.service" |
    sed -nE 's/.*Overall exposure level for .*: ([0-9.]+) .*/\1/p')
echo "exposure of cobid.service: ${score:-unknown} (gate 1.5, aim 1.2)"
awk -v score="${score:-99}" 'BEGIN { exit !(score <= 1.5) }'
