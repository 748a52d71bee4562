# SPDX-License-Identifier: MIT
"""A product of matrices on each GPU, compared with the CPU's. 77: it cannot be tried."""
import sys

try:
    import torch
except ImportError as why:
    print(why)
    sys.exit(77)
if torch.version.hip is None:
    print(f"PyTorch {torch.__version__} was not built for ROCm")
    sys.exit(77)
if not torch.cuda.is_available():
    sys.exit(f"PyTorch {torch.__version__} sees no GPU")
torch.manual_seed(1)
a, b = torch.randn(512, 512), torch.randn(512, 512)
for gpu in range(torch.cuda.device_count()):
    got = (a.to(gpu) @ b.to(gpu)).cpu()
    if not torch.allclose(got, a @ b, rtol=1e-3, atol=1e-2):
        sys.exit(f"GPU {gpu}: the product is not the CPU's")
print(f"PyTorch {torch.__version__}: the product of two matrices as on the CPU, on {gpu + 1} GPUs")
