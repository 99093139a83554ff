#!/bin/bash
# clang_tidy.sh: clang-tidy with the checks of .clang-tidy, where each that is left out has its reason.
. "${top_srcdir:-$(dirname -- "$0")/../..}/tests/analyzers/common.sh"
needs clang-tidy

# The list of files must come before the compiler's flags, so that each portion has its own shell.
portion() {
    local count=$1
    shift
    clang-tidy -quiet --warnings-as-errors='*' "${@:count + 1}" -- "${@:1:count}" 2>&1 |
        { grep -vE '^([0-9]+ warnings? generated\.|Suppressed [0-9]+ warnings|Use -header-filter)' || true; }
}
export -f portion
source_files | xargs -0 -P "$jobs" -n 5 bash -o pipefail -c 'portion "$@"' _ "${#language_flags[@]}" "${language_flags[@]}"
source_files | tr '\0' '\n' | wc -l | sed 's/$/ files, nothing found/'
