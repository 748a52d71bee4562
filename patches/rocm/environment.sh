#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what Debian builds CLR and ROCr with, in a layer over the root filesystem (200 MB, and 1.3 GB
# unpacked), which is kept in the cache. Prints the layer. Usage: environment.sh ROOTFS
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"

packages=(
    clang-17 clang-tools-17 libclang-17-dev libclang-rt-17-dev lld-17 llvm-17-dev rocm-device-libs-17
    cmake pkgconf xxd libamd-comgr-dev libhsa-runtime-dev libhsakmt-dev
    libdrm-dev libelf-dev libnuma-dev libudev-dev zlib1g-dev mesa-common-dev libgl-dev libegl-dev libx11-dev
)
rootfs=$1
cache=$(cache_dir)
layer=$cache/rocm-environment-$({ basename "$rootfs"; cat "$here/environment.sh"; } | sha256sum | cut -c1-16)

lock "$cache/rocm-environment.lock" "the environment to build ROCm in"
if [ ! -d "$layer" ]; then
    making=$layer.tmp
    as_root rm -rf "$cache"/rocm-environment-*/
    mkdir "$making"
    trap 'as_root rm -rf "$making"' EXIT
    say "installing what ROCm is built with"
    "$vm/enter.sh" "$rootfs" --layer "$making" -- sh -euc '
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "$@"
        apt-get clean' sh "${packages[@]}" >"$cache/rocm-environment.log" 2>&1 ||
        fail "apt failed, its log is $cache/rocm-environment.log: $(grep '^E: ' "$cache/rocm-environment.log" | tail -n1)"
    mv "$making" "$layer"
fi
echo "$layer"
