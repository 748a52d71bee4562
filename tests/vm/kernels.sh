# SPDX-License-Identifier: MIT
# For scripts that need to know of the kernels in kernels.toml, beside lib.sh.

kernels_toml=$(dirname "${BASH_SOURCE[0]}")/kernels.toml

# Prints a field of a kernel, which is called by its name or its release; nothing if it has no such.
kernel_field() { # KERNEL FIELD
    awk -v wanted="$1" -v field="$2" '
        /^\[\[kernel\]\]/ { found = 0 }
        $2 != "=" { next }
        { value = $0; gsub(/^[^"]*"|"$/, "", value) }
        $1 == "name" { name = value }
        $1 == "release" { found = name == wanted || value == wanted }
        found && field == "name" { print name; exit }
        found && $1 == field { print value; exit }' "$kernels_toml"
}

# Sets kernel, and kernel_release, to those of KERNEL or of the everyday kernel.
choose_kernel() {
    local first
    first=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$kernels_toml" | head -n1)
    kernel=$(kernel_field "${KERNEL:-$first}" name)
    [ -n "$kernel" ] || fail "kernels.toml has no kernel ${KERNEL:-$first}: it has" \
        "$(sed -n 's/^name = "\(.*\)"$/\1/p' "$kernels_toml" | paste -s -d' ')"
    kernel_release=$(kernel_field "$kernel" release)
}
