# SPDX-License-Identifier: MIT
# Runs inside the root filesystem, for compile.sh: makes the tree, writes the layout, builds the module.
set -eu
exec >&2
release=$1
cd /mnt/work

mkdir files source build
for package in image/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C files
done
for package in source/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C files --wildcards './usr/src/*.tar.xz'
    rm "$package"
done
xz --decompress --stdout --threads=0 files/usr/src/*.tar.xz | tar -x -C source --strip-components=1
cp "$(find files -name "config-$release" -o -path "*/$release/config" | head -n1)" build/.config
make --silent -C source O=/mnt/work/build LOCALVERSION="${release#"${release%%[+-]*}"}" olddefconfig
cd build
# Of the kernel's rustc, not another one: its metadata is what the module is built against.
grep '^CONFIG_RUST' .config
grep -qx CONFIG_RUST=y .config || { echo "$release is configured without Rust"; exit 1; }
make --silent LOCALVERSION= prepare
make --silent LOCALVERSION= modules_prepare

cd ../kmod
../rmcp-kctl layout --amdgpu "$(find ../files -name 'amdgpu.ko*')" \
    --base "$(find ../files -name 'vmlinuz*' | head -n1)" --output layout_generated.rs
printf 'KDIR=/mnt/work/build\nRUSTC=rustc\nBINDGEN=bindgen\n' >kernel.mk
# Its symbols are those of an image that was not built here.
make --silent KBUILD_MODPOST_WARN=1
modinfo --field=vermagic rmcp.ko >../modinfo
