# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: a machine on which dracut makes an initramfs for any host, with
# amdgpu in it, and rmcp is then installed as a user would, taken away, and installed again.
set -eu

image=/boot/initrd.img-$KERNEL
mkdir -p /etc/dracut.conf.d
printf 'hostonly="no"\nadd_drivers+=" amdgpu "\n' >/etc/dracut.conf.d/amdgpu.conf
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install --yes dracut
apt-get clean
dracut --force "$image" "$KERNEL"
# Without this, what follows shows nothing.
lsinitrd "$image" | grep -q 'amdgpu\.ko'

. /mnt/input/rmcp.sh
holds() { lsinitrd "$image" | grep -E 'rmcp\.(ko|conf)'; }
[ "$(holds | wc -l)" = 2 ] || { echo "the image has not rmcp and its file of modprobe.d" >&2; exit 1; }
again=$(rmcp-kctl install --dry-run)
case $again in
*"nothing to do"*) ;;
*) echo "a second run would change something: $again" >&2; exit 1 ;;
esac
rmcp-kctl uninstall --yes
if holds || [ -e /etc/dracut.conf.d/rmcp.conf ]; then
    echo "rmcp left something behind" >&2
    exit 1
fi
mkdir -p /var/lib/rmcp
cp -a /mnt/metadata/kernels /var/lib/rmcp/
rmcp-kctl install --yes --kernel "$KERNEL"
