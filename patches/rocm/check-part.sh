# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: the patches in /mnt/patches against the part of ROCm in /mnt/part.
# Usage: check-part.sh COMPONENT VERSION
set -eu

component=$1
source=/mnt/part/source headers=/mnt/part/headers/usr/include
. /mnt/series.sh
echo "$component $2$(sed -n 's/^\(debian\|hip\) \(.*\)/, without Debian'\''s own patches: \2 is not in the archive any more/p' /mnt/part/missing | head -n1)"
without=$(sed -n 's/^headers //p' /mnt/part/missing | paste -s -d' ')

# What the build makes from code for the GPU, with nothing in it: only its names matter here.
shader_headers() { # RUNTIME DIRECTORY
    {
        echo 'namespace rocr { namespace AMD {'
        grep -oh '\bkCode[A-Z][A-Za-z0-9_]*' "$1"/core/runtime/amd_gpu_agent.cpp | sort -u |
            while read -r name; do
                grep -qw "$name" "$1"/core/inc/amd_trap_handler_v1.h "$1"/core/inc/amd_blit_shaders.h ||
                    echo "static const unsigned char $name[4] = {};"
            done
        echo '} }'
    } >"$2/amd_blit_shaders_v2.h"
    : >"$2/amd_trap_handler_v2.h"
}

syntax() { # FILE
    case $component in
        libhsakmt)
            clang -fsyntax-only -Wall -Werror -I$source/include -I/usr/include/libdrm "$source/$1"
            ;;
        rocr)
            runtime=$source/${1%%/core/*}
            mkdir -p /tmp/made
            shader_headers "$runtime" /tmp/made
            clang++ -fsyntax-only -std=c++17 -mmwaitx -fms-extensions -fno-rtti -Wall -Wno-reorder-ctor \
                -Werror=format -Werror=uninitialized -D__linux__ -DHSA_LARGE_MODEL -DLITTLEENDIAN_CPU=1 \
                -DHSA_EXPORT=1 -DHSA_DEPRECATED= -I/tmp/made -I"$runtime" -I"$runtime/inc" \
                -I$source/libhsakmt/include -I$headers -I/usr/include/libdrm "$source/$1"
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
        done="not compiled: not in the archive any more: $without"
        return
    fi
    units=$(files_of "$1" | grep '\.cp*$')
    with_patched "$1" compile $units || refuse "$name" "does not compile"
    done="compiles: $(echo $units | sed 's,[^ ]*/,,g')"
}

check_series
