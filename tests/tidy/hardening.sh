#!/bin/bash
# hardening.sh: the daemon as built is a position-independent executable with everything bound at start, read-only
# relocations, no executable stack, and calls into the fortified C library.
set -euo pipefail
cd -- "${top_builddir:-.}"
readelf=${READELF:-readelf}

if [ "${COBID_HARDENED:-yes}" != yes ]; then
    echo "skipped: built without hardening"
    exit 77
fi
faults=0
expect() {
    if ! grep -qE -- "$3" <<<"$2"; then
        echo "$program: $1 is missing"
        faults=$((faults + 1))
    fi
}
for program in cobid cobictl; do
    [ -x "$program" ] || { echo "$program is not built" && exit 1; }
    expect "PIE" "$("$readelf" -hW "$program")" 'Type:[[:space:]]+DYN'
    expect "PIE flag" "$("$readelf" -dW "$program")" 'FLAGS_1.*PIE'
    expect "BIND_NOW" "$("$readelf" -dW "$program")" 'BIND_NOW|FLAGS_1.*NOW'
    expect "RELRO" "$("$readelf" -lW "$program")" 'GNU_RELRO'
    expect "a stack that cannot be executed" "$("$readelf" -lW "$program")" 'GNU_STACK.* RW '
    expect "a fortified call" "$("$readelf" -sW "$program")" '__[a-z]+_chk'
    expect "the stack protector" "$("$readelf" -sW "$program")" '__stack_chk_fail'
done
echo "$faults faults"
[ "$faults" -eq 0 ]
