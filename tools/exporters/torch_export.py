"""A model of PyTorch's and its inputs, for docs/models.md."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
x = torch.rand(256, 8)
model(x)
