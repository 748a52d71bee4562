# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with rmcp installed: another kernel comes without its headers, so
# that the module cannot be built for it. The package must go in all the same.
set -eu

kernel=$(cat /mnt/input/kernel)
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install --yes "linux-image-$kernel"
apt-get clean
echo "$kernel" >/mnt/boot/release
