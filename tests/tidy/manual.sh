#!/bin/bash
# manual.sh: the manual pages are read without a warning, those written by hand and those made from a table.
set -euo pipefail
source_folder=${top_srcdir:-$(dirname -- "$0")/../..}
build_folder=${top_builddir:-.}

if ! command -v man >/dev/null || ! man --version >/dev/null 2>&1 || ! command -v groff >/dev/null; then
    echo "skipped: manual: man or groff is missing (package man-db)"
    exit 77
fi
seen=0
faults=0
for page in "$source_folder"/man/*.[158] "$build_folder"/man/*.[158]; do
    [ -f "$page" ] || continue
    seen=$((seen + 1))
    warnings=$(MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null || true)
    if [ -n "$warnings" ]; then
        printf '%s:\n%s\n' "$page" "$warnings"
        faults=$((faults + 1))
    fi
done
echo "$seen pages, $faults with warnings"
[ "$seen" -gt 0 ] && [ "$faults" -eq 0 ]
