"""A model of Keras's and its inputs, for docs/models.md."""

import keras
import numpy as np

x = np.random.default_rng(0).random((256, 8), dtype="float32")
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
model.compile("adam", "mse")
model.fit(x, x[:, :3], epochs=2, verbose=0)
