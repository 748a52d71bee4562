#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs cargo in the checkout: this machine's where it is new enough and can link statically,
# otherwise the root filesystem's. Usage: cargo.sh ARGS...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
repository=$(cd "$here/../.." && pwd)

# Whether this machine can build: cargo 1.85 with rustfmt and clippy, which distributions package
# apart, and a C compiler with a static C library.
cargo_here() {
    local version probe result=0
    version=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [ -n "$version" ] || return 1
    printf '1.85\n%s\n' "$version" | sort --check=silent --version-sort || return 1
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || return 1
    probe=$(mktemp)
    echo 'int main(void) { return 0; }' | cc -static -x c - -o "$probe" 2>/dev/null || result=1
    rm -f "$probe"
    return $result
}

# In the root filesystem, cargo sees this machine's certificates, names and configuration, and keeps
# what it downloads in the cache.
cargo_inside() {
    local rootfs cargo_home file bundle binds
    rootfs=$("$here/rootfs.sh")
    cargo_home=$(cache_dir)/cargo
    mkdir -p "$cargo_home"
    for file in config.toml config; do
        [ ! -f "${CARGO_HOME:-$HOME/.cargo}/$file" ] || cp "${CARGO_HOME:-$HOME/.cargo}/$file" "$cargo_home/"
    done
    binds=(--bind "$repository:/mnt/rmcp" --bind "$cargo_home:/mnt/cargo")
    [ ! -f /etc/resolv.conf ] || binds+=(--bind "$(realpath /etc/resolv.conf):/etc/resolv.conf")
    for bundle in "${CARGO_HTTP_CAINFO:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt \
        /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
        if [ -f "$bundle" ]; then
            binds+=(--bind "$(realpath "$bundle"):/mnt/ca.crt")
            export CARGO_HTTP_CAINFO=/mnt/ca.crt SSL_CERT_FILE=/mnt/ca.crt
            break
        fi
    done
    # Another compiler's results are not touched.
    CARGO_HOME=/mnt/cargo CARGO_TARGET_DIR=target/rootfs "$here/enter.sh" "$rootfs" "${binds[@]}" -- \
        sh -c 'cd /mnt/rmcp && exec cargo "$@"' cargo "$@"
}

if cargo_here; then
    cd "$repository"
    cargo "$@"
else
    say "using the cargo of the root filesystem"
    cargo_inside "$@"
fi
