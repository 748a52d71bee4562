#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: has bpftool print the BTF of a kernel and of its amdgpu, in
# which nothing of rmcp takes part. Reads /mnt/kernel/{vmlinuz,amdgpu.ko*}, writes into /mnt/types
# both uncompressed (vmlinux, amdgpu.ko), what bpftool prints (vmlinux.json, amdgpu.json), and what
# modinfo does (vermagic, srcversion).
set -eu
export LC_ALL=C
cd /mnt/types

# In a boot image the kernel is where, decompressed, it is a kernel.
unpack() { # SIGNATURE COMMAND...
    signature=$1
    shift
    for start in $(grep -abo -P "$signature" /mnt/kernel/vmlinuz | cut -d: -f1); do
        tail -c "+$((start + 1))" /mnt/kernel/vmlinuz | "$@" >vmlinux 2>/dev/null || true
        if bpftool --json btf dump file vmlinux >vmlinux.json 2>/dev/null; then
            return 0
        fi
    done
    return 1
}
unpack '\xfd7zXZ\x00' xz -dc --single-stream || unpack '\x28\xb5\x2f\xfd' zstd -dc ||
    unpack '\x1f\x8b\x08' gzip -dc || { echo "bpftool finds no BTF in vmlinuz" >&2; exit 1; }

case $(echo /mnt/kernel/amdgpu.ko*) in
    *.xz) xz -dc /mnt/kernel/amdgpu.ko.xz ;;
    *.zst) zstd -dc /mnt/kernel/amdgpu.ko.zst ;;
    *) cat /mnt/kernel/amdgpu.ko ;;
esac >amdgpu.ko
# Where this fails, amdgpu.json holds no types.
bpftool --json btf --base-btf vmlinux dump file amdgpu.ko >amdgpu.json || true
for key in vermagic srcversion; do
    modinfo -F $key /mnt/types/amdgpu.ko >$key
done
