# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: a machine that loads amdgpu from its initramfs, on which rmcp is
# then installed as a user would.
set -eu

echo amdgpu >>/etc/initramfs-tools/modules
update-initramfs -u -k "$KERNEL"
. /mnt/input/rmcp.sh
