"""Keras's part of docs/models.md."""

import json

import keras
import numpy as np

x = np.random.default_rng(0).random((256, 8), dtype="float32")
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
model.compile("adam", "mse")
model.fit(x, x[:, :3], epochs=2, verbose=0)
model.export("model.onnx", format="onnx", verbose=False)
with open("samples.json", "w") as file:
    json.dump({"input_data": [x[:64].ravel().tolist()]}, file)
with open("input.json", "w") as file:
    json.dump({"input_data": x[:1].tolist()}, file)
