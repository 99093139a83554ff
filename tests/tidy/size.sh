#!/bin/bash
# size.sh: no file over 800 lines, no function over 70. Relies on the one layout that clang-format gives: a function opens
# with a line that ends in ") {" outside of any other and closes with "}" in the first column.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "$0")/../..}"

find src include tests -name '*.[ch]' -print0 | LC_ALL=C sort -z | xargs -0 awk '
    FNR == 1 { close_file(); file = FILENAME; files++; inside = 0 }
    { lines = FNR }
    !inside && /\) \{$/ { inside = 1; start = FNR; name = $0; functions++ }
    inside && /^}/ {
        inside = 0
        length_lines = FNR - start + 1
        if (length_lines > 70) {
            printf "%s:%d: a function of %d lines: %s\n", FILENAME, start, length_lines, name
            faults++
        }
    }
    END {
        close_file()
        printf "%d files, %d functions, %d too long\n", files, functions, faults
        exit faults > 0 || functions == 0
    }
    function close_file() {
        if (lines > 800) {
            printf "%s: %d lines\n", file, lines
            faults++
        }
        lines = 0
    }'
