#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds ROCr with its patches, and with the thunk and its patches in it: a library to try them with on
# an emulated GPU, which runs no shader, and not one to use; and the same without the patches, to compare
# it with. Takes a minute of a processor for each; the result is kept in the cache. Prints "VERSION is PATH"
# and "VERSION-unpatched is PATH", or "VERSION: skipped: WHY", and exits 3 when all were skipped.
# Usage: build.sh [VERSION...]
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

cache=$(cache_dir)
[ $# -gt 0 ] || set -- $(cd "$here/../rocr" && ls)

# The source of a part, and its patches, as enter.sh is to bind them.
add_part() { # COMPONENT VERSION
    get_source "$1" "$2" || {
        skipped=$source
        return 0
    }
    sources+=(--bind "$source:/mnt/$1")
    patches+=(--bind "$here/../$1/$2:/mnt/patches/$1")
}

# What decides the content of a library.
ingredients() { # BINDS
    local bind
    for bind; do
        case $bind in
            */../*) cat "${bind%%:*}"/*.patch ;;
            /*) basename "${bind%%:*}" ;;
        esac
    done
    cat "$here"/{build-runtime.sh,runtime.mk,shaders.sh}
}

build() { # NAME BINDS
    local name=$1 library
    shift
    library=$cache/rocr-$name-$(ingredients "$@" | sha256sum | cut -c1-16).so
    lock "$cache/rocr-$name.lock" "ROCr $name"
    if [ ! -e "$library" ]; then
        making=$library.tmp
        rm -rf "$cache/rocr-$name-"[0-9a-f]*
        mkdir "$making"
        say "building ROCr $name"
        "$vm/enter.sh" "$rootfs" --bind "$making:/mnt/build" --bind "$here:/mnt/rocm" "$@" -- \
            sh /mnt/rocm/build-runtime.sh
        mv "$making/libhsa-runtime64.so.1" "$library"
        as_root rm -rf "$making"
    fi
    echo "$name is $library"
}

built=0 making=
trap 'as_root rm -rf "$making"' EXIT
for version; do
    sources=() patches=() skipped=
    add_part rocr "$version"
    [ -n "$skipped" ] || [ -d "$source/source/libhsakmt" ] ||
        add_part libhsakmt "$(ls "$here/../libhsakmt")"
    if [ -n "$skipped" ]; then
        echo "$version: skipped: $skipped"
        continue
    fi
    build "$version" "${sources[@]}" "${patches[@]}"
    build "$version-unpatched" "${sources[@]}"
    built=$((built + 1))
done
[ $built -gt 0 ] || exit 3
