# SPDX-License-Identifier: MIT
# Runs inside the root filesystem, as a part of tests.sh: copies of the kernel's amdgpu.ko that are
# not what rmcp was built for, into /usr/local/lib/rmcp-tests/amdgpu-NAME.ko.zst.
set -eu

modules=/usr/local/lib/rmcp-tests
work=/tmp/amdgpu
mkdir $work
stock=$(echo /lib/modules/"$KERNEL"/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko*)
case $stock in
    *.xz) xz --decompress --stdout "$stock" ;;
    *.zst) zstd --decompress --quiet --stdout "$stock" ;;
    *) cat "$stock" ;;
esac >$work/amdgpu.ko
# Without the signature, which a change makes invalid: a module without one may be loaded.
objcopy $work/amdgpu.ko

# The file is another one than the kernel's, and is kept.
keep() { # NAME
    ! cmp -s $work/amdgpu.ko "$work/$1.ko" || { echo "nothing was altered: $1" >&2; exit 1; }
    zstd --quiet -o "$modules/amdgpu-$1.ko.zst" "$work/$1.ko"
}

altered() { # NAME OBJCOPY-ARGUMENTS
    name=$1
    shift
    objcopy "$@" $work/amdgpu.ko "$work/$name.ko"
    keep "$name"
}

altered stripped --remove-section=.BTF
# A function renamed wherever its name is: in the BTF, too.
sed 's/gmc_v10_0_hw_init/gmc_v10_0_hw_INIT/g' $work/amdgpu.ko >$work/renamed.ko
keep renamed
kernel=/lib/modules/$KERNEL/build/vmlinux
bpftool btf --base-btf "$kernel" dump file $work/amdgpu.ko >$work/types
# The function that decides on memory types; Linux 6.12 has the first.
decides=gmc_v10_0_map_mtype
grep -q "FUNC '$decides'" $work/types || decides=gmc_v10_0_get_vm_pte
# Functions that the BTF still has and the symbols do not, as after inlining.
for function in gmc_v10_0_hw_init gmc_v10_0_sw_fini $decides; do
    altered $function --redefine-sym=$function=renamed
done

# A prototype with one argument more, in sound BTF.
gcc -O2 -Wall -Wextra -Werror -o $work/one_more_argument /mnt/input/one_more_argument.c
first=$(sed -n '1s/^\[\([0-9]*\)\].*/\1/p' $work/types)
prototype=$(sed -n "s/.* FUNC '$decides' type_id=\([0-9]*\) .*/\1/p" $work/types)
objcopy --dump-section=.BTF=$work/btf $work/amdgpu.ko
$work/one_more_argument $work/btf $((prototype - first))
altered argument --update-section=.BTF=$work/btf
