# SPDX-License-Identifier: MIT
# Runs inside the root filesystem, in the environment that CLR is built in: patches the source in /mnt/clr
# and makes /mnt/build/libamdhip64.so.5 of it, with upstream's cmake and Debian's options.
set -eu

cd /mnt/build
cp -r /mnt/clr/source clr
for patch in /mnt/patches/*.patch; do
    patch --quiet --directory=clr --strip=1 --fuzz=0 --batch <"$patch"
done
cmake -S clr -B made -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-17 -DCMAKE_CXX_COMPILER=clang++-17 \
    -DCMAKE_C_FLAGS_RELEASE='-O0 -w' -DCMAKE_CXX_FLAGS_RELEASE='-O0 -w' -DCMAKE_SKIP_RPATH=ON \
    -DBUILD_SHARED_LIBS=ON -DROCM_PATH=/usr -DFILE_REORG_BACKWARD_COMPATIBILITY=OFF \
    -DCLR_BUILD_HIP=ON -DCLR_BUILD_OCL=OFF -DHIP_PLATFORM=amd -DUSE_PROF_API=OFF \
    -DHIP_COMMON_DIR=/mnt/build/clr/hip -DHIPCC_BIN_DIR=/mnt/build/clr/hipcc/bin
cmake --build made --parallel "$(nproc)" --target amdhip64
cp made/hipamd/lib/libamdhip64.so.5.* libamdhip64.so.5
strip libamdhip64.so.5
