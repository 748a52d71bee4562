# SPDX-License-Identifier: MIT
"""Allocates and frees tensors of many sizes in a random order, without PyTorch's cache now and then: what is
written into one is still there when it is freed."""

import random

from reproducer import expect, start

ROUNDS = 2000
LIVE = 64

torch, device = start()
chance = random.Random(1)
live = []
moved = 0
for number in range(ROUNDS):
    if len(live) == LIVE or live and chance.random() < 0.45:
        tensor, value = live.pop(chance.randrange(len(live)))
        expect(bool((tensor == value).all()), f"another wrote into tensor {value}")
        del tensor
    else:
        # From some bytes to 4 MiB: below and above what the allocator cuts from larger blocks.
        size = int(2 ** chance.uniform(0, 20))
        live.append((torch.full((size,), number, dtype=torch.int32, device=device), number))
        moved += 4 * size
    if device.type == "cuda" and number % 100 == 0:
        torch.cuda.empty_cache()
for tensor, value in live:
    expect(bool((tensor == value).all()), f"another wrote into tensor {value}")
print(f"{moved >> 20} MiB in {ROUNDS} rounds, every value as it was written")
