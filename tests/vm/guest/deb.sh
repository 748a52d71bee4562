# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: a machine that loads amdgpu from its initramfs, without rmcp, and in
# /usr/local/lib/rmcp-deb what is needed to install it: two packages, the second newer, and the
# kernel's Rust metadata, which takes long to build in the booted guest.
set -eu

echo amdgpu >>/etc/initramfs-tools/modules
update-initramfs -u -k "$KERNEL"

here=/usr/local/lib/rmcp-deb
install -D -m755 /mnt/input/snapshot $here/snapshot
make_deb() { # DIRECTORY REVISION
    SOURCE_DATE_EPOCH=1700000000 /mnt/input/packaging/deb.sh /mnt/input/rmcp-kctl "$1" "$2"
}
make_deb $here ""
make_deb /tmp/again ""
cmp $here/rmcp_1.0_amd64.deb /tmp/again/rmcp_1.0_amd64.deb
make_deb $here +1

mkdir -p /var/lib/rmcp
[ ! -d /mnt/metadata/kernels ] || cp -a /mnt/metadata/kernels /var/lib/rmcp/
/mnt/input/rmcp-kctl prepare --kernel "$KERNEL" --output /tmp
mv /var/lib/rmcp $here/state
