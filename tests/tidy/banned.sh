#!/bin/bash
# banned.sh: functions that nobody here may call, found in the text without its comments and strings.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "$0")/../..}"
cc=${CC:-cc}

names='strcpy|strcat|strncpy|strncat|stpcpy|sprintf|vsprintf|strtok|strtok_r|gets|atoi|atol|atoll|atof'
names="$names|localtime|gmtime|ctime|asctime|localtime_r|gmtime_r|mktime|time|gettimeofday"
names="$names|sleep|usleep|rand|srand|random|srandom|drand48|system|popen|alloca|setjmp|longjmp|mktemp|tmpnam"
# libical's functions without _r keep their answers in a ring of shared buffers.
names="$names|ical[a-z]+_as_ical_string|ical[a-z]+_get_ical_string|icalenum_property_kind_to_string_shared"

# The compiler's lexer drops the comments; sed empties the strings. A name after . or -> is a member, not the function.
plain_text() {
    $cc -std=gnu17 -fpreprocessed -dD -E -P "$1" 2>/dev/null | sed -E 's/"([^"\\]|\\.)*"/""/g'
}

seen=0
faults=0
while IFS= read -r file; do
    seen=$((seen + 1))
    calls=$(plain_text "$file" | grep -nE "(^|[^A-Za-z0-9_.>])($names)[[:space:]]*\(" || true)
    if [ -n "$calls" ]; then
        printf '%s: banned:\n%s\n' "$file" "$calls"
        faults=$((faults + 1))
    fi
done < <(find src include -name '*.[ch]' | LC_ALL=C sort)
echo "$seen files read, $faults with a banned function"
[ "$seen" -gt 0 ] && [ "$faults" -eq 0 ]
