# SPDX-License-Identifier: MIT
# Runs inside the root filesystem, as a part of kernel.sh: configures and builds the kernel whose source
# is /mnt/kernel/source, and makes its packages, in /mnt/kernel/packages. Goes on where an earlier run
# was interrupted. Usage: build.sh NAME
set -euo pipefail
. /mnt/vm/lib.sh
exec >&2

configs=(/mnt/vm/kernels/common.config "/mnt/vm/kernels/$1.config")
tools=() llvm=()
# LLVM=1 is what DKMS gives to make where clang compiled the kernel.
if grep -qx CONFIG_CC_IS_CLANG=y "${configs[@]}"; then
    tools=(lld llvm) llvm=(LLVM=1)
fi
# Not to hold whose machine made it and when.
export KBUILD_BUILD_USER=rmcp KBUILD_BUILD_HOST=rmcp KBUILD_BUILD_TIMESTAMP=@1700000000
cd /mnt/kernel

kbuild() { make -C source O=/mnt/kernel/build "${llvm[@]}" -j"$JOBS" "$@"; }

# Runs a command, of which only the end is shown, and only when it fails. Of a function, the last
# command decides.
quietly() { # WHAT COMMAND...
    local what=$1
    shift
    say "$what"
    "$@" >log 2>&1 || {
        tail -n 30 log
        fail "failed: $what"
    }
}

install_tools() {
    ! dpkg-query --show debhelper rsync "${tools[@]}" || return 0
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q --yes \
        --no-install-recommends debhelper rsync "${tools[@]}"
}

# Every option must be as the fragments say; one that this kernel doesn't know is not set.
check_config() {
    local wanted option differ=0
    while read -r wanted; do
        option=${wanted#\# } option=${option%%[ =]*}
        case $wanted in
            "# "*) ! grep -q "^$option=" build/.config ;;
            *) grep -qxF "$wanted" build/.config ;;
        esac && continue
        echo "  asked for: $wanted, got: $(grep -w "$option" build/.config || echo "no such option")"
        differ=1
    done < <(grep -hE '^(# )?CONFIG_' "${configs[@]}")
    return $differ
}

configure() {
    mkdir -p build
    # Of two values the last one is taken.
    kbuild x86_64_defconfig kvm_guest.config && cat "${configs[@]}" >>build/.config &&
        kbuild olddefconfig && check_config
}

# The package of the headers stands for the directory that the kernel was built in, but lacks what a
# Rust module takes of it: the metadata and the macros of the kernel crate. And it lacks vmlinux, of which
# Debian's has the BTF, the base of a module's; DKMS reads there which compiler it was, whose linker the
# package asks for.
complete_headers() {
    local script=source/scripts/package/install-extmod-build control=source/scripts/package/mkdebian
    ! grep -q rmeta $script || return 0
    [ ${#tools[@]} = 0 ] ||
        sed -i "/^Package: linux-headers-/a Depends: clang, lld, llvm" $control
    sed -i -e 's,^\techo Module.symvers$,&\n\techo vmlinux\n\tfind rust -maxdepth 1 \\( -name "*.rmeta" -o -name "*.so" \\),' \
        -e "\$a \"\${OBJCOPY}\" --only-section=.BTF --only-section=.BTF_ids --only-section=.comment \"\${destdir}/vmlinux\"" \
        $script
    grep -q rmeta $script || fail "$script is not what was expected"
}

# How many objects a run would make, as a dry run says. One that ends early has told nearly all.
count_objects() {
    { kbuild --dry-run --keep-going all 2>/dev/null || true; } | grep -cE "echo '  [A-Z]+ .*\.k?o'" || true
}

# Of make's lines, one for each object, shows how many there are.
progress() { # TOTAL
    local line done=0 shown=0
    while read -r line; do
        case $line in
            [A-Z]*.o | [A-Z]*.ko) done=$((done + 1)) ;;
            *error* | *Error* | *warning:*) echo "  $line" ;;
        esac
        if [ $done -ge $((shown + 100)) ]; then
            shown=$done
            say "$done of $1 objects"
        fi
    done
}

make_packages() {
    rm -rf making ./*.deb
    mkdir making
    # What packaging takes is there, but not build-essential.
    DEB_BUILD_PROFILES=pkg.linux-upstream.nokerneldbg KDEB_PKGVERSION=1 KDEB_COMPRESS=zstd \
        DPKG_FLAGS=-d kbuild bindeb-pkg && kbuild -s kernelrelease >making/release &&
        mv linux-image-*.deb linux-headers-*.deb making && mv making packages
}

quietly "installing what packaging takes" install_tools
if [ ! -e configured ]; then
    quietly "configuring" configure
    touch configured
fi
complete_headers
quietly "building the kernel crate" kbuild prepare
total=$(count_objects)
say "building the kernel: $total objects"
kbuild all 2>&1 | tee log | progress "$total" || {
    tail -n 30 log
    fail "the kernel can't be built"
}
readelf --section-headers --wide build/drivers/gpu/drm/amd/amdgpu/amdgpu.ko | grep -q ' \.BTF ' ||
    fail "amdgpu.ko has no BTF, by which rmcp would know it"
quietly "making packages" make_packages
