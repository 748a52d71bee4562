#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds ROCr with its patches, and with the thunk and its patches in it: a library to try them with on
# an emulated GPU, which runs no shader, and not one to use. Takes a minute of a processor for each
# version; the result is kept in the cache. Prints "VERSION is PATH", or "VERSION: skipped: WHY".
# Usage: build.sh [VERSION...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"

rootfs=$("$vm/rootfs.sh")
cache=$(cache_dir)
[ $# -gt 0 ] || set -- $(cd "$here/../rocr" && ls)

# The source of a part, and its patches, as enter.sh is to bind them.
add_part() { # COMPONENT VERSION
    local part code=0
    part=$("$here/source.sh" "$rootfs" "$1" "$2") || code=$?
    if [ $code = 3 ]; then
        skipped=$part
        return
    fi
    [ $code = 0 ] || exit 1
    binds+=(--bind "$part:/mnt/$1" --bind "$here/../$1/$2:/mnt/patches/$1")
    sources+=("$(basename "$part")")
    patches+=("$here/../$1/$2"/*.patch)
}

for version; do
    binds=() sources=() patches=() skipped=
    add_part rocr "$version"
    [ -n "$skipped" ] || [ -d "$cache/${sources[0]}/source/libhsakmt" ] ||
        add_part libhsakmt "$(ls "$here/../libhsakmt")"
    if [ -n "$skipped" ]; then
        echo "$version: skipped: $skipped"
        continue
    fi
    key=$({ echo "${sources[@]}"; cat "${patches[@]}" "$here"/{build-runtime.sh,runtime.mk,shaders.sh}; } |
        sha256sum | cut -c1-16)
    library=$cache/rocr-patched-$version-$key.so
    lock "$cache/rocr-patched-$version.lock" "the patched ROCr $version"
    if [ ! -e "$library" ]; then
        making=$library.tmp
        rm -rf "$cache/rocr-patched-$version-"*
        mkdir "$making"
        trap 'as_root rm -rf "$making"' EXIT
        say "building ROCr $version with its patches"
        "$vm/enter.sh" "$rootfs" --bind "$making:/mnt/build" --bind "$here:/mnt/rocm" "${binds[@]}" -- \
            sh /mnt/rocm/build-runtime.sh
        mv "$making/libhsa-runtime64.so.1" "$library"
        as_root rm -rf "$making"
    fi
    echo "$version is $library"
done
