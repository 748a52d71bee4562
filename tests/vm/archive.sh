# SPDX-License-Identifier: MIT
# For scripts that get files from the Debian archive, beside lib.sh.

# The mirror: RMCP_MIRROR, or the one that the root filesystem was made from.
archive_mirror() { # ROOTFS
    local mirror=${RMCP_MIRROR:-$(awk '$1 == "deb" { print $2; exit }' "$1/etc/apt/sources.list")}
    echo "${mirror%/}"
}

# Gets one file; prints apt's words when that fails.
archive_get() { # MIRROR SHA256 PATH FILE
    local helper log
    helper=$(PATH=/usr/lib/apt:/usr/libexec/apt command -v apt-helper) ||
        fail "this machine's apt comes without apt-helper"
    log=$("$helper" -o APT::Sandbox::User=root download-file "$1/$3" "$4" "SHA256:$2" 2>&1) || {
        grep -v '^E: Download Failed' <<<"$log" | tail -n1
        return 1
    }
}
