#!/bin/bash
# SPDX-License-Identifier: MIT
# Every patch for a part of ROCm against the source that Debian ships of it: applies, reverses, and is
# read by a compiler without an error. Usage: check.sh [COMPONENT...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"

rootfs=$("$vm/rootfs.sh")
[ $# -gt 0 ] || set -- libhsakmt rocr clr
checked=0
for component; do
    for patches in "$here/../$component"/*/; do
        version=$(basename "$patches")
        code=0
        part=$("$here/source.sh" "$rootfs" "$component" "$version") || code=$?
        if [ $code = 3 ]; then
            echo "$component $version: skipped: $part"
            continue
        fi
        [ $code = 0 ] || exit 1
        lock "$part.lock" "checks of $component $version"
        "$vm/enter.sh" "$rootfs" --bind "$part:/mnt/part" --bind "$patches:/mnt/patches" \
            --bind "$here/../series.sh:/mnt/series.sh" --bind "$here:/mnt/rocm" -- \
            sh /mnt/rocm/check-part.sh "$component" "$version"
        checked=$((checked + 1))
    done
done
[ $checked -gt 0 ] || fail "no part could be checked"
