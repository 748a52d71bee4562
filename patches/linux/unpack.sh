# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: unpacks the source of a kernel into a directory, or what tar's further
# arguments name of it. The package is a .deb, or the tar archive that an installed one holds; its
# version is printed. Usage: unpack.sh PACKAGE DIRECTORY [TAR-ARGUMENTS...]
set -eu

package=$1 directory=$2
shift 2
case $package in
    *.deb)
        dpkg-deb --fsys-tarfile "$package" | tar -x -C /tmp --strip-components=3 --wildcards './usr/src/*.tar.xz'
        tar=$(echo /tmp/*.tar.xz)
        dpkg-deb --field "$package" Version
        ;;
    *)
        tar=$package
        dpkg-query --show --showformat '${Version}\n' "$(basename "$tar" .tar.xz)"
        ;;
esac
mkdir -p "$directory"
xz --decompress --stdout --threads=0 "$tar" | tar -x -C "$directory" --strip-components=1 "$@"
