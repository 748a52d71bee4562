# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with what the scenarios need: each ROCr that could be built, in a
# directory of its own that no program looks into unless it is told to.
set -eu

mkdir -p /usr/local/lib/rmcp-tests/rocr
cp -r /mnt/input/. /usr/local/lib/rmcp-tests/rocr
