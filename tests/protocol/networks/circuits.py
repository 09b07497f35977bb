"""Small networks with honest witnesses. Each function builds a Circuit: program, weights, samples, and how to fill the rows."""

import random
from itertools import product as every

import catalogue as cat
from build import Circuit, alpha, chi, conv, dense, equate, matmul, port_relation, secret_constants, theta
from program import LANE, Access, Geometric, Indexed, Linear, Term, Var
from witness import split


def matrix(rng, rows, cols, bound=127):
    return [[rng.randrange(-bound, bound + 1) for _ in range(cols)] for _ in range(rows)]


def affine(W, bias, x):
    return [b + sum(w * v for w, v in zip(row, x)) for row, b in zip(W, bias)]


def mlp():
    """N = 3: dense in two chunks, ReLU; dense, clamp to [-3, 200]; dense, public 8-byte outputs. Two shifts."""
    rng = random.Random(1)
    lo, hi = -3, 200
    c = Circuit("mlp", [cat.inputs(), cat.relu(), cat.clamp(lo, hi, 16)], N=3, ell=12, nx=0, R=4)
    x, h, y = c.tensor("x", "in", 6), c.tensor("h", "relu", 5), c.tensor("y", "clamp", 4)
    pin = c.port("input", 6)
    pout = c.port("output", 3, output=True, signed=True, width=8, min=-(1 << 63), max=(1 << 63) - 1)
    W1, W2, W3 = matrix(rng, 5, 6), matrix(rng, 4, 5, 32767), matrix(rng, 3, 4)
    b1, b2, b3 = ([rng.randrange(-9000, 9000) for _ in range(n)] for n in (5, 4, 3))
    b2[0], b2[1] = 1 << 30, -(1 << 30)  # saturate above and below
    for v in c.values:
        v["input"] = [rng.randrange(256) for _ in range(6)]
    port_relation(c, "input", pin, x, "y")
    dense(c, "fc1", x, "y", [(h, 5)], [W1], [b1], rows=4, tokens=False)
    dense(c, "fc2", h, "y", [(y, 4)], [W2], [b2], rows=4, tokens=False)
    dense(c, "fc3", y, "y", [], [W3], [b3], rows=4, tokens=False, terms=[Term(pout, [Var(3, alpha(1), 0)])])
    c.finish()

    def fill(w):
        for k in range(c.N):
            for i, v in enumerate(c.values[k]["input"]):
                w.set(x, (i,), k, split(v, 0, 1))
            for i, z in enumerate(affine(W1, b1, [w.get(x, "y", (i,), k) for i in range(6)])):
                w.set(h, (i,), k, cat.relu_row(z))
            for i, z in enumerate(affine(W2, b2, [w.get(h, "y", (i,), k) for i in range(5)])):
                w.set(y, (i,), k, cat.clamp_row(z, lo, hi, 16))
            c.values[k]["output"] = affine(W3, b3, [w.get(y, "y", (i,), k) for i in range(4)])

    c.fill = fill
    return c


def convolutions():
    """N = 2: conv, 2x2 max pool, depthwise, strided conv in groups and chunks, average pool, dense in two chunks."""
    rng = random.Random(2)
    c = Circuit("conv", [cat.inputs(), cat.relu(), cat.maximum4(), cat.divide(4)], N=2, R=4)
    x, c1, p1 = c.tensor("x", "in", 1, 6, 6), c.tensor("c1", "relu", 4, 6, 6), c.tensor("p1", "max", 4, 3, 3)
    dw, c2, av = c.tensor("dw", "relu", 4, 3, 3), c.tensor("c2", "relu", 6, 2, 2), c.tensor("av", "div", 6)
    kernel = lambda co, ci, k: [[matrix(rng, k, k) for _ in range(ci)] for _ in range(co)]
    layers = [("conv1", x, c1, kernel(4, 1, 3), 3, 1, 1, 1), ("depthwise", p1, dw, kernel(4, 1, 3), 3, 1, 1, 4), ("grouped", dw, c2, kernel(6, 2, 3), 3, 2, 1, 2)]
    biases = [[rng.randrange(-5000, 5000) for _ in range(n)] for n in (4, 4, 6)]
    pin, pout = c.port("input", 36), c.port("output", 5, output=True, signed=True, width=4, min=-(1 << 31), max=(1 << 31) - 1)
    for v in c.values:
        v["input"] = [rng.randrange(256) for _ in range(36)]
    Wf, bf = matrix(rng, 5, 6), [rng.randrange(-500, 500) for _ in range(5)]
    port_relation(c, "input", pin, x, "y")
    for (name, src, dst, kern, k, stride, pad, groups), bias in zip(layers, biases):
        conv(c, name, src, dst, kern, bias, k, stride, pad, groups, rows=2 if name == "grouped" else None)
    for i, (a, b) in enumerate(every(range(2), range(2))):
        whole = {0: 0, 1: 1, 2: 2}
        equate(c, f"window{i}", [(4, True), (3, True), (3, True)],
               [(1, p1, f"d{i}", whole), (-1, p1, "y", whole), (1, c1, "y", {0: 0, 1: (1, 2), 2: (2, 2)}, {"offs": (0, a, b)})])
    equate(c, "average", [(6, True), (2, False), (2, False)], [(1, av, "z", {0: 0}), (-1, c2, "y", {0: 0, 1: 1, 2: 2})])
    dense(c, "fc", av, "y", [], [Wf], [bf], rows=4, tokens=False, terms=[Term(pout, [Var(5, alpha(1), 0)])])
    c.finish()

    def convolve(w, kk, src, dst, kern, bias, k, stride, pad, groups):
        ci, co = src.dims[0] // groups, dst.dims[0] // groups
        for o, i, j in every(*map(range, dst.dims)):
            z = bias[o]
            for ch, u, v in every(range(ci), range(k), range(k)):
                a, b = stride * i + u - pad, stride * j + v - pad
                if 0 <= a < src.dims[1] and 0 <= b < src.dims[2]:
                    z += kern[o][ch][u][v] * w.get(src, "y", (o // co * ci + ch, a, b), kk)
            w.set(dst, (o, i, j), kk, cat.relu_row(z))

    def fill(w):
        for k in range(c.N):
            for n, v in enumerate(c.values[k]["input"]):
                w.set(x, (0, n // 6, n % 6), k, split(v, 0, 1))
            convolve(w, k, x, c1, layers[0][3], biases[0], 3, 1, 1, 1)
            for o, i, j in every(*map(range, p1.dims)):
                w.set(p1, (o, i, j), k, cat.maximum4_row([w.get(c1, "y", (o, 2 * i + a, 2 * j + b), k) for a, b in every(range(2), range(2))]))
            for layer, bias in list(zip(layers, biases))[1:]:
                convolve(w, k, *layer[1:4], bias, *layer[4:])
            for o in range(6):
                w.set(av, (o,), k, cat.divide_row(sum(w.get(c2, "y", (o, a, b), k) for a, b in every(range(2), range(2))), 4))
            c.values[k]["output"] = affine(Wf, bf, [w.get(av, "y", (o,), k) for o in range(6)])

    c.fill = fill
    return c


def tree():
    """N = 2, everything by copies: comparisons with secret thresholds, choices between secret leaves, a selection."""
    rng = random.Random(3)
    kinds = [cat.inputs(), cat.constant(), cat.compare(), cat.choose()]
    c = Circuit("tree", kinds, N=2, ell=5, nx=3, nr=3, R=2)
    x, k7, ge, s = c.tensor("x", "in", 4), c.tensor("c", "const", 7), c.tensor("ge", "ge", 3), c.tensor("s", "where", 3)
    secret = [100, 30, 200, 7, 8, 9, 10]  # thresholds of the three nodes, then four leaves
    pin, pout = c.port("input", 4), c.port("output", 1, output=True)
    for v in c.values:
        v["input"] = [rng.randrange(256) for _ in range(4)]
    port_relation(c, "input", pin, x, "y")
    secret_constants(c, "constants", k7, "y", secret, rows=2)
    equate(c, "output", [(1, True)], [(1, s, "y", {0: 0}, {"offs": (2,)})], [(-1, pout)])
    c.finish()
    for i in range(3):
        c.pr.copies |= {(1, ge.at(i)): x.at(i), (2, ge.at(i)): k7.at(i)}
    for i, (cond, yes, no) in enumerate((((ge, 1), (k7, 3), (k7, 4)), ((ge, 2), (k7, 5), (k7, 6)), ((ge, 0), (s, 0), (s, 1)))):
        c.pr.copies |= {(j, s.at(i)): t.at(n) for j, (t, n) in enumerate((cond, yes, no), 1)}

    def fill(w):
        for k in range(c.N):
            for i, v in enumerate(c.values[k]["input"]):
                w.set(x, (i,), k, split(v, 0, 1))
            for i, v in enumerate(secret):
                w.set(k7, (i,), k, split(v, 0, 1))
            read = lambda j, t, i: next(w.get(q, q.kind.val, (p - q.base,), k)
                                        for p in [c.pr.copies[j, t.at(i)]] for q in c.T.values() if q.base <= p < q.base + q.size)
            for i in range(3):
                w.set(ge, (i,), k, cat.compare_row(read(1, ge, i), read(2, ge, i)))
            for i in range(3):
                a, yes, no = (read(j, s, i) for j in (1, 2, 3))
                w.set(s, (i,), k, {"X1": a, "X2": yes, "X3": no, **split(yes if a else no, 0, 1)})
            c.values[k]["output"] = [w.get(s, "y", (2,), k)]

    c.fill = fill
    return c


def gather(indices=(3, 1, 1, 0, 2)):
    """N = 2: elements of an input in any order."""
    rng = random.Random(8)
    c = Circuit("gather", [cat.inputs(), cat.copied()], N=2, ell=4, nx=1, nr=1)
    x, g = c.tensor("x", "in", 4), c.tensor("g", "copy", len(indices))
    pin, pout = c.port("input", 4), c.port("output", len(indices), output=True, signed=True, min=-32768, max=32767)
    for v in c.values:
        v["input"] = [rng.randrange(256) for _ in range(4)]
    port_relation(c, "input", pin, x, "y")
    port_relation(c, "output", pout, g, "t")
    c.finish()
    c.pr.copies |= {(1, g.at(i)): x.at(n) for i, n in enumerate(indices)}

    def fill(w):
        for k in range(c.N):
            for i, v in enumerate(c.values[k]["input"]):
                w.set(x, (i,), k, split(v, 0, 1))
            for i, n in enumerate(indices):
                w.set(g, (i,), k, cat.copied_row(c.values[k]["input"][n]))
            c.values[k]["output"] = [c.values[k]["input"][n] for n in indices]

    c.fill = fill
    return c


def bilinear():
    """N = 2: the product of two inputs A (3 x 4) B (4 x 2), requantized; the sum of squares of its rows is public."""
    rng = random.Random(4)
    c = Circuit("product", [cat.inputs(), cat.requantize(8, "z")], N=2, ell=4, nx=0)
    a, b, z = c.tensor("a", "in", 3, 4), c.tensor("b", "in", 4, 2), c.tensor("z", "z", 3, 2)
    pa, pb = c.port("a", 12, signed=True, min=-999, max=999), c.port("b", 8, signed=True, min=-999, max=999)
    squares = c.port("squares", 3, output=True, width=8, max=1 << 40)
    for v in c.values:
        v["a"], v["b"] = ([rng.randrange(-999, 1000) for _ in range(n)] for n in (12, 8))
    port_relation(c, "a", pa, a, "t")
    port_relation(c, "b", pb, b, "t")
    out = [Access(z, "z", [Var(3, alpha(1), 0), Var(2, chi(1), 1)])]
    p = 2
    left = [Access(a, "t", [Var(4, theta(1), 1), Var(3, alpha(1), 0)], mono=theta(p))]
    right = [Access(b, "t", [Var(4, theta(1), 0), Var(2, chi(1), 1)], mono=theta(p))]
    c.pr.pend = p + 4
    matmul(c, "product", out, left, right, (p, p + 4))
    equate(c, "squares", [(3, True), (2, False)], [(1, z, "t", {0: 0, 1: 1}, {"view2": "t"})], [(-1, squares)])
    c.finish()

    def fill(w):
        for k in range(c.N):
            va, vb = c.values[k]["a"], c.values[k]["b"]
            for t, v in ((a, va), (b, vb)):
                for n, e in enumerate(v):
                    w.set(t, divmod(n, t.dims[1]), k, split(e + (1 << 15), 0, 1))
            for i, j in every(range(3), range(2)):
                w.set(z, (i, j), k, cat.requantize_row(sum(va[4 * i + m] * vb[2 * m + j] for m in range(4)), 8))
            c.values[k]["squares"] = [sum(w.get(z, "t", (i, j), k) ** 2 for j in range(2)) for i in range(3)]

    c.fill = fill
    return c


def tokens(tie=False):
    """N = 2: embedding of public tokens, a dense layer over tokens, and the public argmax of its first token's logits."""
    rng = random.Random(5)
    VOC, D, T, OUT = 5, 3, 2, 6
    c = Circuit("tokens", [cat.requantize(8, "emb"), cat.candidate(), cat.operand()], N=2, nx=1, R=4)
    x, z, top = c.tensor("x", "emb", D, T), c.tensor("z", "cand", OUT), c.tensor("top", "top", 1)
    tok = c.port("tokens", T, index=True, width=4, max=VOC - 1)
    best = c.port("best", 1, output=True, index=True, width=4, max=OUT - 1)
    table, place = matrix(rng, VOC, D, 9000), matrix(rng, T, D, 9000)
    W, bias = matrix(rng, OUT, D), [rng.randrange(-500, 500) for _ in range(OUT)]
    if tie:  # rows 1 and 4 are equal and the greatest: the lowest index wins
        W[4], bias[1], bias[4] = W[1], 1 << 30, 1 << 30
    for k, v in enumerate(c.values):
        v["tokens"] = [(3 * k + 1) % VOC, 4 - k]
    qe, qp = c.take(VOC), c.take(T)
    c.weights |= {(d, qe + v): table[v][d] for v in range(VOC) for d in range(D)} | {(d, qp + t): place[t][d] for t in range(T) for d in range(D)}
    hats = [Indexed(qe, tok, [Var(T, chi(1), 0)]), Geometric(qp, T, chi(1))]
    c.pr.linears.append(Linear("embedding", [Access(x, "z", [Var(D, alpha(1), 0), Var(T, chi(1), 1)])], public=hats))
    q0, b0 = c.take(2 * D), c.take(2)
    for i in range(OUT):
        c.weights[i % 4, b0 + i // 4] = bias[i]
        c.weights |= {(i % 4, q0 + i // 4 * D + d): W[i][d] for d in range(D)}
    hat = Access(x, "t", [Var(2, (4, 0, D)), Var(D, theta(1), 0)], mono=theta(q0))  # token 0 alone: offset 0, no variable
    c.pr.linears.append(Linear("logits", [Access(z, "z", [Var(OUT, alpha(1), 0)])], [hat], (q0, q0 + 2 * D), [Geometric(b0, 2, alpha(4))]))
    over = [Var(OUT, theta(1), 0)]
    c.relation("distance", [Access(z, "D", over), Access(z, "z", over), Access(top, "M", [Var(OUT, theta(1))], -1)],
               [Term(best, mode="sum", base=theta(1))])
    c.relation("selection", [Access(z, "sel", over)], [Term(best, mode="power", base=theta(1), coef=-1)])
    c.finish()

    def fill(w):
        for k in range(c.N):
            for d, t in every(range(D), range(T)):
                w.set(x, (d, t), k, cat.requantize_row(table[c.values[k]["tokens"][t]][d] + place[t][d], 8))
            logits = affine(W, bias, [w.get(x, "t", (d, 0), k) for d in range(D)])
            o = c.values[k]["best"][0] if c.forced else max(range(OUT), key=lambda i: (logits[i], -i))
            c.values[k]["best"] = [o]
            M = logits[o]
            w.set(top, (0,), k, {"X1": M})
            M = w.get(top, "M", (0,), k)
            for i, v in enumerate(logits):
                row = {**split(v + (1 << 39), 0, 4), "L9": int(i == o)}
                cat.put(row, 5, 8, M - v - (i < o))
                w.set(z, (i,), k, row)

    c.forced, c.fill = False, fill
    return c


def lanes():
    """N = 2, two elements a row (lane = low digit of the channel), two lookups a row, committed input and output."""
    rng = random.Random(6)
    table = [(i * i + 3) % 256 for i in range(256)]
    pick = lambda first: (cat.limbs(first, first), cat.limbs(first + 1, first + 1), cat.limbs(first + 2, first + 2))
    (u0, p0, o0), (u1, p1, o1) = pick(0), pick(3)
    half = 128 * cat.ONE
    views = {"o": o0, "o1": o1, "z": 256 * (p0 - half) + u0 - half, "z1": 256 * (p1 - half) + u1 - half}
    two = cat.gadget("two", views, lookups=[(1, p0, o0), (1, p1, o1)], default={"L2": table[0], "L5": table[0]})
    c = Circuit("lanes", [cat.inputs(), two], N=2, ell=6, nx=0, nj=2, R=4)
    c.pr.tables = [table]
    x, h = c.tensor("x", "in", 3), c.tensor("h", "two", 2)
    c.pr.kinds[0].views = {"y": cat.limbs(0, 1), "y1": cat.limbs(2, 3)}
    pin = c.port("input", 6, committed=True)
    pout = c.port("output", 5, output=True, committed=True, signed=True, width=8, min=-(1 << 63), max=(1 << 63) - 1)
    W1, W2 = matrix(rng, 4, 6, 20), matrix(rng, 5, 4)
    b1, b2 = [rng.randrange(-200, 200) for _ in range(4)], [rng.randrange(-200, 200) for _ in range(5)]
    for v in c.values:
        v["input"] = [rng.randrange(256) for _ in range(6)]
    over = [Var(3, theta(2), 0), Var(2, theta(1), LANE)]
    c.relation("input", [Access(x, "y", over)], [Term(pin, [Var(6, theta(1), 0)], -1)])
    dense(c, "fc1", x, "y", [(h, 4)], [W1], [b1], tokens=False, lane=2)
    dense(c, "fc2", h, "o", [], [W2], [b2], rows=4, tokens=False, lane=2, terms=[Term(pout, [Var(5, alpha(1), 0)])])
    c.finish()

    def fill(w):
        for k in range(c.N):
            v = c.values[k]["input"]
            for i in range(3):
                w.set(x, (i,), k, {**split(v[2 * i], 0, 1), **split(v[2 * i + 1], 2, 3)})
            flat = lambda t, names: [w.get(t, n, (i,), k) for i in range(t.dims[0]) for n in names]
            zs = affine(W1, b1, flat(x, ("y", "y1")))
            for i in range(2):
                row = {}
                for lane in range(2):
                    t, u = cat.rounded(zs[2 * i + lane], 8)
                    row |= {f"L{3 * lane}": u, f"L{3 * lane + 1}": t + 128, f"L{3 * lane + 2}": table[t + 128]}
                w.set(h, (i,), k, row)
            c.values[k]["output"] = affine(W2, b2, flat(h, ("o", "o1")))

    c.fill = fill
    return c
