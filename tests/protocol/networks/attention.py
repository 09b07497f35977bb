"""A transformer block: embedding, LayerNorm, stacked q, k, v, causal softmax, values, projection, residual, GELU; repeated layers are
an axis. T = 4 tokens, D = 4 channels, 2 heads of 2."""

import random
from itertools import product as every
from math import erf, exp, sqrt

import catalogue as cat
from build import Circuit, alpha, chi, dense, equate, matmul, plus, theta
from program import Access, Geometric, Indexed, Linear, Term, Var
from witness import split

NUM = 1 << 36  # numerator of the inverse root


def tables():
    e = lambda i: round(65535 * exp(-i / 16))
    gelu = [round(min(max((i - 128) / 16 * (1 + erf((i - 128) / 16 / sqrt(2))) * 8, -128), 127)) + 128 for i in range(256)]
    return [e(i) + ((e(i) - e(i + 1)) << 16) for i in range(256)], gelu


def block(layers=1, T=4, D=4, heads=2, hidden=4):
    rng = random.Random(7)
    dh, VOC, L = D // heads, 6, layers
    exps, gelu = tables()
    kinds = [cat.requantize(8, "lin"), cat.requantize(16, "mix"), cat.score(), cat.exponential(1, exps), cat.reciprocal(), cat.multiply(16, "prob", False),
             cat.variance(D), cat.inverse_root(NUM), cat.root_above(NUM), cat.multiply(16, "norm"), cat.function8(2, gelu)]
    c = Circuit("attention", kinds, N=1, nj=1, R=8)
    c.pr.tables = [exps, gelu]
    t = lambda name, kind, *dims: c.tensor(name, kind, L, *dims)
    x, q, k, v = t("x", "lin", D, T), t("q", "lin", heads, dh, T), t("k", "lin", heads, dh, T), t("v", "lin", heads, dh, T)
    pv, x1, x2 = t("pv", "mix", heads, dh, T), t("x1", "lin", D, T), t("x2", "lin", D, T)
    sc, ex, rc, pb = t("sc", "score", heads, T, T), t("ex", "exp", heads, T, T), t("rc", "recip", heads, T), t("pb", "prob", heads, T, T)
    va, rt, ra, n = t("va", "var", T), t("rt", "root", T), t("ra", "above", T), t("n", "norm", D, T)
    f = t("f", "act", hidden, T)
    tok = c.port("tokens", T, index=True, width=4, max=VOC - 1)
    pout = c.port("output", D * T, output=True, signed=True, min=-32768, max=32767)
    emb, pos = ([[rng.randrange(-400000, 400000) for _ in range(D)] for _ in range(m)] for m in (VOC, T))
    mat = lambda co, ci, bound: [[[rng.randrange(-bound, bound + 1) for _ in range(ci)] for _ in range(co)] for _ in range(L)]
    vec = lambda co: [[rng.randrange(-900, 900) for _ in range(co)] for _ in range(L)]
    Wqkv, bqkv, Wf, bf, Wp, bp = mat(3 * D, D, 3000), vec(3 * D), mat(hidden, D, 4), vec(hidden), mat(D, hidden, 90), vec(D)
    for val in c.values:
        val["tokens"] = [(2 * i + 1) % VOC for i in range(T)]

    # x[0] = embedding + position; x[ly + 1] = x2[ly]
    qe, qp = c.take(VOC), c.take(T)
    c.weights |= {(d, q0 + i): row[d] for q0, m in ((qe, emb), (qp, pos)) for i, row in enumerate(m) for d in range(D)}
    at_0 = [Access(x, "z", [Var(D, alpha(1), 1), Var(T, chi(1), 2)])]
    c.pr.linears.append(Linear("embedding", at_0, public=[Indexed(qe, tok, [Var(T, chi(1), 0)]), Geometric(qp, T, chi(1))]))
    layer = [(L, True)]
    rows = layer + [(T, True)]
    every_ = lambda axes: {j: j for j in range(axes)}
    if L > 1:
        over = [(L - 1, True), (D, True), (T, True)]
        equate(c, "next layer", over, [(1, x, "t", every_(3), {"offs": (1, 0, 0)}), (-1, x2, "t", every_(3))])
    # LayerNorm: S, Q, V, r, (D x - S) r
    equate(c, "sum", rows + [(D, False)], [(1, va, "S", {0: 0, 1: 1}), (-1, x, "t", {0: 0, 2: 1, 1: 2})])
    equate(c, "squares", rows + [(D, False)], [(1, va, "Q", {0: 0, 1: 1}), (-1, x, "t", {0: 0, 2: 1, 1: 2}, {"view2": "t"})])
    for name, row in (("root of", rt), ("bound of", ra)):
        equate(c, name, rows, [(1, row, "v", {0: 0, 1: 1}), (-1, va, "v", {0: 0, 1: 1})])
    equate(c, "same root", rows, [(1, rt, "next", {0: 0, 1: 1}), (-1, ra, "next", {0: 0, 1: 1})])
    cells = layer + [(D, True), (T, True)]
    equate(c, "centered", cells, [(1, n, "a", every_(3)), (-D, x, "t", every_(3)), (1, va, "S", {0: 0, 1: 2})])
    equate(c, "scaled", cells, [(1, n, "b", every_(3)), (-1, rt, "r", {0: 0, 1: 2})])
    dense(c, "qkv", n, "t", [(q, D), (k, D), (v, D)], Wqkv, bqkv, L, rows=8)
    # scores q k, per (layer, head): position (ly, h, j), exponent of alpha (ly, h, s)
    lh = lambda w: [Var(L, w(heads), 0), Var(heads, w(1), 1)]
    slot = lambda size: lambda e: plus(theta(e * size), alpha(e * T))
    p0 = c.pr.pend
    p1 = p0 + L * heads * dh
    c.pr.pend = p1 + L * heads * T
    left = [Access(q, "t", lh(slot(dh)) + [Var(dh, theta(1), 2), Var(T, alpha(1), 3)], mono=theta(p0))]
    right = [Access(k, "t", lh(lambda e: theta(e * dh)) + [Var(dh, theta(1), 2), Var(T, chi(1), 3)], mono=theta(p0))]
    z = [Access(sc, "z", lh(lambda e: alpha(e * T)) + [Var(T, alpha(1), 2), Var(T, chi(1), 3)])]
    matmul(c, "scores", z, left, right, (p0, p1))
    pair = layer + [(heads, True), (T, True), (T, True)]
    tri = {"tri": (2, 3)}
    low = lambda *axes: {j: j for j in axes}
    equate(c, "distance", pair, [(1, sc, "D", every_(4), tri), (1, sc, "t", every_(4), tri), (-1, rc, "M", low(0, 1, 2), tri)])
    reduce_ = pair[:3] + [(T, False)]
    equate(c, "one maximum", reduce_, [(1, sc, "sel", every_(4), tri), (-1, rc, "one", low(0, 1, 2))])
    equate(c, "exponent", pair, [(1, ex, "D", every_(4), tri), (-1, sc, "D", every_(4), tri)])
    equate(c, "denominator", reduce_, [(1, rc, "S", low(0, 1, 2)), (-1, ex, "e", every_(4), tri)])
    equate(c, "numerator", pair, [(1, pb, "a", every_(4), tri), (-1, ex, "e", every_(4), tri)])
    equate(c, "factor", pair, [(1, pb, "b", every_(4), tri), (-1, rc, "r", low(0, 1, 2), tri)])
    left = [Access(pb, "t", lh(lambda e: plus(theta(e * T), alpha(e * T))) + [Var(T, alpha(1), 2), Var(T, theta(1), 3)], mono=theta(p1), tri=(2, 3))]
    right = [Access(v, "t", lh(lambda e: theta(e * T)) + [Var(dh, chi(1), 2), Var(T, theta(1), 3)], mono=theta(p1))]
    z = [Access(pv, "z", lh(lambda e: alpha(e * T)) + [Var(dh, chi(1), 2), Var(T, alpha(1), 3)])]
    matmul(c, "values", z, left, right, (p1, c.pr.pend))
    split_x = [Var(L, theta(D * T), 0), Var(heads, theta(dh * T), 1, dh), Var(dh, theta(T), 1), Var(T, theta(1), 2)]
    split_pv = [Var(L, theta(D * T), 0), Var(heads, theta(dh * T), 1), Var(dh, theta(T), 2), Var(T, theta(1), 3)]
    c.relation("residual", [Access(x1, "t", split_x), Access(x, "t", split_x, -1), Access(pv, "t", split_pv, -1)])
    dense(c, "fc1", x1, "t", [(f, hidden)], Wf, bf, L, rows=8)
    dense(c, "fc2", f, "o", [(x2, D)], Wp, bp, L, rows=8)
    c.relation("output", [Access(x2, "t", [Var(D, theta(T), 1), Var(T, theta(1), 2)], offs=(L - 1, 0, 0))],
               [Term(pout, [Var(D * T, theta(1), 0)], -1)])
    c.finish()

    def fill(w):
        get = lambda t, view, *i: w.get(t, view, i, 0)
        lin = lambda t, i, z: w.set(t, i, 0, cat.requantize_row(z, 8))
        plain = lambda t, i, value, **more: w.set(t, i, 0, {**split(value + 32768, 1, 2), **more})
        for ly in range(L):
            for d, s in every(range(D), range(T)):
                if ly == 0:
                    lin(x, (0, d, s), emb[c.values[0]["tokens"][s]][d] + pos[s][d])
                else:
                    plain(x, (ly, d, s), get(x2, "t", ly - 1, d, s))
            for s in range(T):
                xs = [get(x, "t", ly, d, s) for d in range(D)]
                w.set(va, (ly, s), 0, cat.variance_row(sum(xs), sum(e * e for e in xs), D))
                below, above = cat.inverse_root_rows(get(va, "v", ly, s), NUM)
                w.set(rt, (ly, s), 0, below)
                w.set(ra, (ly, s), 0, above)
                for d in range(D):
                    w.set(n, (ly, d, s), 0, cat.multiply_row(D * xs[d] - get(va, "S", ly, s), get(rt, "r", ly, s), 16))
                ns = [get(n, "t", ly, d, s) for d in range(D)]
                for i, (W, b) in enumerate(zip(Wqkv[ly], bqkv[ly])):
                    lin((q, k, v)[i // D], (ly, i % D // dh, i % dh, s), b + sum(a * e for a, e in zip(W, ns)))
            for h, s in every(range(heads), range(T)):
                ts = []
                for u in range(T):
                    z = sum(get(q, "t", ly, h, j, s) * get(k, "t", ly, h, j, u) for j in range(dh))
                    ts.append(cat.rounded(z, 8)[0])
                M = max(ts[: s + 1])
                for u in range(T):
                    t_, rem = ts[u], cat.rounded(sum(get(q, "t", ly, h, j, s) * get(k, "t", ly, h, j, u) for j in range(dh)), 8)[1]
                    seen = u <= s
                    first = seen and u == ts.index(M)
                    w.set(sc, (ly, h, s, u), 0, {"L0": rem, **split(t_ + 32768, 1, 2), **split(M - t_ if seen else 0, 3, 4), "L5": int(first)})
                    w.set(ex, (ly, h, s, u), 0, cat.exponential_row(get(sc, "D", ly, h, s, u) if seen else 0, exps))
                w.set(rc, (ly, h, s), 0, cat.reciprocal_row(sum(get(ex, "e", ly, h, s, u) for u in range(s + 1)), M))
                for u in range(T):
                    e, r = (get(ex, "e", ly, h, s, u), get(rc, "r", ly, h, s)) if u <= s else (0, 0)
                    w.set(pb, (ly, h, s, u), 0, cat.multiply_row(e, r, 16, False))
                for j in range(dh):
                    w.set(pv, (ly, h, j, s), 0, cat.requantize_row(sum(get(pb, "t", ly, h, s, u) * get(v, "t", ly, h, j, u) for u in range(s + 1)), 16))
            for d, s in every(range(D), range(T)):
                plain(x1, (ly, d, s), get(x, "t", ly, d, s) + get(pv, "t", ly, d // dh, d % dh, s))
            for s in range(T):
                xs = [get(x1, "t", ly, d, s) for d in range(D)]
                for i in range(hidden):
                    w.set(f, (ly, i, s), 0, cat.function8_row(bf[ly][i] + sum(a * e for a, e in zip(Wf[ly][i], xs)), gelu))
                os = [get(f, "o", ly, i, s) for i in range(hidden)]
                for d in range(D):
                    lin(x2, (ly, d, s), bp[ly][d] + sum(a * e for a, e in zip(Wp[ly][d], os)))
        c.values[0]["output"] = [get(x2, "t", L - 1, d, s) for d, s in every(range(D), range(T))]

    c.fill = fill
    return c
