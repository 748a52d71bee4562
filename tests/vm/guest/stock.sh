# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: makes it a small Debian machine that boots by itself. No rmcp.
set -eu

echo guest >/etc/hostname
echo '/dev/vda / ext4 noatime 0 1' >/etc/fstab
# The console is the way in for a person.
sed -i 's/^root:[^:]*:/root::/' /etc/shadow
# Placeholder firmware for the emulated GPU; Debian's own is not installed.
mkdir -p /usr/lib/firmware/amdgpu
cp /mnt/input/firmware/* /usr/lib/firmware/amdgpu/
# Housekeeping that has nothing to do in a machine that lives for a minute.
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer
# Nothing under /usr is newer than what was set up for it, so that no first boot does it again.
touch /etc/.updated /var/.updated
