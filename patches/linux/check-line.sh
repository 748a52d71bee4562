# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: the patches in /mnt/patches against the kernel in /mnt/line, each
# alone and all of them in their order. The kernel's source is only read.
set -eu
export LC_ALL=C

source=/mnt/line/source amd=drivers/gpu/drm/amd
echo "Linux $(cat /mnt/line/version)"
refuse() { # PATCH WHAT
    echo "  $1: $2" >&2
    exit 1
}

files_of() { sed -n 's,^--- a/,,p' "$@" | sort -u; }

# A copy of the files that some patches change.
copy_files() { # DIRECTORY PATCH...
    directory=$1
    shift
    rm -rf "$directory"
    for file in $(files_of "$@"); do
        mkdir -p "$directory/$(dirname "$file")"
        cp "$source/$file" "$directory/$file"
    done
}

apply() { # DIRECTORY PATCH [--reverse]
    patch --directory="$1" --strip=1 --fuzz=0 --batch --no-backup-if-mismatch ${3-} <"$2" >/tmp/log 2>&1
}

# The objects of the changed files, compiled with the patched files in the place of the kernel's.
compile() { # DIRECTORY PATCH
    objects=
    for file in $(files_of "$2"); do
        mount --bind "$1/$file" "$source/$file"
        case $file in
            $amd/amdgpu/*.c) objects="$objects ${file%.c}.o" ;;
            # amdgpu's Makefile is the one that makes the objects of its neighbours.
            $amd/*.c) file=${file#$amd/} objects="$objects $amd/amdgpu/../${file%.c}.o" ;;
        esac
    done
    (
        cd /mnt/line/build
        rm -f $objects
        make --silent $objects >/tmp/log 2>&1
        ls $objects >/dev/null
    ) && result=0 || result=1
    for file in $(files_of "$2"); do
        umount "$source/$file"
    done
    return $result
}

for patch in /mnt/patches/*.patch; do
    name=$(basename "$patch")
    copy_files /tmp/original "$patch"
    copy_files /tmp/patched "$patch"
    apply /tmp/patched "$patch" || { cat /tmp/log; refuse "$name" "does not apply"; }
    for file in $(files_of "$patch"); do
        ! cmp -s "/tmp/original/$file" "/tmp/patched/$file" || refuse "$name" "leaves $file as it is"
    done
    cp -r /tmp/patched /tmp/reversed
    apply /tmp/reversed "$patch" --reverse || { cat /tmp/log; refuse "$name" "cannot be reversed"; }
    diff -r /tmp/original /tmp/reversed || refuse "$name" "reversed, does not give the source back"
    rm -r /tmp/reversed
    (cd $source && perl scripts/checkpatch.pl --strict --quiet "$patch") >/tmp/log 2>&1 ||
        { cat /tmp/log; refuse "$name" "is not clean to checkpatch"; }
    compile /tmp/patched "$patch" || { cat /tmp/log; refuse "$name" "does not compile"; }
    echo "  $name: applies, reverses, clean, compiles: $(echo $objects | sed "s,$amd/,,g; s,amdgpu/../,,g")"
done

copy_files /tmp/patched /mnt/patches/*.patch
for patch in /mnt/patches/*.patch; do
    apply /tmp/patched "$patch" || { cat /tmp/log; refuse "$(basename "$patch")" "does not apply after those before it"; }
done
