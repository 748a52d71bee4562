#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds a kernel from Debian's source, with a configuration of kernels/, and prints a directory in the
# cache. It holds the packages linux-image and linux-headers, the latter with the kernel's Rust metadata,
# and `release`, which is what `uname -r` will print. Goes on where it was interrupted. Exits 3 with a line
# that says so when the archive no longer has the source. Usage: kernel.sh lts|debug
#
# RMCP_CACHE, RMCP_MIRROR   as for rootfs.sh; without a mirror, the one the root filesystem was made from
# JOBS                      how many compilers run at a time (as many as there are processors)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/archive.sh"
. "$here/kernels.sh"
linux=$here/../../patches/linux
. "$linux/package.sh"

# It is built in the root filesystem of the everyday kernel.
export KERNEL=
choose_kernel
name=${1-}
case $name in
    lts) line=6.12 ;;
    debug) line=$(cut -d. -f1,2 <<<"$kernel_release") ;;
    *) fail "there is no configuration for a kernel \"$name\", only for lts and debug" ;;
esac

rootfs=$("$here/rootfs.sh")
cache=$(cache_dir)
# The versions of what else it is made of.
versions() {
    awk -v source="linux-source-$line" '$1 == "Package:" { package = $2 }
        $1 == "Version:" && package ~ "^(gcc-14|clang-19|rustc|bindgen|binutils|pahole|" source ")$" {
            print package, $2 }' "$rootfs/var/lib/dpkg/status"
}
package=$(package_of "$line")
key=$({ echo "$package"; versions; cat "$here/kernels/"{common,"$name"}.config "$here/kernels/build.sh"; } |
    sha256sum | cut -c1-16)
kernel=$cache/kernel-$name-$key

lock "$cache/kernel-$name.lock" "this kernel"
if [ -d "$kernel" ]; then
    echo "$kernel"
    exit 0
fi

building=$kernel.building
for old in "$cache/kernel-$name-"*; do
    [ "$old" = "$building" ] || as_root rm -rf "$old"
done
mkdir -p "$building"
if [ ! -d "$building/source" ]; then
    package=$(get_package "$rootfs" "$line" "$building" /mnt/kernel) || {
        code=$?
        echo "$package"
        exit $code
    }
    say "unpacking the source of Linux $line (1.6 GB)"
    as_root rm -rf "$building/unpacking"
    "$here/enter.sh" "$rootfs" --bind "$building:/mnt/kernel" --bind "$linux/unpack.sh:/mnt/unpack.sh" -- \
        sh /mnt/unpack.sh "$package" /mnt/kernel/unpacking >/dev/null
    mv "$building/unpacking" "$building/source"
    rm -f "$building/package.deb"
fi

say "building Linux $line: $name (half an hour to an hour of two processors)"
binds=(--bind "$building:/mnt/kernel" --bind "$here:/mnt/vm")
[ ! -f /etc/resolv.conf ] || binds+=(--bind "$(realpath /etc/resolv.conf):/etc/resolv.conf")
JOBS=${JOBS:-$(nproc)} "$here/enter.sh" "$rootfs" --layer "$building/layer" "${binds[@]}" -- \
    bash /mnt/vm/kernels/build.sh "$name"
mv "$building/packages" "$kernel"
as_root rm -rf "$building"
say "kernel $(cat "$kernel/release") ready"
echo "$kernel"
