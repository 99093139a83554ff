#!/bin/bash
# sample_check.sh: the sample configuration, as made from the table of options, passes the daemon's own check beside the
# files it includes; and the check finds what is wrong with a copy that has a fault.
set -euo pipefail
source_folder=${top_srcdir:-$(dirname -- "$0")/../..}
build_folder=${top_builddir:-.}

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cp -- "$source_folder"/etc/*.conf "$source_folder"/etc/*.ics "$folder/"
cp -- "$build_folder/etc/cobid.conf" "$folder/cobid.conf"
chmod u+w "$folder/cobid.conf"
printf 'templates_dir = "%s";\nstate_dir = "%s";\n' "$(cd -- "$source_folder" && pwd)/templates" "$folder/state" \
    >>"$folder/cobid.conf"

"$build_folder/cobid" -c "$folder/cobid.conf" --check
[ ! -e "$folder/state" ] || { echo "the check made the state directory" && exit 1; }

printf 'feed_horizon = "28 days or so";\n' >>"$folder/cobid.conf"
line=$(wc -l <"$folder/cobid.conf")
if "$build_folder/cobid" -c "$folder/cobid.conf" --check >"$folder/said" 2>&1; then
    echo "a fault was not found" && exit 1
fi
grep -F "cobid.conf:$line:" "$folder/said" || { cat "$folder/said" && exit 1; }
