#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs in the booted guest, before init or at any time: puts another rmcp.ko where DKMS put the good
# one. Usage: replace good|offset|fingerprint|missing|broken
set -eu
modules=/usr/local/lib/rmcp-tests
installed=$(cat $modules/installed)

case $1 in
    missing) rm -f "$installed" ;;
    # As after a full disk: the first half of the file.
    broken) head -c "$(($(stat -c %s $modules/good) / 2))" $modules/good >"$installed" ;;
    *) cp "$modules/$1" "$installed" ;;
esac
