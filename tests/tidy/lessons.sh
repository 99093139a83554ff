#!/bin/bash
# lessons.sh: every lesson has a story that says so, and the table of lessons in tests/scenarios/README.md names stories and
# tests that exist.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "$0")/../..}"

lessons=20
faults=0
fault() {
    echo "$1"
    faults=$((faults + 1))
}
# The lessons that a story names: "Lesson 4", "lessons 9 and 10", "Lessons 17, 18 and 19".
named() {
    grep '^#' "$1" | grep -oiE '\blessons? [0-9]+((, | and )[0-9]+)*' | grep -oE '[0-9]+' || true
}
for n in $(seq "$lessons"); do
    row=$(grep -E "^\\| $n \\|" tests/scenarios/README.md || true)
    [ -n "$row" ] || { fault "lesson $n: no row in tests/scenarios/README.md"; continue; }
    stories=$(cut -d'|' -f4 <<<"$row" | tr -d ' ' | tr ',' '\n')
    [ -n "$stories" ] || fault "lesson $n: no story"
    for story in $stories; do
        if [ ! -f "tests/scenarios/$story.scn" ]; then
            fault "lesson $n: tests/scenarios/$story.scn is missing"
        elif ! named "tests/scenarios/$story.scn" | grep -qx "$n"; then
            fault "lesson $n: tests/scenarios/$story.scn does not say that it tells it"
        fi
    done
    for test in $(cut -d'|' -f5 <<<"$row" | grep -oE '(test_[a-z_]+|system/[a-z_]+\.(py|sh))'); do
        [ -f "tests/$test" ] || [ -f "tests/unit/$test.c" ] || fault "lesson $n: $test is missing"
    done
done
echo "$lessons lessons, $faults faults"
[ "$faults" -eq 0 ]
