#!/bin/bash
# cppcheck.sh: cppcheck's warnings, and what it knows of performance and portability.
. "${top_srcdir:-$(dirname -- "$0")/../..}/tests/analyzers/common.sh"
needs cppcheck

source_files | tr '\0' '\n' | cppcheck -q -j "$jobs" --file-list=- --enable=warning,performance,portability --inline-suppr \
    --error-exitcode=1 --std=c11 --library=gnu "${language_flags[@]:1}"
source_files | tr '\0' '\n' | wc -l | sed 's/$/ files, nothing found/'
