# SPDX-License-Identifier: MIT
# Runs inside the root filesystem with rmcp installed: builds what only the scenarios need, into
# /usr/local/lib/rmcp-tests: hsa_probe, map_mtypes, altered copies of amdgpu.ko, and two rmcp.ko whose
# layout was tampered with.
set -eu

export MAKEFLAGS='--silent --no-print-directory'
modules=/usr/local/lib/rmcp-tests
headers=/lib/modules/$KERNEL/build
mkdir -p $modules
install -m755 /mnt/input/replace $modules/replace

installed=$(echo /lib/modules/"$KERNEL"/updates/dkms/rmcp.ko*)
echo "$installed" >$modules/installed
cp "$installed" $modules/good

gcc -O2 -Wall -Wextra -Werror -o $modules/hsa_probe /mnt/input/hsa_probe.c -lhsa-runtime64
gcc -O2 -Wall -Wextra -Werror -I/usr/include/libdrm -o $modules/map_mtypes /mnt/input/map_mtypes.c \
    -ldrm_amdgpu

sh /mnt/input/amdgpu.sh

# Builds rmcp.ko as its dkms.conf says, with a change to the generated layout.
tampered() { # NAME SED-EXPRESSION
    cp -r /usr/src/rmcp-1.0 "/tmp/$1"
    (
        cd "/tmp/$1"
        kernelver=$KERNEL kernel_source_dir=$headers
        . ./dkms.conf
        $PRE_BUILD
        cp kmod/layout_generated.rs before
        sed -i "$2" kmod/layout_generated.rs
        ! cmp -s before kmod/layout_generated.rs || { echo "nothing was tampered with: $2" >&2; exit 1; }
        ${MAKE}
    )
    # Compressed as DKMS compressed the good one, whose place it takes.
    case $installed in
        *.xz) xz --check=crc32 --stdout "/tmp/$1/kmod/rmcp.ko" ;;
        *.zst) zstd --quiet --stdout "/tmp/$1/kmod/rmcp.ko" ;;
        *) cat "/tmp/$1/kmod/rmcp.ko" ;;
    esac >"$modules/$1"
}

# One offset is off by one field.
tampered offset 's/^    noretry: \(.*\),$/    noretry: \1 + 4,/'
# A layout that is sound in itself, of another kernel's amdgpu.
tampered fingerprint '
    s/^pub(crate) const LAYOUT: /const OTHER: /
    s/^    btf_fnv1a64: \(.*\),$/    btf_fnv1a64: \1 ^ 1,/
    $a\
\
pub(crate) const LAYOUT: Layout = Layout {\
    sum: OTHER.compute_sum(),\
    ..OTHER\
};'
