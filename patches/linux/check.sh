#!/bin/bash
# SPDX-License-Identifier: MIT
# Every patch for the kernel against the source that Debian ships of its line: applies, reverses,
# is clean to checkpatch, and compiles. Usage: check.sh [LINE...]
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

[ $# -gt 0 ] || set -- $(cd "$here" && ls -d [0-9]*/ | tr -d /)
for line; do
    check "Linux $line" "$here/$line" /mnt/line check-line.sh "$line"
done
[ $checked -gt 0 ] || fail "no line could be checked"
