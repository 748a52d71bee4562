#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs each reproducer on the CPU with Debian's PyTorch, by itself and under `rmcp-kctl run`, and what
# `rmcp-kctl selftest` runs, which has to say that this PyTorch is for no GPU. Usage: check.sh RMCP_KCTL
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../vm/lib.sh"

kctl=$1
# On a busy machine, threads wait for each other many times longer than they compute.
export OMP_NUM_THREADS=1
python=$("$here/../vm/torch.sh" "$("$here/../vm/rootfs.sh")")

check() { # WHAT COMMAND...
    local what=$1 said
    shift
    said=$("$@") || fail "$what ended with $?: $said"
    [[ $said == "PyTorch "*" on the CPU"$'\n'* ]] || fail "$what says: $said"
    say "$what: $(tail -n1 <<<"$said")"
}

for name in conv_squeeze backbone churn; do
    check "$name.py" "$python" -B "$here/$name.py"
    # A GPU of this machine's need not be guarded for what does not run on it.
    check "run: $name.py" "$kctl" run --force --fallback none -- "$python" -B "$here/$name.py"
done

code=0
said=$("$python" -B "$here/../../userspace/src/commands/selftest/pytorch.py") || code=$?
[[ $code == 77 && $said == *"was not built for ROCm" ]] || fail "selftest's PyTorch ended with $code: $said"
say "selftest: $said"
