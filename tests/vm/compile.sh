#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the kernel module, in the everyday kernel's root filesystem, for a kernel that Debian has an
# image and the source of, but no headers: against a tree made from the source with the image's own
# configuration, and for the image's amdgpu. Nothing is booted. Prints what modinfo says of it.
# Exits 3 with a line that says so when the archive no longer has the image or the source.
# Usage: KERNEL=NAME compile.sh RMCP-KCTL
#
# RMCP_CACHE, RMCP_MIRROR   as for rootfs.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/archive.sh"
. "$here/kernels.sh"

kctl=$(realpath "$1")
repository=$(cd "$here/../.." && pwd)
choose_kernel
line=$(kernel_field "$kernel" compile)
[ -n "$line" ] || fail "kernels.toml has $kernel_release booted, not compiled only"
rootfs=$(KERNEL= "$here/rootfs.sh")
mirror=$(archive_mirror "$rootfs")
work=$(mktemp -d "$(cache_dir)/compile-XXXXXX")
trap 'as_root rm -rf "$work"' EXIT

# A package by the list that pins it, in the directory of its kind.
get() { # KIND LIST KEY-COLUMN KEY
    local digest path log
    mkdir -p "$work/$1"
    while read -r digest path; do
        say "getting $(basename "$path")"
        log=$(archive_get "$mirror" "$digest" "$path" "$work/$1/$(basename "$path")") && continue
        grep -q 404 <<<"$log" || fail "$mirror doesn't give $path. apt says: $log"
        echo "not in the archive any more: $(basename "$path")"
        exit 3
    done < <(awk -v column="$3" -v key="$4" '$column == key { print $(NF - 1), $NF }' "$2")
    ls "$work/$1"/*.deb >/dev/null 2>&1 || fail "$(basename "$2") has no $4"
}
get image "$here/corpus.txt" 2 "$kernel_release"
get source "$repository/patches/linux/sources.txt" 1 "$line"

cp -r "$repository/kmod" "$work/kmod"
cp "$kctl" "$work/rmcp-kctl"
say "building rmcp.ko for $kernel_release (about 5 minutes)"
"$here/enter.sh" "$rootfs" --bind "$work:/mnt/work" --bind "$here/compile-inside.sh:/mnt/inside.sh" -- \
    sh /mnt/inside.sh "$kernel_release"
cat "$work/modinfo"
