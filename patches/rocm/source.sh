#!/bin/bash
# SPDX-License-Identifier: MIT
# Gets the source of a part of ROCm into the cache as Debian packages it, and the headers of others that
# compiling a file of it takes. Prints the directory: source/, headers/ and missing, which names what
# the archive no longer had. Exits 3 with a line that says so when that is the source itself.
# Usage: source.sh ROOTFS COMPONENT VERSION
#
# RMCP_CACHE, RMCP_MIRROR   as for tests/vm/rootfs.sh; without a mirror, the one ROOTFS was made from
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"
. "$vm/archive.sh"

rootfs=$1 component=$2 version=$3
files=$(awk -v component="$component" -v version="$version" \
    '$1 == component && $2 == version { print $3, $4, $5 }' "$here/sources.txt")
[ -n "$files" ] || fail "sources.txt has no $component $version"
cache=$(cache_dir)
name=rocm-$component-$version
part=$cache/$name-$({ echo "$files"; cat "$here/prepare.sh"; } | sha256sum | cut -c1-16)

lock "$cache/$name.lock" "the source of $component $version"
if [ -d "$part" ]; then
    echo "$part"
    exit 0
fi

rm -rf "$cache/$name-"*
making=$part.tmp
# What was got is kept: the archive drops versions, and not all of their files at once.
kept=$cache/archive
mkdir -p "$kept" "$making"
trap 'as_root rm -rf "$making"' EXIT
mirror=$(archive_mirror "$rootfs")
: >"$making/missing"
while read -r what digest path; do
    file=$(basename "$path")
    if [ ! -e "$kept/$digest" ]; then
        log=$(archive_get "$mirror" "$digest" "$path" "$kept/$digest.tmp") || {
            grep -q 404 <<<"$log" || fail "$mirror doesn't give $path. apt says: $log"
            echo "$what $file" >>"$making/missing"
            continue
        }
        mv "$kept/$digest.tmp" "$kept/$digest"
    fi
    mkdir -p "$making/files/$what"
    ln -f "$kept/$digest" "$making/files/$what/$file"
done <<<"$files"
if grep -q '^orig ' "$making/missing"; then
    echo "not in the archive any more: $(sed -n 's/^orig //p' "$making/missing")"
    exit 3
fi
say "unpacking $component $version"
"$vm/enter.sh" "$rootfs" --bind "$making:/mnt/part" --bind "$here/prepare.sh:/mnt/prepare.sh" -- \
    sh /mnt/prepare.sh
rm -rf "$making/files"
mv "$making" "$part"
echo "$part"
