# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: unpacks what a source package of ROCm consists of, in
# /mnt/part/files, into /mnt/part/source, applies Debian's own patches when all of it is there, and
# unpacks the headers beside it.
set -eu
exec >&2

cd /mnt/part
mkdir source headers
for file in files/*/*; do
    what=$(basename "$(dirname "$file")")
    case $what in
        orig) tar -x -C source --strip-components=1 -f "$file" ;;
        debian) tar -x -C source -f "$file" ;;
        headers) dpkg-deb --extract "$file" headers ;;
        *)
            mkdir "source/$what"
            tar -x -C "source/$what" --strip-components=1 -f "$file"
            ;;
    esac
done
! grep -qv '^headers ' missing || exit 0
sed 's/ *#.*//; /^$/d' source/debian/patches/series | while read -r patch; do
    patch --quiet --directory=source --strip=1 --batch <"source/debian/patches/$patch"
done
