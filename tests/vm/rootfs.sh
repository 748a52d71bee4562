#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the Debian root filesystem that everything runs in: a kernel of kernels.toml, its headers and
# source, that kernel's rustc, dkms, and a QEMU that knows vfio-user. Prints its path, which is in
# the cache and has a name made from everything that decides its content. Exits 3 with a line that says
# so when the archive no longer has the kernel. Usage: rootfs.sh
#
# KERNEL       another kernel than the everyday one
# RMCP_CACHE   where the cache is ($XDG_CACHE_HOME/rmcp)
# RMCP_MIRROR  the Debian mirror (the one that this machine's apt uses)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/kernels.sh"
export PATH=$PATH:/usr/sbin:/sbin

choose_kernel
read -ra suites <<<"$(kernel_field "$kernel" suites)"
version=${kernel_release%%[-+~]*}
source_package=linux-source-$(cut -d. -f1,2 <<<"$version")
packages=(
    systemd-sysv udev kmod dbus initramfs-tools zstd xz-utils e2fsprogs ca-certificates
    dkms make pahole gcc bc bison flex libelf-dev libssl-dev libdw-dev python3-minimal cpio patch
    rustc cargo rust-src rustfmt rust-clippy bindgen clang
    qemu-guest-agent qemu-system-x86
    # What scenarios run on the GPU, and the reader of BTF that rmcp's own is compared with.
    libdrm-dev libhsa-runtime-dev rocminfo kexec-tools bpftool
)
# The kernel and QEMU come from backports, everything else from the release.
preferences="Package: linux-* qemu-* seabios libslirp* ipxe-qemu
Pin: release n=*-backports
Pin-Priority: 500
"

# The mirror that this machine's apt has the main archive from. While apt has no lists yet, no origin
# is known; on a Debian, the first source that isn't the security archive is it then.
host_mirror() {
    command -v apt-get >/dev/null || return 0
    local known
    known=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' | sed -n 's,^Debian/Debian ,,p')
    if [ -z "$known" ] && grep -qx 'ID=debian' /etc/os-release; then
        known=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' | grep -v security) || true
    fi
    head -n1 <<<"$known"
}

cache=$(cache_dir)
# A kernel that the archive has not is built, in the root filesystem of the everyday one.
kernel_packages=
recipe=$(kernel_field "$kernel" build)
if [ -n "$recipe" ]; then
    kernel_packages=$(KERNEL= "$here/kernel.sh" "$recipe") || {
        code=$?
        echo "$kernel_packages"
        exit $code
    }
else
    packages+=("linux-image-$kernel_release" "linux-headers-$kernel_release" "$source_package")
fi
key=$({ echo "$kernel_release" "$(basename "$kernel_packages")" "${suites[@]}" "$(uname -m)"; cat "$here/rootfs.sh" "$here/lib.sh"; } | sha256sum | cut -c1-16)
rootfs=$cache/rootfs-$kernel-$key

lock "$rootfs.lock" "this root filesystem"
if [ -d "$rootfs" ]; then
    touch "$rootfs"
    echo "$rootfs"
    exit 0
fi

mirror=${RMCP_MIRROR:-$(host_mirror)}
[ -n "$mirror" ] || fail "no Debian mirror is set up in this machine's apt: name one with RMCP_MIRROR=URL"

build=$rootfs.tmp
trap 'as_root rm -rf "$build"' EXIT
as_root rm -rf "$build"
mkdir "$build"
say "making a Debian root filesystem with kernel $kernel_release from $mirror (about 2 minutes)"

# What runs inside mmdebstrap. The kernel's source must be of its headers' very version: pinned
# here, before anything is installed, where a kernel that the archive doesn't have is noticed too.
export rmcp_release=$kernel_release rmcp_preferences=$preferences rmcp_source=$source_package
export rmcp_packages=$kernel_packages
setup='mkdir -p "$1/etc/apt/preferences.d"; printf "%s" "$rmcp_preferences" >"$1/etc/apt/preferences.d/rmcp"'
pin='set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
versions() { apt-cache show "$1" 2>/dev/null | sed -n "s/^Version: //p"; }
version=$(versions "linux-headers-$rmcp_release" | head -n1)
[ -n "$version" ] || { echo "E: rmcp: no linux-headers-$rmcp_release" >&2; exit 1; }
versions "$rmcp_source" | grep -qxF "$version" ||
    { echo "E: rmcp: no $rmcp_source of version $version" >&2; exit 1; }
# Of the records that match a package, apt takes the first: this one is to come before the others.
printf "Package: %s\nPin: version %s\nPin-Priority: 1001\n" "$rmcp_source" "$version" \
    >"$1/etc/apt/preferences.d/00-rmcp-source"'
install='set -eu
mkdir "$1/kernel"
cp "$rmcp_packages"/*.deb "$1/kernel"
chroot "$1" sh -c "apt-get install --yes --quiet /kernel/*.deb"
rm -r "$1/kernel"'
hooks=(--essential-hook="$pin")
[ -z "$kernel_packages" ] || hooks=(--customize-hook="$install")

sources=()
for suite in "${suites[@]}"; do
    sources+=("deb $mirror $suite main")
done
log=$rootfs.log
# A mirror that stays behind still serves: what it has is signed all the same.
if ! as_root mmdebstrap --mode=root --variant=minbase --format=directory \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --setup-hook="$setup" "${hooks[@]}" \
    --include="$(IFS=,; echo "${packages[*]}")" \
    "${suites[0]}" "$build/root" "${sources[@]}" 2>&1 | tee "$log" |
    while read -r line; do
        case $line in
            "I: running --"*) ;;
            "I: "*) say "${line#I: }" ;;
            "E: "* | "W: "*) echo "$line" >&2 ;;
        esac
    done
then
    if grep -q '^E: rmcp: ' "$log"; then
        echo "not in the archive any more: $(sed -n 's/^E: rmcp: no //p' "$log"); KERNEL= takes another kernel of kernels.toml"
        exit 3
    elif grep -q NO_PUBKEY "$log"; then
        fail "this machine's debian-archive-keyring is too old for Debian ${suites[0]}: update it"
    fi
    fail "mmdebstrap failed, its log is $log"
fi

mv "$build/root" "$rootfs"
say "root filesystem ready"

# The newest three stay, and the everyday kernel's.
everyday=$(KERNEL= && choose_kernel && echo "$kernel")
ls -dt "$cache"/rootfs-*/ | grep -v '\.tmp/' | awk -v mine="$cache/rootfs-$everyday-" '
    index($0, mine) == 1 && !kept++ { next }
    ++others > 3' | while read -r old; do
    as_root rm -rf "$old" "${old%/}".lock "${old%/}".log
done
echo "$rootfs"
