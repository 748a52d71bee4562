# SPDX-License-Identifier: MIT
# What the scripts in the directories beside this file share: tests/vm/lib.sh, the root filesystem that
# they work in, sources, and the checks of patches.
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../tests/vm
. "$vm/lib.sh"
rootfs=$("$vm/rootfs.sh") || {
    code=$?
    echo "$rootfs"
    exit $code
}
checked=0

# What source.sh beside the caller gets: its directory in $source. When the archive no longer has it, the
# answer is no, and $source says so.
get_source() { # ARGUMENT...
    local code=0
    source=$("$here/source.sh" "$rootfs" "$@") || code=$?
    case $code in
        0) ;;
        3) return 1 ;;
        *) exit 1 ;;
    esac
}

# Checks a directory of patches against their source, which is at PLACE for the script beside the caller.
# The arguments are what names the source.
check() { # NAME PATCHES PLACE SCRIPT ARGUMENT...
    local name=$1 patches=$2 place=$3 script=$4
    shift 4
    get_source "$@" || {
        echo "$name: skipped: $source"
        return 0
    }
    local scripts=/mnt/${here##*/}
    lock "$source.lock" "checks of $name"
    "$vm/enter.sh" "$rootfs" --bind "$source:$place" --bind "$patches:/mnt/patches" \
        --bind "$here/../series.sh:/mnt/series.sh" --bind "$here:$scripts" -- \
        sh "$scripts/$script" "$@"
    checked=$((checked + 1))
}
