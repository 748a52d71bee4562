#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes sure that this machine has what the virtual machines need, and installs what it lacks
# through its package manager. Nothing is installed when nothing is missing. Usage: host.sh
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# What is checked, and the package it comes in: Debian, Fedora, Arch, openSUSE; "-" = not packaged.
needs() {
    echo "mmdebstrap   mmdebstrap             mmdebstrap             mmdebstrap             -"
    echo "apt-get      apt                    apt                    apt                    -"
    echo "unshare      util-linux             util-linux             util-linux             util-linux"
    echo "flock        util-linux             util-linux-core        util-linux             util-linux"
    echo "modprobe     kmod                   kmod                   kmod                   kmod"
    echo "mke2fs       e2fsprogs              e2fsprogs              e2fsprogs              e2fsprogs"
    echo "sha256sum    coreutils              coreutils              coreutils              coreutils"
    echo "gpgv         gpgv                   gnupg2                 gnupg                  gpg2"
    [ "$(id -u)" = 0 ] ||
        echo "newuidmap  uidmap                 shadow-utils           shadow                 shadow"
    echo "keyring      debian-archive-keyring debian-keyring         debian-archive-keyring -"
}

have() {
    case $1 in
        keyring) ls /usr/share/keyrings/debian-archive-*keyring* >/dev/null 2>&1 ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
    esac
}

case " $(. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}") " in
    *debian* | *ubuntu*) manager=apt-get column=0 ;;
    *fedora* | *rhel*) manager=dnf column=1 ;;
    *arch*) manager=pacman column=2 ;;
    *suse*) manager=zypper column=3 ;;
    *) manager=none column=0 ;;
esac

missing=() packages=()
while read -r what names; do
    have "$what" && continue
    missing+=("$what")
    read -ra names <<<"$names"
    package=${names[column]}
    [ "$package" = - ] || packages+=("$package")
done < <(needs)
[ ${#missing[@]} -gt 0 ] || exit 0

[ $manager != none ] && [ ${#packages[@]} -ge ${#missing[@]} ] ||
    fail "this machine lacks ${missing[*]}, and no package of it is known here that would bring them: install them and run this again"

sudo=()
[ "$(id -u)" = 0 ] || {
    command -v sudo >/dev/null ||
        fail "this machine lacks ${missing[*]}: as root, install ${packages[*]} and run this again"
    sudo=(sudo)
}
say "installing ${packages[*]} with $manager"
case $manager in
    apt-get)
        "${sudo[@]}" apt-get update -qq >&2
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
        ;;
    dnf) "${sudo[@]}" dnf install -y "${packages[@]}" >&2 ;;
    pacman) "${sudo[@]}" pacman -S --needed --noconfirm "${packages[@]}" >&2 ;;
    zypper) "${sudo[@]}" zypper --non-interactive install "${packages[@]}" >&2 ;;
esac
while read -r what _; do
    have "$what" || fail "$what is still missing after installing ${packages[*]}"
done < <(needs)
say "this machine has everything"
