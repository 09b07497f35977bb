"""PyTorch's part of docs/models.md."""

import json

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
x = torch.rand(256, 8)
model(x)
model.eval()
torch.onnx.export(model, (x[:1],), "model.onnx", dynamo=True)
with open("samples.json", "w") as file:
    json.dump({"input_data": [x[:64].ravel().tolist()]}, file)
with open("input.json", "w") as file:
    json.dump({"input_data": x[:1].tolist()}, file)
