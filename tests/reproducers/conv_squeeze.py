# SPDX-License-Identifier: MIT
"""Conv2d(1, 32, (64, 1)) and then squeeze(2): a kernel as high as its input, as networks for signals of
64 channels begin. Forward and backward, compared with the CPU."""

from reproducer import expect, start

ROUNDS = 50

torch, device = start()
layer = torch.nn.Conv2d(1, 32, (64, 1))
signals = torch.randn(16, 1, 64, 500)


def work(layer, signals):
    """What comes out, and the gradient of the weights."""
    layer.zero_grad()
    out = layer(signals).squeeze(2)
    out.square().mean().backward()
    return out.detach().cpu(), layer.weight.grad.cpu()


expected = work(layer, signals)
layer, signals = layer.to(device), signals.to(device)
for number in range(ROUNDS):
    for got, wanted in zip(work(layer, signals), expected):
        expect(got.shape == wanted.shape, f"the shape in round {number}")
        expect(torch.allclose(got, wanted, rtol=1e-3, atol=1e-3), f"round {number}")
print(f"{ROUNDS} rounds as on the CPU")
