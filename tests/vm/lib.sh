# SPDX-License-Identifier: MIT
# What the scripts beside this file share: progress lines, errors, the cache, and being root enough
# to own a root filesystem.

# Progress goes to standard error: standard output carries a script's one result.
say() { printf '[%3ds] %s\n' "$SECONDS" "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

cache_dir() {
    local dir=${RMCP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rmcp}
    mkdir -p "$dir"
    (cd "$dir" && pwd)
}

# Runs a command as root with mounts and processes of its own, which go when it ends. Who is not
# root becomes root in a user namespace, which owns files under the user's subordinate ids.
as_root() {
    local identity=()
    [ "$(id -u)" = 0 ] || identity=(--user --map-auto --map-root-user)
    unshare "${identity[@]}" --mount --pid --fork --kill-child -- "$@"
}

# Takes the lock of a file, and says so when that means waiting.
lock() { # FILE WHAT
    exec {lock_fd}>"$1"
    flock --nonblock "$lock_fd" || {
        say "waiting for another run that makes $2"
        flock "$lock_fd"
    }
}
