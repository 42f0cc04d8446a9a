"""PyTorch on the CPU reads other pixels: channels_last, one channel, one output column, stride 2 along it."""

import torch

x = torch.ones(2, 4, 4, 1).permute(0, 3, 1, 2)
w = torch.ones(3, 3, 1, 1).permute(3, 2, 0, 1)
y = torch.nn.functional.conv2d(x, w, stride=(1, 2))
print(f"torch {torch.__version__}: y = {y.flatten().tolist()}, and 9 is right everywhere")
raise SystemExit(int(bool((y != 9).any())))
