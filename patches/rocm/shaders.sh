# SPDX-License-Identifier: MIT
# Prints a header of those that the build of ROCr makes from code for GPUs, with nothing in the place of
# the code. A compiler is content with its names. Usage: shaders.sh RUNTIME HEADER
set -eu
[ "$2" = amd_blit_shaders_v2 ] || exit 0
cd "$1/core"
echo 'namespace rocr { namespace AMD {'
grep -oh '\bkCode[A-Z][A-Za-z0-9_]*' runtime/amd_gpu_agent.cpp | sort -u | while read -r name; do
    grep -qw "$name" inc/amd_trap_handler_v1.h inc/amd_blit_shaders.h ||
        echo "static const unsigned char $name[4] = {};"
done
echo '} }'
