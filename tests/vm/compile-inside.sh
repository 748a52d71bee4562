# SPDX-License-Identifier: MIT
# Runs inside the root filesystem, for compile.sh: makes the tree, writes the layout, builds the module.
# Usage: compile-inside.sh RELEASE SOURCE-PACKAGE
set -eu
exec >&2
release=$1
cd /mnt/work

sh /mnt/unpack.sh "$2" source
mkdir build
cp /mnt/image/config build/.config
# "+deb13-amd64" of 6.18.15+deb13-amd64.
export LOCALVERSION="+${release#*+}"
make --silent -C source O=/mnt/work/build olddefconfig
grep -qx CONFIG_RUST=y build/.config || { echo "$release is not configured with Rust here"; exit 1; }
make --silent -C build prepare
make --silent -C build modules_prepare

cd kmod
../rmcp-kctl layout --amdgpu /mnt/image/amdgpu.ko* --base /mnt/image/vmlinuz --output layout_generated.rs
printf 'KDIR=/mnt/work/build\nRUSTC=rustc\nBINDGEN=bindgen\n' >kernel.mk
# Its symbols are those of an image that was not built here.
make --silent KBUILD_MODPOST_WARN=1
modinfo --field=vermagic rmcp.ko >../modinfo
