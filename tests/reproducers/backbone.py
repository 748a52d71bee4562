# SPDX-License-Identifier: MIT
"""A backbone of Conv2d, BatchNorm2d and LeakyReLU, each step half as large and twice as deep, as detectors
have it: the first pass compared with the CPU, then some steps of training."""

import math

from reproducer import expect, start

STEPS = 20
DEPTHS = [3, 16, 32, 64, 128]

torch, device = start()
layers = []
for narrow, deep in zip(DEPTHS, DEPTHS[1:]):
    layers += [
        torch.nn.Conv2d(narrow, deep, 3, stride=2, padding=1, bias=False),
        torch.nn.BatchNorm2d(deep),
        torch.nn.LeakyReLU(0.1),
    ]
head = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(DEPTHS[-1], 10)]
model = torch.nn.Sequential(*layers, *head)
images = torch.randn(8, 3, 128, 128)
classes = torch.randint(10, (8,))

with torch.no_grad():
    expected = model.eval()(images)
model, images, classes = model.to(device), images.to(device), classes.to(device)
with torch.no_grad():
    got = model(images).cpu()
expect(torch.allclose(got, expected, rtol=1e-2, atol=1e-3), "the first pass differs from the CPU's")

model.train()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
losses = []
for _ in range(STEPS):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(images), classes)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
expect(all(map(math.isfinite, losses)), f"a loss is no number: {losses}")
expect(losses[-1] < losses[0], f"nothing was learned: {losses}")
print(f"{STEPS} steps, the loss from {losses[0]:.3f} to {losses[-1]:.3f}")
