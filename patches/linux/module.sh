#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds amdgpu of the root filesystem's kernel with every patch of its line, as a module that loads on
# that kernel. Takes half an hour of one processor, and goes on where it was interrupted; the result
# is kept in the cache. Prints its path. Exits 3 with a line that says so when there are no patches for
# that kernel's line.
# Usage: module.sh
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$vm/kernels.sh"

choose_kernel
line=$(cut -d. -f1,2 <<<"$kernel_release")
[ -d "$here/$line" ] || {
    echo "there are no patches for Linux $line"
    exit 3
}
cache=$(cache_dir)
# Another word in a patch's message doesn't make another module.
key=$({ echo "$kernel_release"; cat "$here/build-module.sh"; sed --separate -n '/^diff /,$p' "$here/$line"/*.patch; } | sha256sum | cut -c1-16)
module=$cache/amdgpu-patched-$key.ko.zst

lock "$cache/amdgpu-patched.lock" "the patched module"
if [ ! -e "$module" ]; then
    building=$cache/amdgpu-patched-$key
    mkdir -p "$building"
    say "building amdgpu of $kernel_release with the patches of $line (half an hour of one processor)"
    "$vm/enter.sh" "$rootfs" --bind "$building:/mnt/build" --bind "$here/$line:/mnt/patches" \
        --bind "$here/build-module.sh:/mnt/build-module.sh" -- sh /mnt/build-module.sh "$kernel_release" "$line"
    rm -f "$cache"/amdgpu-patched-*.ko.zst
    mv "$building/amdgpu.ko.zst" "$module"
    for old in "$cache"/amdgpu-patched-*/; do
        as_root rm -rf "$old"
    done
fi
echo "$module"
