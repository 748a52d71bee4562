#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs in the guest, booted or not: prints every file there is, with its owner, mode, size and what it links to,
# what is in the configuration, and what is in the initramfs images. Left out is what any package leaves
# behind: logs, caches, the package manager's own state, and the key that DKMS makes once for itself.
set -eu

find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \
    -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt \
    -o -path /var/lib/systemd -o -path '/var/lib/dkms/mok.*' -o -path '/boot/initrd.img-*' \) -prune \
    -o -type d -printf '%M %u:%g %p\n' -o -printf '%M %u:%g %s %p %l\n' | sort
find /etc /usr/lib/modprobe.d /usr/lib/modules/*/modules.* -type f -exec sha256sum {} + | sort -k2
for image in /boot/initrd.img-*; do
    lsinitramfs "$image" | sort | sed "s,^,$image: ,"
done
