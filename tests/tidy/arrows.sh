#!/bin/bash
# arrows.sh: rooms may include only what lies below them (doc/ARCHITECTURE.md).
#
# One row per room: the headers of ours it may include (folder/ or folder/file) and the libraries. A header of the C
# library is free to all, except in rules, which gets a short list. engine/ports.h is the one header that lies between
# rooms: the records that the engine, the store and the transport hand to each other, made of base and rules types only.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "$0")/../..}"

rows='
base      | base/                                                            | jansson.h
rules     | base/ rules/                                                     |
ical      | base/ rules/ ical/                                               | libical/
config    | base/ rules/ config/                                             | libconfig.h
template  | base/ rules/ template/                                           |
store     | base/ rules/ store/ engine/ports.h                               | sqlite3.h openssl/
engine    | base/ rules/ config/ template/ ical/ store/ engine/              | jansson.h
transport | base/ rules/kinds.h rules/retry.h config/gateway.h engine/ports.h transport/ | curl/ jansson.h systemd/
web       | base/ rules/ config/ template/ ical/ store/ engine/ web/         | microhttpd.h jansson.h openssl/ zlib.h systemd/
ctl       | base/ ctl/                                                       | curl/ jansson.h
daemon    | base/ rules/ config/ template/ ical/ store/ engine/ transport/ web/ daemon/ | microhttpd.h jansson.h openssl/ zlib.h systemd/ curl/ sqlite3.h libical/
'
libraries='curl/ libical/ sqlite3.h libconfig.h microhttpd.h systemd/ jansson.h openssl/ zlib.h'
rules_c_library='assert.h ctype.h errno.h inttypes.h limits.h stdarg.h stdbool.h stddef.h stdint.h stdio.h string.h'

# matches NAME PATTERN...: a pattern that ends in / is a folder.
matches() {
    local name=$1 pattern
    shift
    for pattern in "$@"; do
        case $pattern in
        */) [[ $name == "$pattern"* ]] && return 0 ;;
        *) [[ $name == "$pattern" ]] && return 0 ;;
        esac
    done
    return 1
}

faults=0
complain() {
    printf '%s\n' "$1"
    faults=$((faults + 1))
}

# check_include ROOM FILE LINE NAME QUOTE: shellcheck cannot see that the lists are words.
# shellcheck disable=SC2086
check_include() {
    local room=$1 where=$2:$3 file=$2 name=$4
    if [ "$5" = '<' ]; then
        if matches "$name" $libraries; then
            matches "$name" $allowed_libraries || complain "$where: $room may not use the library of <$name>"
        elif [ "$room" = rules ]; then
            matches "$name" $rules_c_library || complain "$where: rules is pure; it may not include <$name>"
        fi
    elif [[ $name == cobi/* ]]; then
        matches "${name#cobi/}" $allowed || complain "$where: $room may not include \"$name\""
    elif [[ $name == */* ]] || [ ! -e "$(dirname -- "$file")/$name" ]; then
        complain "$where: \"$name\" is neither cobi/ROOM/... nor a file of this room"
    fi
}

if grep '^#include "cobi/' include/cobi/engine/ports.h | grep -vE '"cobi/(base|rules)/'; then
    complain "include/cobi/engine/ports.h: it may include base and rules only"
fi

seen=0
while IFS='|' read -r room allowed allowed_libraries; do
    room=${room// /}
    [ -n "$room" ] || continue
    while IFS=: read -r file line text; do
        seen=$((seen + 1))
        if [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*([\"\<])([^\"\>]+)[\"\>] ]]; then
            check_include "$room" "$file" "$line" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
        else
            complain "$file:$line: an include that cannot be read: $text"
        fi
    done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' "src/$room" "include/cobi/$room" \
        --include='*.[ch]' --include='*.def' 2>/dev/null || true)
done <<<"$rows"

for folder in src/*/ include/cobi/*/; do
    grep -q "^$(basename -- "$folder") " <<<"$rows" || complain "$folder: no row here for this room"
done

printf '%d includes read, %d faults\n' "$seen" "$faults"
[ "$seen" -gt 0 ] && [ "$faults" -eq 0 ]
