# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: installs rmcp as a user would, through DKMS.
set -eu

# Where DKMS would not find it later, it is not to be installed from.
said=$(/mnt/input/rmcp-kctl install --yes --kernel "$KERNEL" 2>&1) && refused= || refused=yes
case $refused,$said in
yes,*"put it into /usr/local/bin"*) ;;
*) echo "installed from where DKMS does not find rmcp-kctl: $said" >&2; exit 1 ;;
esac
install -m755 /mnt/input/rmcp-kctl /usr/local/bin/rmcp-kctl

# The kernel's Rust metadata of an earlier run; rmcp-kctl itself decides whether it still fits.
kept=/mnt/metadata/kernels
mkdir -p /var/lib/rmcp
[ ! -d $kept ] || cp -a $kept /var/lib/rmcp/

rmcp-kctl install --yes --kernel "$KERNEL"

if [ ! -d $kept ] && [ -d /var/lib/rmcp/kernels ]; then
    cp -a /var/lib/rmcp/kernels $kept.$$
    mv -T $kept.$$ $kept || rm -rf $kept.$$
fi
# Nothing was written into another package's files.
packages=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 'linux-*' 'rust*' | sed -n 's/^ii *//p')
[ -n "$packages" ] || { echo "no installed kernel package was found" >&2; exit 1; }
# depmod's lists are anyone's who adds a module; a kernel's package may hold its first ones.
changed=$(dpkg --verify $packages 2>&1 | grep -v ' /lib/modules/[^/]*/modules[.]') || true
[ -z "$changed" ] || { echo "files of other packages were changed: $changed" >&2; exit 1; }
