#!/usr/bin/env python3
"""Train the digits model and write everything under models/digits that is made from data.

A perceptron 64-32-10 with ReLU, trained on scikit-learn's copy of the UCI handwritten digits. What it writes is committed, so
nobody needs this script except to check where the model comes from or to change it:

    python3 -m venv venv && venv/bin/pip install --require-hashes -r tools/requirements-train.txt
    venv/bin/python tools/train_digits.py

The same packages on the same kind of processor give the same bytes. Another processor may sum in another order; the weights are
rounded to multiples of 2^-12 so that this rarely shows.
"""

import argparse
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

SEED = 20260
HIDDEN = 32
TEST_SHARE = 0.25
L2 = 0.1  # 4-fold cross-validation on the training images: 0.3 is worse, 0.03 and 0.01 are no better
EPOCHS = 400
WEIGHT_STEP = 2.0**-12
CALIBRATION_SAMPLES = 64
OPSET = 13


def split():
    """Return (images, labels, train indices, test indices); an index is the image's row in load_digits()."""
    digits = load_digits()
    images = (digits.data / 16.0).astype(np.float32)
    rows = np.arange(len(images))
    train, test = train_test_split(rows, test_size=TEST_SHARE, random_state=SEED, stratify=digits.target)
    return images, digits.target, np.sort(train), np.sort(test)


def train(images, labels):
    """Return the layers' weights [in, out] and biases as float32 on the grid of WEIGHT_STEP."""
    net = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,),
        activation="relu",
        solver="adam",
        alpha=L2,
        batch_size=64,
        learning_rate_init=2e-3,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        random_state=SEED,
    )
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the fixed number of epochs is meant
        net.fit(images.astype(np.float64), labels)

    def on_grid(a):
        return (np.round(a / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32)

    return [on_grid(w) for w in net.coefs_], [on_grid(b) for b in net.intercepts_]


def logits(weights, biases, images):
    hidden = np.maximum(images @ weights[0] + biases[0], 0.0)
    return hidden @ weights[1] + biases[1]


def to_onnx(weights, biases):
    nodes = [
        helper.make_node("Gemm", ["image", "w1", "b1"], ["h1"], name="layer1"),
        helper.make_node("Relu", ["h1"], ["a1"], name="relu1"),
        helper.make_node("Gemm", ["a1", "w2", "b2"], ["logits"], name="layer2"),
    ]
    tensors = [
        numpy_helper.from_array(tensor, name)
        for name, tensor in (("w1", weights[0]), ("b1", biases[0]), ("w2", weights[1]), ("b2", biases[1]))
    ]
    graph = helper.make_graph(
        nodes,
        "digits-64-32-10",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        initializer=tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="train_digits.py")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def write_json(path, samples):
    """EZKL's input form: one flat list for the model's one input tensor, sample after sample."""
    text = json.dumps({"input_data": [[float(v) for v in samples.reshape(-1)]]})
    path.write_text(text + "\n", encoding="ascii")


def pick_examples(labels, test, scores):
    """One clear image for each digit, the least sure correct one, and one the network gets wrong."""
    ranked = np.sort(scores, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    right = scores.argmax(axis=1) == labels[test]
    chosen = []
    for digit in range(10):
        mine = np.flatnonzero(right & (labels[test] == digit))
        # The median margin: neither the prettiest image nor a hard one.
        chosen.append(mine[np.argsort(margin[mine], kind="stable")[len(mine) // 2]])
    correct = np.flatnonzero(right)
    chosen.append(correct[np.argmin(margin[correct])])
    wrong = np.flatnonzero(~right)
    if len(wrong):
        chosen.append(wrong[np.argmax(margin[wrong])])
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "models" / "digits"
    parser.add_argument("--out", type=Path, default=default, help="directory to write to (default: models/digits)")
    out = parser.parse_args().out

    images, labels, train_rows, test_rows = split()
    weights, biases = train(images[train_rows], labels[train_rows])
    everything = logits(weights, biases, images)
    guesses = everything.argmax(axis=1)

    (out / "inputs").mkdir(parents=True, exist_ok=True)
    model = to_onnx(weights, biases)
    (out / "digits.onnx").write_bytes(model)
    for old in (out / "inputs").glob("test-*.json"):
        old.unlink()
    scores = everything[test_rows]
    for i in pick_examples(labels, test_rows, scores):
        row = int(test_rows[i])
        write_json(out / "inputs" / f"test-{row:04}-is-{labels[row]}.json", images[row])
        best = np.sort(scores[i])[::-1]
        print(f"input {row:04}: is {labels[row]}, float model says {guesses[row]}, margin {best[0] - best[1]:.2f}")
    rng = np.random.default_rng(SEED)
    calibration = np.sort(rng.choice(train_rows, CALIBRATION_SAMPLES, replace=False))
    write_json(out / "calibration.json", images[calibration])

    def accuracy(rows):
        return float((guesses[rows] == labels[rows]).mean())

    print(f"train: {len(train_rows)} images, accuracy {accuracy(train_rows):.4f}")
    print(f"test:  {len(test_rows)} images, accuracy {accuracy(test_rows):.4f}")
    print(f"largest |logit| {np.abs(everything).max():.2f}, largest |weight| {max(np.abs(w).max() for w in weights):.3f}")
    print(f"digits.onnx: {len(model)} bytes, sha256 {hashlib.sha256(model).hexdigest()}")


if __name__ == "__main__":
    main()
