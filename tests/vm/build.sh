#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the programs of the workspace and prints the directory they are in. They are linked
# statically, so that they run on this machine and in the guest, whatever their C libraries.
# Usage: build.sh [-p PACKAGE]   (a program of that package alone)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

[ $# -gt 0 ] || set -- --workspace
target=x86_64-unknown-linux-gnu
output=target/static
say "building the programs"
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" "$here/cargo.sh" build --release \
    "$@" --bins --locked --target $target --target-dir $output >&2
say "programs built"
echo "$(cd "$here/../.." && pwd)/$output/$target/release"
