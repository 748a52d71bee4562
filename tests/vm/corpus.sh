#!/bin/bash
# SPDX-License-Identifier: MIT
# Gets a kernel of corpus.txt from the archive: prints a directory in the cache with its `vmlinuz` and
# `config` and, if it has one, its `amdgpu.ko*`. Exits 3 with a line that says so when the archive no
# longer has it. Usage: corpus.sh ROOTFS RELEASE
#
# RMCP_CACHE, RMCP_MIRROR   as for rootfs.sh; without a mirror, the one that ROOTFS was made from
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/archive.sh"

rootfs=$1 release=$2
wanted=$(awk -v release="$release" '$2 == release { print $3, $4 }' "$here/corpus.txt")
[ -n "$wanted" ] || fail "corpus.txt has no kernel $release"
cache=$(cache_dir)
kernel=$cache/corpus-$release-$({ echo "$wanted"; cat "$here/corpus.sh"; } | sha256sum | cut -c1-16)

lock "$cache/corpus-$release.lock" "this kernel"
if [ -d "$kernel" ]; then
    echo "$kernel"
    exit 0
fi
mirror=$(archive_mirror "$rootfs")

rm -rf "$cache/corpus-$release-"*
download=$kernel.tmp
mkdir "$download"
trap 'rm -rf "$download"' EXIT
while read -r digest path; do
    say "getting $(basename "$path")"
    log=$(archive_get "$mirror" "$digest" "$path" "$download/$(basename "$path")") || {
        grep -q 404 <<<"$log" || fail "$mirror doesn't give $path. apt says: $log"
        echo "not in the archive any more: $(basename "$path"), as corpus.txt pins it; a newer version" \
            "of this series does as well, or a mirror that keeps old ones, named by RMCP_MIRROR"
        exit 3
    }
done <<<"$wanted"

# A pattern that nothing matches is an error to tar; which of the packages holds what is not known.
"$here/enter.sh" "$rootfs" --bind "$download:/mnt/kernel" -- sh -c '
    set -eu
    mkdir /tmp/files
    for package in /mnt/kernel/*.deb; do
        dpkg-deb --fsys-tarfile "$package" |
            tar -x -C /tmp/files --wildcards "*/vmlinuz*" "*/config*" "*/amdgpu.ko*" 2>/dev/null || true
        rm "$package"
    done
    find /tmp/files -name "amdgpu.ko*" -exec cp {} /mnt/kernel/ \;
    find /tmp/files -name "config*" -type f -exec cp {} /mnt/kernel/config \;
    find /tmp/files -name "vmlinuz*" -exec cp {} /mnt/kernel/vmlinuz \;'
[ -f "$download/vmlinuz" ] || fail "the packages of $release hold no vmlinuz"
mv "$download" "$kernel"
echo "$kernel"
