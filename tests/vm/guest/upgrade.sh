# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with rmcp installed: another kernel comes, with its headers and
# source, as an upgrade brings one. Nothing of rmcp's is called: DKMS and the kernel package's own
# hooks do what there is to do.
set -eu

kernel=$(cat /mnt/input/kernel)
apt-get update -q
headers=linux-headers-$kernel
version=$(apt-cache show "$headers" | sed -n 's/^Version: //p' | head -n1)
[ -n "$version" ] || { echo "the archive has no $headers any more: pin another kernel in kernels.toml" >&2; exit 1; }
source=linux-source-$(echo "$kernel" | cut -d. -f1,2)
DEBIAN_FRONTEND=noninteractive apt-get install --yes --allow-downgrades \
    "linux-image-$kernel" "$headers" "$source=$version"
apt-get clean
echo "$kernel" >/mnt/boot/release
