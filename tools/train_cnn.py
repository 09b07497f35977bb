#!/usr/bin/env python3
"""Train the convolutional digits model and write models/digits-cnn/cnn.onnx.

Two convolutions with ReLU and pooling, then two dense layers, on the images, the split and the calibration samples of
tools/train_digits.py. NumPy alone: forward and backward passes are written out below.

    python3 -m venv venv && venv/bin/pip install --require-hashes -r tools/requirements-train.txt
    venv/bin/python tools/train_cnn.py

The same packages on the same kind of processor give the same bytes; the weights are rounded to multiples of 2^-12 so that another
order of summation rarely shows.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits
from train_digits import OPSET, SEED, WEIGHT_STEP, split, write_json

CHANNELS = (8, 16)
HIDDEN = 32
EPOCHS = 80
BATCH = 32
RATE = 5e-3
L2 = 1e-3


def columns(x):
    """[n, c, h, w] padded by one -> [n, h, w, c, 3, 3]: what a 3x3 kernel sees at every pixel."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)


def conv(x, w, b):
    return np.tensordot(columns(x), w, axes=((3, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2) + b[:, None, None]


def conv_back(x, w, dz):
    """Gradients of a convolution: of x, w and b."""
    dw = np.tensordot(dz, columns(x), axes=((0, 2, 3), (0, 1, 2)))
    turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return conv(dz, turned, np.zeros(len(turned))), dw, dz.sum(axis=(0, 2, 3))


def tiles(x):
    """[n, c, h, w] -> [n, c, h/2, w/2, 4]: the pixels of every 2x2 square."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)


def untile(t):
    n, c, h, w, _ = t.shape
    return t.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


def forward(p, images):
    """The logits, and what the backward pass needs."""
    x0 = images.reshape(-1, 1, 8, 8)
    a1 = np.maximum(conv(x0, p["w1"], p["b1"]), 0)
    t1 = tiles(a1)
    x1 = t1.max(axis=-1)
    a2 = np.maximum(conv(x1, p["w2"], p["b2"]), 0)
    x2 = tiles(a2).mean(axis=-1)
    flat = x2.reshape(len(x2), -1)
    a3 = np.maximum(flat @ p["w3"].T + p["b3"], 0)
    return a3 @ p["w4"].T + p["b4"], (x0, a1, t1, x1, a2, flat, a3)


def gradients(p, images, labels):
    z, (x0, a1, t1, x1, a2, flat, a3) = forward(p, images)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(len(labels)), labels] -= 1
    dz /= len(labels)
    g = {"w4": dz.T @ a3, "b4": dz.sum(axis=0)}
    d3 = (dz @ p["w4"]) * (a3 > 0)
    g["w3"], g["b3"] = d3.T @ flat, d3.sum(axis=0)
    dx2 = (d3 @ p["w3"]).reshape(len(z), CHANNELS[1], 2, 2)
    d2 = untile(np.repeat(dx2[..., None] / 4, 4, axis=-1)) * (a2 > 0)
    dx1, g["w2"], g["b2"] = conv_back(x1, p["w2"], d2)
    chosen = t1.argmax(axis=-1)[..., None] == np.arange(4)
    d1 = untile(dx1[..., None] * chosen) * (a1 > 0)
    _, g["w1"], g["b1"] = conv_back(x0, p["w1"], d1)
    for name in ("w1", "w2", "w3", "w4"):
        g[name] += L2 * p[name]
    return g


def train(images, labels):
    """Adam, a fixed number of epochs with a falling rate; float64, then float32 on the grid of WEIGHT_STEP."""
    rng = np.random.default_rng(SEED)

    def he(*shape):
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)

    c1, c2 = CHANNELS
    p = {"w1": he(c1, 1, 3, 3), "w2": he(c2, c1, 3, 3), "w3": he(HIDDEN, 4 * c2), "w4": he(10, HIDDEN)}
    p |= {"b1": np.zeros(c1), "b2": np.zeros(c2), "b3": np.zeros(HIDDEN), "b4": np.zeros(10)}
    m, v, step = {k: 0 * x for k, x in p.items()}, {k: 0 * x for k, x in p.items()}, 0
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        rate = RATE * (1 - epoch / EPOCHS)
        for at in range(0, len(order), BATCH):
            rows, step = order[at : at + BATCH], step + 1
            g = gradients(p, images[rows].astype(np.float64), labels[rows])
            for k in p:
                m[k] = 0.9 * m[k] + 0.1 * g[k]
                v[k] = 0.999 * v[k] + 0.001 * g[k] ** 2
                p[k] -= rate * (m[k] / (1 - 0.9**step)) / (np.sqrt(v[k] / (1 - 0.999**step)) + 1e-8)
    return {k: (np.round(x / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32) for k, x in p.items()}


def to_onnx(p):
    three = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    two = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], name="conv1", **three),
        helper.make_node("Relu", ["c1"], ["a1"], name="relu1"),
        helper.make_node("MaxPool", ["a1"], ["p1"], name="pool1", **two),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], name="conv2", **three),
        helper.make_node("Relu", ["c2"], ["a2"], name="relu2"),
        helper.make_node("AveragePool", ["a2"], ["p2"], name="pool2", **two),
        helper.make_node("Flatten", ["p2"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["h3"], name="dense1", transB=1),
        helper.make_node("Relu", ["h3"], ["a3"], name="relu3"),
        helper.make_node("Gemm", ["a3", "w4", "b4"], ["logits"], name="dense2", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits-cnn",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        initializer=[numpy_helper.from_array(p[f"{kind}{i}"], f"{kind}{i}") for i in range(1, 5) for kind in "wb"],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="train_cnn.py")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "models" / "digits-cnn"
    parser.add_argument("--out", type=Path, default=default, help="directory to write to (default: models/digits-cnn)")
    parser.add_argument("--test-images", type=Path, help="also write the held-out images here, as one input file")
    parser.add_argument("--test-labels", type=Path, help="also write their classes here, as one list")
    args = parser.parse_args()

    images, labels, train_rows, test_rows = split()
    with threadpool_limits(limits=1):
        p = train(images[train_rows], labels[train_rows])
    args.out.mkdir(parents=True, exist_ok=True)
    model = to_onnx(p)
    (args.out / "cnn.onnx").write_bytes(model)
    z, _ = forward({k: x.astype(np.float64) for k, x in p.items()}, images)
    guesses = z.argmax(axis=1)
    for name, rows in (("train", train_rows), ("test", test_rows)):
        print(f"{name}: {len(rows)} images, accuracy {(guesses[rows] == labels[rows]).mean():.4f}")
    if args.test_images:
        write_json(args.test_images, images[test_rows])
    if args.test_labels:
        args.test_labels.write_text(json.dumps(labels[test_rows].tolist()) + "\n")
    print(f"parameters {sum(x.size for x in p.values())}, largest |logit| {np.abs(z).max():.2f}")
    print(f"cnn.onnx: {len(model)} bytes, sha256 {hashlib.sha256(model).hexdigest()}")


if __name__ == "__main__":
    main()
