# SPDX-License-Identifier: MIT
"""What the reproducers share: PyTorch, a device, and how they end.

Exit codes: 0 the results are right, 1 they are not, 77 there is no PyTorch. A GPU memory fault ends the
process by a signal: 'rmcp-kctl run -- python3 conv_squeeze.py' keeps what there is to know of it.
"""

import sys

SKIPPED = 77


def start():
    """PyTorch, and the device to work on: a GPU where PyTorch has one, else the CPU."""
    try:
        import torch
    except ImportError as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    torch.manual_seed(1)
    if torch.cuda.is_available():
        device, name = torch.device("cuda"), torch.cuda.get_device_name()
    else:
        device, name = torch.device("cpu"), "the CPU"
    print(f"PyTorch {torch.__version__} on {name}")
    return torch, device


def expect(right, what):
    """Ends with an error where something is not right."""
    if not right:
        sys.exit(f"failed: {what}")
