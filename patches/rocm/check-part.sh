# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: the patches in /mnt/patches against the part of ROCm in /mnt/part.
# Usage: check-part.sh COMPONENT VERSION
set -eu

component=$1
source=/mnt/part/source headers=/mnt/part/headers/usr/include
. /mnt/series.sh
echo "$component $2$(sed -n 's/^\(debian\|hip\|hipcc\) \(.*\)/, without Debian'\''s own patches: \2 is not in the archive any more/p' /mnt/part/missing | head -n1)"
without=$(sed -n 's/^headers //p' /mnt/part/missing | paste -s -d' ')

syntax() { # FILE
    case $component in
        libhsakmt)
            clang -fsyntax-only -Wall -Werror -I$source/include -I/usr/include/libdrm "$source/$1"
            ;;
        rocr)
            runtime=$source/${1%%/core/*}
            mkdir -p /tmp/made
            for header in amd_blit_shaders_v2 amd_trap_handler_v2; do
                sh /mnt/rocm/shaders.sh "$runtime" $header >/tmp/made/$header.h
            done
            clang++ -fsyntax-only -std=c++17 -mmwaitx -fms-extensions -fno-rtti -Wall -Wno-reorder-ctor \
                -Werror=format -Werror=uninitialized -D__linux__ -DHSA_LARGE_MODEL -DLITTLEENDIAN_CPU=1 \
                -DHSA_EXPORT=1 -DHSA_DEPRECATED= -I/tmp/made -I"$runtime" -I"$runtime/inc" \
                -I$source/libhsakmt/include -I$headers -I/usr/include/libdrm "$source/$1"
            ;;
        clr)
            clang++ -fsyntax-only -std=c++17 -Wno-everything -Werror=format \
                -D__HIP_PLATFORM_AMD__ -DUSE_PROF_API=0 -DWITH_HSA_DEVICE -DWITH_LIGHTNING_COMPILER \
                -DATI_OS_LINUX -DATI_BITS_64 -DLITTLEENDIAN_CPU=1 -I$source -I$source/hipamd/include \
                -I$source/hipamd/src -I$headers -I$source/rocclr -I$source/rocclr/include \
                -I$source/rocclr/device -I$source/rocclr/elf -I$source/opencl \
                -I$source/opencl/khronos/headers/opencl2.2 -I$source/opencl/amdocl "$source/$1"
            ;;
    esac
}

compile() { # FILE...
    for file; do
        syntax "$file" || return 1
    done
}

# The changed files, as the compiler of the root filesystem reads them.
further() { # PATCH
    if [ -n "$without" ]; then
        outcome="not compiled: not in the archive any more: $without"
        return
    fi
    units=$(files_of "$1" | grep '\.cp*$')
    with_patched "$1" compile $units || refuse "$name" "does not compile"
    outcome="compiles: $(echo $units | sed 's,[^ ]*/,,g')"
}

check_series
