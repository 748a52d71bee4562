#!/bin/bash
# SPDX-License-Identifier: MIT
# Gets Debian's PyTorch, which computes on the CPU, into the cache, and prints the path of a python3 that
# has it. The packages are only unpacked, and run on this machine as it is. Usage: torch.sh ROOTFS
#
# RMCP_CACHE, RMCP_MIRROR   as for rootfs.sh; without a mirror, the one that ROOTFS was made from
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/archive.sh"

rootfs=$1
suite=$(awk '$1 == "deb" { print $3; exit }' "$rootfs/etc/apt/sources.list")
cache=$(cache_dir)
torch=$cache/torch-$({ echo "$suite" "$(uname -m)"; cat "$here/torch.sh"; } | sha256sum | cut -c1-16)

lock "$cache/torch.lock" "PyTorch"
if [ -d "$torch" ]; then
    echo "$torch/python3"
    exit 0
fi
mirror=$(archive_mirror "$rootfs")

making=$torch.tmp
trap 'as_root rm -rf "$making"' EXIT
as_root rm -rf "$cache"/torch-*/ "$making"
mkdir "$making"
say "getting Debian's PyTorch from $mirror (190 MB, and 0.9 GB unpacked)"
as_root mmdebstrap --mode=root --variant=extract --format=directory --include=python3-torch \
    "$suite" "$making/root" "deb $mirror $suite main" >"$cache/torch.log" 2>&1 ||
    fail "mmdebstrap failed, its log is $cache/torch.log: $(grep '^E: ' "$cache/torch.log" | tail -n1)"

# BLAS and LAPACK are found through links that their installation would make.
cat >"$making/python3" <<'end'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
libraries=$root/usr/lib/x86_64-linux-gnu
unset PYTHONPATH
export PYTHONHOME="$root/usr"
exec "$root/usr/lib64/ld-linux-x86-64.so.2" \
    --library-path "$libraries/blas:$libraries/lapack:$libraries:$root/usr/lib" "$root/usr/bin/python3" -s "$@"
end
chmod +x "$making/python3"
version=$("$making/python3" -B -c 'import torch; print(torch.__version__)') ||
    fail "PyTorch was unpacked, but cannot be imported"
mv "$making" "$torch"
say "PyTorch $version ready"
echo "$torch/python3"
