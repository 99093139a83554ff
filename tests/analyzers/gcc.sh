#!/bin/bash
# gcc.sh: gcc -fanalyzer. It knows the clean-up attribute, so leaks and uses after a free are its part.
. "${top_srcdir:-$(dirname -- "$0")/../..}/tests/analyzers/common.sh"
needs gcc

one_file() {
    gcc -O2 -fanalyzer -Werror -c -o /dev/null "$@"
}
export -f one_file
source_files | xargs -0 -P "$jobs" -n 1 bash -c 'one_file "$@"' _ "${language_flags[@]}"
source_files | tr '\0' '\n' | wc -l | sed 's/$/ files, nothing found/'
