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

rootfs=$1 line=$2
read -r digest path < <(awk -v line="$line" '$1 == line { print $2, $3 }' "$here/sources.txt") ||
    fail "sources.txt has no kernel line $line"
cache=$(cache_dir)
kernel=$cache/linux-$line-$({ echo "$digest"; cat "$here/prepare.sh"; } | sha256sum | cut -c1-16)

lock "$cache/linux-$line.lock" "the source of Linux $line"
if [ -d "$kernel" ]; then
    echo "$kernel"
    exit 0
fi

# What the archive has of this line now, as its own lists say.
listed() {
    local lists=$cache/linux-lists suite release
    mkdir -p "$lists/partial"
    while read -r _ _ suite _; do
        for release in "$suite" "$suite-backports" sid experimental; do
            echo "deb [signed-by=$rootfs/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main"
        done
        break
    done <"$rootfs/etc/apt/sources.list" >"$lists.list"
    local options=(-o "Dir::Etc::SourceList=$lists.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$lists" -o Dir::State::Status=/dev/null -o Dir::Cache::pkgcache=
        -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none)
    apt-get "${options[@]}" -qq update >&2 && apt-cache "${options[@]}" madison "linux-source-$line"
}

rm -rf "$cache/linux-$line-"*
making=$kernel.tmp
mkdir "$making"
trap 'as_root rm -rf "$making"' EXIT
tar=/usr/src/linux-source-$line.tar.xz binds=(--bind "$making:/mnt/line" --bind "$here/prepare.sh:/mnt/prepare.sh")
# The root filesystem has the source of its own kernel.
if [ ! -e "$rootfs$tar" ]; then
    mirror=$(archive_mirror "$rootfs")
    say "getting $(basename "$path") (160 MB)"
    log=$(archive_get "$mirror" "$digest" "$path" "$making/package.deb") || {
        grep -q 404 <<<"$log" || fail "$mirror doesn't give $path. apt says: $log"
        found=$(listed | awk '{ print $3 }' | sort -V -u | paste -s -d' ')
        echo "not in the archive any more: $(basename "$path") (of this line it has ${found:-none})"
        exit 3
    }
    tar=/mnt/line/package.deb
fi
say "unpacking and configuring the source of Linux $line (a minute)"
"$vm/enter.sh" "$rootfs" "${binds[@]}" -- sh /mnt/prepare.sh "$tar"
rm -f "$making/package.deb"
mv "$making" "$kernel"
echo "$kernel"
