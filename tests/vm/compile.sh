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
repository=$(cd "$here/../.." && pwd)
. "$repository/patches/linux/package.sh"

kctl=$(realpath "$1")
choose_kernel
line=$(kernel_field "$kernel" compile)
[ -n "$line" ] || fail "kernels.toml has $kernel_release booted, not compiled only"
rootfs=$(KERNEL= "$here/rootfs.sh")
work=$(mktemp -d "$(cache_dir)/compile-XXXXXX")
trap 'as_root rm -rf "$work"' EXIT

image=$("$here/corpus.sh" "$rootfs" "$kernel_release") || { code=$?; echo "$image"; exit $code; }
source=$(get_package "$rootfs" "$line" "$work" /mnt/work) || { code=$?; echo "$source"; exit $code; }
cp -r "$repository/kmod" "$work/kmod"
cp "$kctl" "$work/rmcp-kctl"
say "building rmcp.ko for $kernel_release (about 5 minutes)"
"$here/enter.sh" "$rootfs" --bind "$work:/mnt/work" --bind "$image:/mnt/image" \
    --bind "$repository/patches/linux/unpack.sh:/mnt/unpack.sh" \
    --bind "$here/compile-inside.sh:/mnt/inside.sh" -- sh /mnt/inside.sh "$kernel_release" "$source"
cat "$work/modinfo"
