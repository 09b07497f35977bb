"""scikit-learn's part of docs/models.md."""

import json

from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

x, y = load_diabetes(return_X_y=True)
x = x.astype("float32")
model = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(16,), max_iter=2000, random_state=0)).fit(x, y / 100)
with open("model.onnx", "wb") as file:
    file.write(to_onnx(model, x[:1]).SerializeToString())
with open("samples.json", "w") as file:
    json.dump({"input_data": [x[:64].ravel().tolist()]}, file)
with open("input.json", "w") as file:
    json.dump({"input_data": x[:1].tolist()}, file)
