# shellcheck shell=bash
# common.sh: what the analysers share. Each looks at every file of src/ and must find nothing: a true finding is mended, a
# false one is excused where it stands and says why. Sourced, not run.
set -euo pipefail
cd -- "${top_srcdir:-$(dirname -- "${BASH_SOURCE[0]}")/../..}"

# needs TOOL: skips where it is not installed.
needs() {
    command -v "$1" >/dev/null || { echo "$1 is not installed" && exit 77; }
}

# source_files: what is looked at, each ended by a NUL.
source_files() {
    find src -name '*.c' -print0 | LC_ALL=C sort -z
}

export jobs=${COBI_ANALYZER_JOBS:-2}
read -r -a library_flags < <(pkg-config --cflags libcurl libical sqlite3 libconfig libmicrohttpd libsystemd jansson libcrypto zlib)
# What configure would say; the words do not matter here.
language_flags=(-std=gnu17 -D_GNU_SOURCE -Iinclude '-DCOBI_VERSION="0"' '-DCOBI_SYSCONFDIR="/etc/cobid"'
    '-DCOBI_PKGDATADIR="/usr/share/cobid"' '-DCOBI_CONFIG_FILE="/etc/cobid/cobid.conf"'
    '-DCOBI_TEMPLATES_DIR="/usr/share/cobid/templates"' "${library_flags[@]}")
