# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: the patches in /mnt/patches against the kernel in /mnt/line.
set -eu

source=/mnt/line/source amd=drivers/gpu/drm/amd
. /mnt/series.sh
echo "Linux $(cat /mnt/line/version)"

make_objects() {
    cd /mnt/line/build
    rm -f $objects
    make --silent $objects
    ls $objects
}

# checkpatch, and the objects of the changed files.
further() { # PATCH
    (cd $source && perl scripts/checkpatch.pl --strict --quiet "$1") >/tmp/log 2>&1 ||
        refuse "$name" "is not clean to checkpatch"
    objects=
    for file in $(files_of "$1"); do
        case $file in
            $amd/amdgpu/*.c) objects="$objects ${file%.c}.o" ;;
            # amdgpu's Makefile is the one that makes the objects of its neighbours.
            $amd/*.c) file=${file#$amd/} objects="$objects $amd/amdgpu/../${file%.c}.o" ;;
        esac
    done
    (with_patched "$1" make_objects) || refuse "$name" "does not compile"
    outcome="clean, compiles: $(echo $objects | sed "s,$amd/,,g; s,amdgpu/../,,g")"
}

check_series
