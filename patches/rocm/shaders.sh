# SPDX-License-Identifier: MIT
# Prints a header for what the build of ROCr makes from code for GPUs, with nothing in it: to a compiler
# that makes no object its names are enough. Usage: shaders.sh RUNTIME
set -eu
cd "$1/core"
echo 'namespace rocr { namespace AMD {'
grep -oh '\bkCode[A-Z][A-Za-z0-9_]*' runtime/amd_gpu_agent.cpp | sort -u | while read -r name; do
    grep -qw "$name" inc/amd_trap_handler_v1.h inc/amd_blit_shaders.h ||
        echo "static const unsigned char $name[4] = {};"
done
echo '} }'
