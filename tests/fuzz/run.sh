#!/bin/bash
# run.sh FUZZER: one fuzzer for FUZZ_SECONDS, from its corpus; what it finds stays in fuzz-work/NAME. `make fuzz` runs some at a
# time.
set -euo pipefail
name=$(basename -- "$1")
work=fuzz-work/$name
mkdir -p -- "$work/found"
"./$1" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=60 -artifact_prefix="$work/" "$work/found" \
    "$top_srcdir/tests/fuzz/corpus/${name#fuzz_}" >"$work/log" 2>&1 || {
    tail -n 40 -- "$work/log"
    echo "$name: failed; its input is in $work"
    exit 255 # xargs starts no other
}
echo "$name: $(grep '^Done' "$work/log")"
