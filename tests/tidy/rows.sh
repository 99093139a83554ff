#!/bin/bash
# rows.sh: every outcome code of the configuration has a row in the table of rows and rules in tests/scenarios/README.md; the stories and
# tests of the table exist; each code is used in a story of its row.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "$0")/../..}"

faults=0
fault() {
    echo "$1"
    faults=$((faults + 1))
}
table=$(sed -n '/^## Rows and rules/,/^## Lessons/p' tests/scenarios/README.md | grep '^| ' | tail -n +3)
rows=$(wc -l <<<"$table")
[ "$rows" -gt 20 ] || fault "tests/scenarios/README.md: the table of rows and rules is missing"
while IFS='|' read -r _ row stories elsewhere _; do
    stories=$(tr -d ' ' <<<"$stories" | tr ',' '\n')
    [ -n "$stories" ] || fault "$row: no story"
    for story in $stories; do
        [ -f "tests/scenarios/$story.scn" ] || fault "$row: tests/scenarios/$story.scn is missing"
    done
    for test in $(grep -oE '(test_[a-z_]+|system/[a-z_]+\.(py|sh))' <<<"$elsewhere"); do
        [ -f "tests/$test" ] || [ -f "tests/unit/$test.c" ] || fault "$row: $test is missing"
    done
done <<<"$table"
codes=$(grep -oE 'code = "[A-Z0-9]+"' etc/outcomes.conf | cut -d'"' -f2)
for code in $codes; do
    stories=$(grep -E "^\| ([A-Z0-9, ]+, )?$code(,[A-Z0-9, ]+)? \|" <<<"$table" | cut -d'|' -f3 | tr -d ',' || true)
    used=0
    for story in $stories; do
        grep -qE "^[^#]*\b$code\b" "tests/scenarios/$story.scn" && used=$((used + 1))
    done
    [ "$used" -gt 0 ] || fault "$code: no story of its row uses it"
done
echo "$rows rows, $(wc -w <<<"$codes") codes, $faults faults"
[ "$faults" -eq 0 ]
