# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with rmcp installed: the module's source under rustfmt, and under
# clippy with the kernel's own flags. A warning is an error.
set -eu

cp -r /usr/src/rmcp-1.0 /tmp/lint
cd /tmp/lint
rustfmt --check --edition 2021 --config skip_children=true kmod/*.rs
kmod/dkms-prepare "$KERNEL" "/lib/modules/$KERNEL/build"
make -s -C kmod clippy KRUSTFLAGS=-Dwarnings
