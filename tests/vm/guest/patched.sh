# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with what the scenarios need: amdgpu with the patches, where modprobe
# looks before it takes the kernel's own, which stays; and a copy of it without BTF.
set -eu

patched=/mnt/input/amdgpu.ko.zst
install -D -m644 -t "/lib/modules/$KERNEL/updates" $patched
depmod "$KERNEL"

zstd --decompress --quiet $patched -o /tmp/amdgpu.ko
objcopy --remove-section=.BTF --remove-section=.BTF.base /tmp/amdgpu.ko
zstd --quiet -o /usr/local/lib/rmcp-tests/amdgpu-patched-stripped.ko.zst /tmp/amdgpu.ko
