#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds HIP's runtime from Debian 13's CLR with its patches, in the environment that Debian builds it in,
# but not optimised: a library to try the patches with, and not one to use. The result is kept in the
# cache. Prints its path. Exits 3 with a line that says so when a part of the source is not to be had.
# Usage: build-clr.sh
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

version=5.7.1
patches=$here/../clr/$version
get_source clr "$version" || {
    echo "$source"
    exit 3
}
if [ -s "$source/missing" ]; then
    echo "not in the archive any more: $(cut -d' ' -f2- "$source/missing" | paste -s -d' ')"
    exit 3
fi
environment=$("$here/environment.sh" "$rootfs")
cache=$(cache_dir)
key=$({ basename "$source"; basename "$environment"; cat "$patches"/*.patch "$here/build-clr-inside.sh"; } | sha256sum | cut -c1-16)
library=$cache/clr-patched-$key.so

lock "$cache/clr-patched.lock" "the patched CLR"
if [ ! -e "$library" ]; then
    making=$cache/clr-patched-$key.tmp
    as_root rm -rf "$cache"/clr-patched-*
    mkdir -p "$making"/{build,layer}
    trap 'as_root rm -rf "$making"' EXIT
    say "building CLR $version with its patches (a few minutes of a processor)"
    begin=$SECONDS
    "$vm/enter.sh" "$rootfs" --layer "$environment" --layer "$making/layer" \
        --bind "$making/build:/mnt/build" --bind "$source:/mnt/clr" --bind "$patches:/mnt/patches" \
        --bind "$here:/mnt/rocm" -- sh /mnt/rocm/build-clr-inside.sh >"$cache/clr-patched.log" 2>&1 ||
        fail "CLR could not be built, the log is $cache/clr-patched.log: $(tail -n1 "$cache/clr-patched.log")"
    mv "$making/build/libamdhip64.so.5" "$library"
    say "CLR $version is built, in $((SECONDS - begin)) s"
fi
echo "$library"
