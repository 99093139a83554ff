#!/bin/bash
# purity.sh: the rules know no clock, allocation, file, network or global state. What their archive asks of the C library
# must be on this short list, and what it asks of base may not be one of base's parts that allocate or speak to the world.
set -euo pipefail
cd -- "${top_builddir:-.}"
nm=${NM:-nm}

if [ "${COBID_INSTRUMENTED:-no}" = yes ] || ! "$nm" --version >/dev/null 2>&1; then
    echo "skipped: the build is instrumented, or there is no nm"
    exit 77
fi

c_library='memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strcasecmp strncasecmp strchr strrchr
    strstr strspn strcspn snprintf vsnprintf bsearch __ctype_b_loc
    __memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk
    __assert_fail __stack_chk_fail _GLOBAL_OFFSET_TABLE_'
impure_base='^(arena|folder|heap|log)_'

defined() {
    "$nm" --defined-only --extern-only "$1" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u
}

[ -f libcobi_rules.a ] || { echo "libcobi_rules.a is not built" && exit 1; }
wanted=$("$nm" --undefined-only libcobi_rules.a 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u |
    comm -23 - <(defined libcobi_rules.a))
if [ -z "$(defined libcobi_rules.a)" ]; then
    echo "the archive of the rules is empty"
    exit 1
fi
faults=0
base=$(defined libcobi_base.a)
for symbol in $wanted; do
    if grep -qxF "$symbol" <<<"$base"; then
        ! grep -qE "$impure_base" <<<"$symbol" || { echo "impure part of base: $symbol" && faults=$((faults + 1)); }
    elif ! grep -qwF -- "$symbol" <<<"$c_library"; then
        echo "not on the list: $symbol"
        faults=$((faults + 1))
    fi
done
# No state either: nothing in .data or .bss. Constant tables of pointers are in .data.rel.ro, which is read-only when it runs.
state=$("$nm" --format=sysv libcobi_rules.a 2>/dev/null | awk -F'|' '
    { gsub(/ /, "", $1); gsub(/ /, "", $7) }
    $7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*|COMMON)/ && $7 !~ /^\.data\.rel\.ro/ { print $1 }')
if [ -n "$state" ]; then
    printf 'variables that change: %s\n' "${state//$'\n'/ }"
    faults=$((faults + 1))
fi
echo "$(wc -w <<<"$wanted") symbols asked for, $faults faults"
[ "$faults" -eq 0 ]
