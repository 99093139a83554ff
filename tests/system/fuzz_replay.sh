#!/bin/bash
# fuzz_replay.sh: every fuzzer runs over its corpus and some thousand inputs made from it, with whatever compiler there is.
# The seed is the same each time; COBI_FUZZ_SEED=n takes another one. The long runs are `make fuzz`.
set -euo pipefail
source_folder=${top_srcdir:-$(dirname -- "$0")/../..}
build_folder=${top_builddir:-.}
seed=${COBI_FUZZ_SEED:-1}
rounds=${COBI_FUZZ_ROUNDS:-3000}

seen=0
for source in "$source_folder"/tests/fuzz/fuzz_*.c; do
    name=$(basename -- "$source" .c)
    if [ ! -x "$build_folder/tests/fuzz/$name" ]; then
        echo "$name: not built (no cmocka)"
        continue
    fi
    corpus=("$source_folder/tests/fuzz/corpus/${name#fuzz_}"/*)
    share=1
    case $name in fuzz_control | fuzz_row | fuzz_texts) share=30 ;; esac # a whole engine, a whole folder each time
    timeout 60 "$build_folder/tests/fuzz/$name" "$((rounds / share))" "$seed" "${corpus[@]}" || {
        echo "$name: failed with seed $seed"
        exit 1
    }
    seen=$((seen + 1))
done
echo "$seen fuzzers"
[ "$seen" -gt 0 ]
