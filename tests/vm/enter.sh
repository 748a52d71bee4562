#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a command inside a root filesystem, with /proc, /dev and an empty /tmp and /mnt of its own.
# Everything is mounted in a private namespace: nothing is left when the command ends, however it
# ends. Usage: enter.sh ROOTFS [--layer DIR]... [--bind HOST:GUEST]... [--image FILE SIZE] [-- CMD...]
#
#   --layer DIR        leave ROOTFS alone and write to DIR instead; a further --layer lies on top
#   --bind HOST:GUEST  make a file or directory appear inside; GUEST exists there or is under /mnt
#   --image FILE SIZE  afterwards, make an ext4 image of what is to be seen
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

if [ "${1-}" != --inside ]; then
    as_root "$here/enter.sh" --inside "$@"
    exit
fi
shift

root=$(realpath "$1") layers=() binds=() image=()
shift
while [ $# -gt 0 ]; do
    case $1 in
        --layer) layers+=("$2") && shift 2 ;;
        --bind) binds+=("$2") && shift 2 ;;
        --image) image=("$2" "$3") && shift 3 ;;
        --) shift && break ;;
        *) fail "enter.sh: unknown argument $1" ;;
    esac
done

# The view is mounted over the root filesystem itself, which needs no other place to mount it.
if [ ${#layers[@]} -gt 0 ]; then
    top=$(realpath "${layers[-1]}") lower=$root
    for layer in "${layers[@]::${#layers[@]}-1}"; do
        lower=$(realpath "$layer")/files:$lower
    done
    mkdir -p "$top/files" "$top/work"
    read -r _ outer _ </proc/self/uid_map
    mount -t overlay overlay "$root" \
        -o "lowerdir=$lower,upperdir=$top/files,workdir=$top/work$([ "$outer" = 0 ] || echo ,userxattr)"
fi

if [ $# -gt 0 ]; then
    # On a mount of their own, so that all of them go before an image is made.
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for node in null zero full random urandom tty; do
        touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    mkdir "$root/dev/shm"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s /proc/self/fd/0 "$root/dev/stdin"
    ln -s /proc/self/fd/1 "$root/dev/stdout"
    ln -s /proc/self/fd/2 "$root/dev/stderr"
    mount -t tmpfs tmpfs "$root/tmp"
    mount -t tmpfs tmpfs "$root/mnt"
    for bind in "${binds[@]}"; do
        host=${bind%%:*} guest=$root${bind#*:}
        if [ -d "$host" ]; then
            mkdir -p "$guest"
        elif [ ! -e "$guest" ]; then
            mkdir -p "$(dirname "$guest")" && touch "$guest"
        fi
        mount --bind "$host" "$guest"
    done
    HOME=/root TMPDIR=/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "$root" "$@"
    umount --recursive "$root"
fi

if [ ${#image[@]} -gt 0 ]; then
    # Made here first, or mke2fs says that it makes it.
    truncate -s "${image[1]}" "${image[0]}"
    mke2fs -q -t ext4 -J size=16 -E lazy_itable_init=1 -d "$root" "${image[0]}"
fi
