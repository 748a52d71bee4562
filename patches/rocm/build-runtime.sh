# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: applies the patches that are there to the sources in /mnt/rocr and,
# where the thunk is not part of that, /mnt/libhsakmt, and makes /mnt/build/libhsa-runtime64.so.1 of them.
set -eu
exec >&2

cd /mnt/build
for part in rocr libhsakmt; do
    [ -d /mnt/$part ] || continue
    cp -r /mnt/$part/source $part
    for patch in /mnt/patches/$part/*.patch; do
        [ -e "$patch" ] || continue
        patch --quiet --directory=$part --strip=1 --fuzz=0 --batch <"$patch"
    done
done
if [ -d libhsakmt ]; then
    directories="THUNK=libhsakmt RUNTIME=rocr/src HEADERS=/mnt/libhsakmt/headers/usr/include"
else
    directories="THUNK=rocr/libhsakmt RUNTIME=rocr/runtime/hsa-runtime HEADERS=/mnt/rocr/headers/usr/include"
fi
make --silent --jobs="$(nproc)" --makefile=/mnt/rocm/runtime.mk $directories
