#!/bin/bash
# SPDX-License-Identifier: MIT
# Gets the source of a kernel line into the cache, as much of it as compiling a file of amdgpu takes,
# and configures it. Prints the directory: source/, build/ and version. Exits 3 with a line that says
# what there is instead when the archive no longer has it. Usage: source.sh ROOTFS LINE
#
# RMCP_CACHE, RMCP_MIRROR   as for tests/vm/rootfs.sh; without a mirror, the one ROOTFS was made from
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"
. "$vm/archive.sh"
. "$here/package.sh"

rootfs=$1 line=$2
package=$(package_of "$line")
cache=$(cache_dir)
kernel=$cache/linux-$line-$({ echo "${package%% *}"; cat "$here/unpack.sh" "$here/prepare.sh"; } | sha256sum | cut -c1-16)

lock "$cache/linux-$line.lock" "the source of Linux $line"
if [ -d "$kernel" ]; then
    echo "$kernel"
    exit 0
fi

rm -rf "$cache/linux-$line-"*
making=$kernel.tmp
mkdir "$making"
trap 'as_root rm -rf "$making"' EXIT
package=$(get_package "$rootfs" "$line" "$making" /mnt/line) || {
    code=$?
    echo "$package"
    exit $code
}
say "unpacking and configuring the source of Linux $line (a minute)"
"$vm/enter.sh" "$rootfs" --bind "$making:/mnt/line" --bind "$here/unpack.sh:/mnt/unpack.sh" \
    --bind "$here/prepare.sh:/mnt/prepare.sh" -- sh /mnt/prepare.sh "$package"
rm -f "$making/package.deb"
mv "$making" "$kernel"
echo "$kernel"
