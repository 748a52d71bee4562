#!/bin/bash
# SPDX-License-Identifier: MIT
# Every patch for a part of ROCm against the source that Debian ships of it: applies, reverses, and is
# read by a compiler without an error. Usage: check.sh [COMPONENT...]
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

[ $# -gt 0 ] || set -- libhsakmt rocr clr
for component; do
    for patches in "$here/../$component"/*/; do
        version=$(basename "$patches")
        check "$component $version" "$patches" /mnt/part check-part.sh "$component" "$version"
    done
done
[ $checked -gt 0 ] || fail "no part could be checked"
