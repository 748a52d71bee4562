#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the Debian package from a built rmcp-kctl, which makes or carries everything else in it. The
# same program and checkout make the same file. Prints its name.
# Usage: deb.sh PROGRAM DIRECTORY [REVISION]   (a REVISION such as +1 is put after the version)
#
# SOURCE_DATE_EPOCH     the date of everything in it (the last commit's)
# DEBFULLNAME DEBEMAIL  who makes it
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1") output=$2 revision=${3-}

for tool in dpkg-deb strip make; do
    command -v $tool >/dev/null || { echo "error: $tool is not installed (Debian: dpkg, binutils, make)" >&2; exit 1; }
done
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || stat -c %Y "$here/deb.sh")}
export SOURCE_DATE_EPOCH

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
"$program" source --output "$stage/source"
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$stage/source/dkms.conf")
debian_version=$version$revision
maintainer="${DEBFULLNAME:-rmcp} <${DEBEMAIL:-rmcp@localhost}>"
root=$stage/root
doc=$root/usr/share/doc/rmcp

make -s -C "$here/.." install-files PROGRAM="$program" DESTDIR="$root" PREFIX=/usr \
    ZSH_COMPLETIONS=/usr/share/zsh/vendor-completions
strip --strip-unneeded "$root/usr/bin/rmcp-kctl"
mkdir -p "$root/usr/src" "$doc" "$root/DEBIAN"
mv "$stage/source" "$root/usr/src/rmcp-$version"
install -D -m 644 "$here/modprobe.conf" "$root/usr/lib/modprobe.d/rmcp.conf"
install -D -m 644 -t "$root/usr/lib/systemd/system" "$here"/systemd/*
install -D -m 644 -t "$doc" "$here"/../userspace/schema/*.json
expat=$(sed 's/^$/./; s/^/ /' "$here/../LICENSES/MIT.txt")
awk -v expat="$expat" '$0 == "@EXPAT@" { print expat; next } { print }' "$here/debian/copyright" >"$doc/copyright"
printf 'rmcp (%s) unstable; urgency=medium\n\n  * Made from the source of rmcp %s.\n\n -- %s  %s\n' \
    "$debian_version" "$version" "$maintainer" "$(date -uR -d "@$SOURCE_DATE_EPOCH")" >"$doc/changelog"
gzip -9n "$doc/changelog" "$root"/usr/share/man/man1/*

(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) \
    >"$stage/md5sums"
mv "$stage/md5sums" "$root/DEBIAN/md5sums"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$debian_version/; s/@MAINTAINER@/$maintainer/; s/@SIZE@/$size/" "$here/debian/control" \
    >"$root/DEBIAN/control"
install -m 755 -t "$root/DEBIAN" "$here"/debian/{preinst,postinst,prerm,postrm}
sed -i "s/@PACKAGE_VERSION@/$version/g" "$root"/DEBIAN/{preinst,postinst,prerm,postrm}

mkdir -p "$output"
dpkg-deb --root-owner-group -Zxz --build "$root" "$output/rmcp_${debian_version}_amd64.deb" >&2
echo "$output/rmcp_${debian_version}_amd64.deb"
