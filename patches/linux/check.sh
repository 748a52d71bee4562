#!/bin/bash
# SPDX-License-Identifier: MIT
# Every patch for the kernel against the source that Debian ships of its line: applies, reverses,
# is clean to checkpatch, and compiles. Usage: check.sh [LINE...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"

rootfs=$("$vm/rootfs.sh")
[ $# -gt 0 ] || set -- $(cd "$here" && ls -d [0-9]*/ | tr -d /)
checked=0
for line; do
    code=0
    kernel=$("$here/source.sh" "$rootfs" "$line") || code=$?
    if [ $code = 3 ]; then
        echo "Linux $line: skipped: $kernel"
        continue
    fi
    [ $code = 0 ] || exit 1
    lock "$kernel.lock" "objects of Linux $line"
    "$vm/enter.sh" "$rootfs" --bind "$kernel:/mnt/line" --bind "$here/$line:/mnt/patches" \
        --bind "$here/../series.sh:/mnt/series.sh" \
        --bind "$here/check-line.sh:/mnt/check-line.sh" -- sh /mnt/check-line.sh
    checked=$((checked + 1))
done
[ $checked -gt 0 ] || fail "no line could be checked"
