# SPDX-License-Identifier: MIT
# For what runs inside the root filesystem: checks the series of patches in /mnt/patches against the
# source in $source, each alone and all of them in their order. The source is only read. Whoever reads
# this file defines `further PATCH`, which checks what is particular to that source in /tmp/patched,
# sets $outcome to what it did, and refuses what it doesn't like.
export LC_ALL=C

refuse() { # PATCH WHAT
    cat /tmp/log
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

# Runs a command with a patch's files of /tmp/patched in the place of the source's.
with_patched() { # PATCH COMMAND...
    patched=$1
    shift
    for file in $(files_of "$patched"); do
        mount --bind "/tmp/patched/$file" "$source/$file"
    done
    "$@" >/tmp/log 2>&1 && result=0 || result=1
    for file in $(files_of "$patched"); do
        umount "$source/$file"
    done
    return $result
}

check_series() {
    : >/tmp/log
    for patch in /mnt/patches/*.patch; do
        name=$(basename "$patch")
        copy_files /tmp/original "$patch"
        copy_files /tmp/patched "$patch"
        apply /tmp/patched "$patch" || refuse "$name" "does not apply"
        for file in $(files_of "$patch"); do
            ! cmp -s "/tmp/original/$file" "/tmp/patched/$file" || refuse "$name" "leaves $file as it is"
        done
        cp -r /tmp/patched /tmp/reversed
        apply /tmp/reversed "$patch" --reverse || refuse "$name" "cannot be reversed"
        diff -r /tmp/original /tmp/reversed || refuse "$name" "reversed, does not give the source back"
        rm -r /tmp/reversed
        further "$patch"
        echo "  $name: applies, reverses, $outcome"
    done

    copy_files /tmp/patched /mnt/patches/*.patch
    for patch in /mnt/patches/*.patch; do
        apply /tmp/patched "$patch" || refuse "$(basename "$patch")" "does not apply after those before it"
    done
}
