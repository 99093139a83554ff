#!/bin/bash
# listed.sh: every file of the project is named in Makefile.am, so that it is built and shipped. A file made by an editor
# or the build (*.o, *~, hidden) does not count.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "$0")/../..}"

seen=0
faults=0
listed=$(sed 's/\\$//' Makefile.am | tr -s '[:blank:]' '\n' | LC_ALL=C sort -u)
unit_tests=$(grep -E '^tests/(unit|fuzz|sim|bench|tools)/' <<<"$listed" | sed 's/$/.c/')
folders='^(tests/data|tests/fuzz/corpus|tests/scenarios|tests/system/doubles|tests/system/e2e|tests/system/gates|tests/judges|tests/servers/parts)/' # each is listed as a whole
while IFS= read -r file; do
    seen=$((seen + 1))
    if ! grep -qxF -- "$file" <<<"$listed" && ! grep -qxF -- "$file" <<<"$unit_tests"; then
        echo "not in Makefile.am: $file"
        faults=$((faults + 1))
    fi
done < <(find src include templates tests etc doc man systemd demo -type f ! -name '.*' ! -name '*~' ! -name '*.o' \
    ! -name '*.pyc' ! -path '*/node_modules/*' 2>/dev/null | grep -vE "$folders" | LC_ALL=C sort)
echo "$seen files, $faults not listed"
[ "$seen" -gt 0 ] && [ "$faults" -eq 0 ]
