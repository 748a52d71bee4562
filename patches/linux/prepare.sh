# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: of a kernel's source, unpacks what compiling a file of amdgpu
# takes into /mnt/line/source, and configures a build directory, /mnt/line/build. The package is
# the first argument, as unpack.sh takes it.
set -eu
exec >&2

cd /mnt/line
mkdir build
sh /mnt/unpack.sh "$1" source \
    --wildcards --no-wildcards-match-slash \
    '*/arch/x86' '*/drivers/gpu/drm/amd' '*/include' '*/init' '*/kernel' '*/lib' '*/scripts' \
    '*/COPYING' '*/CREDITS' '*/MAINTAINERS' '*/README' '*/security/selinux/include' \
    '*/tools/arch' '*/tools/build' '*/tools/include' '*/tools/lib' \
    '*/tools/objtool' '*/tools/scripts' \
    --wildcards-match-slash '*/Kbuild' '*/Kconfig*' '*/Makefile*' >version

cd source
make --silent O=/mnt/line/build x86_64_defconfig
cd /mnt/line/build
../source/scripts/config --file .config \
    -m DRM_AMDGPU -e DRM_AMDGPU_SI -e DRM_AMDGPU_CIK -e DRM_AMDGPU_USERPTR -e DRM_AMD_DC \
    -e HSA_AMD -e HSA_AMD_SVM -e DEVICE_PRIVATE -e ZONE_DEVICE -e MEMORY_HOTPLUG -e MEMORY_HOTREMOVE \
    -e DEBUG_FS -e WERROR
make --silent olddefconfig
grep -qx CONFIG_DRM_AMDGPU=m .config || { echo "amdgpu can't be configured" ; exit 1; }
make --silent prepare
