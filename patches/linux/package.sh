# SPDX-License-Identifier: MIT
# For scripts that need the source of a kernel line, beside tests/vm/lib.sh and tests/vm/archive.sh.
linux=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The digest and the path of a line's package.
package_of() { # LINE
    awk -v line="$1" '$1 == line { print $2, $3; found = 1 } END { exit !found }' "$linux/sources.txt" ||
        fail "sources.txt has no kernel line $1"
}

# Gets the package into DIRECTORY and prints what unpack.sh is to be given where that directory is
# bound to INSIDE. Where the archive no longer has it, ends with 3 and prints what there is instead.
get_package() { # ROOTFS LINE DIRECTORY INSIDE
    local rootfs=$1 line=$2 tar=/usr/src/linux-source-$2.tar.xz digest path mirror log found
    # The root filesystem has the source of its own kernel.
    if [ -e "$rootfs$tar" ]; then
        echo "$tar"
        return
    fi
    read -r digest path <<<"$(package_of "$line")"
    mirror=$(archive_mirror "$rootfs")
    say "getting $(basename "$path") (160 MB)"
    log=$(archive_get "$mirror" "$digest" "$path" "$3/package.deb") || {
        grep -q 404 <<<"$log" || fail "$mirror doesn't give $path. apt says: $log"
        found=$(listed_packages "$rootfs" "$line" "$mirror" | awk '{ print $3 }' | sort -V -u | paste -s -d' ')
        echo "not in the archive any more: $(basename "$path") (of this line it has ${found:-none})"
        return 3
    }
    echo "$4/package.deb"
}

# What the archive has of a line now, as its own lists say.
listed_packages() { # ROOTFS LINE MIRROR
    local lists suite release
    lists=$(cache_dir)/linux-lists
    mkdir -p "$lists/partial"
    while read -r _ _ suite _; do
        for release in "$suite" "$suite-backports" sid experimental; do
            echo "deb [signed-by=$1/usr/share/keyrings/debian-archive-keyring.gpg] $3 $release main"
        done
        break
    done <"$1/etc/apt/sources.list" >"$lists.list"
    local options=(-o "Dir::Etc::SourceList=$lists.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$lists" -o Dir::State::Status=/dev/null -o Dir::Cache::pkgcache=
        -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none)
    apt-get "${options[@]}" -qq update >&2 && apt-cache "${options[@]}" madison "linux-source-$2"
}
