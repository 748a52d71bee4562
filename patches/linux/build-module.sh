# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: amdgpu from the kernel's own source with the patches in
# /mnt/patches, built against the kernel's own headers into /mnt/build/amdgpu.ko.zst. Goes on where
# an earlier run in /mnt/build was interrupted.
set -eu
exec >&2

kernel=$1 line=$2
amdgpu=drivers/gpu/drm/amd/amdgpu
cd /mnt/build
if [ ! -d drivers ]; then
    rm -rf source
    mkdir source
    xz --decompress --stdout "/usr/src/linux-source-$line.tar.xz" |
        tar -x -C source --strip-components=1 "linux-source-$line/drivers/gpu/drm/amd"
    for patch in /mnt/patches/*.patch; do
        patch --quiet --directory=source --strip=1 --fuzz=0 --batch <"$patch"
    done
    mv source/drivers .
fi
# Its trace points name their header by its way from include/trace/ of the kernel's source.
mkdir -p include/trace
# A module that was linked and then interrupted would be left without BTF.
rm -f $amdgpu/amdgpu.ko
make --silent -C "/lib/modules/$kernel/build" M="/mnt/build/$amdgpu" \
    KCFLAGS=-I/mnt/build/include/trace modules
readelf --section-headers --wide $amdgpu/amdgpu.ko | grep -q ' \.BTF ' ||
    { echo "amdgpu.ko has no BTF, by which rmcp would know it" >&2; exit 1; }
objcopy --strip-debug $amdgpu/amdgpu.ko amdgpu.ko
zstd --quiet --rm amdgpu.ko
