# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with rmcp installed: the module's source under rustfmt, and under
# clippy with the kernel's own flags, a warning being an error; and the register lists of the emulated
# GPU against the kernel's source.
set -eu

cp -r /usr/src/rmcp-1.0 /tmp/lint
cd /tmp/lint
rustfmt --check --edition 2021 --config skip_children=true kmod/*.rs
kmod/dkms-prepare "$KERNEL" "/lib/modules/$KERNEL/build"
make -s -C kmod clippy KRUSTFLAGS=-Dwarnings

source=/usr/src/linux-source-7.2.tar.xz
if [ -e $source ]; then
    /mnt/input/registers/derive --check $source
else
    echo "register lists: skipped: they are those of Linux 7.2"
fi
