# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: installs rmcp as a user would, through DKMS.
set -eu

install -m755 /mnt/input/rmcp-kctl /usr/local/bin/rmcp-kctl
rmcp-kctl install --yes --kernel "$KERNEL"
