"""Attacks on softmax, LayerNorm, functions, products of hats, layers (N14)."""

from itertools import product as every
from math import isqrt

from attack import Attacks, both, one
from attention import NUM, block, tables
from catalogue import bump, multiply_row, put, reciprocal_row, value, variance_row
from field import R, inv
from model import Run


class Softmax(Attacks):
    @classmethod
    def setUpClass(cls):
        cls.run_ = Run(block())
        seen = lambda i: i[3] <= i[2]
        row = lambda t, i: cls.run_.witness.row(cls.run_.c.T[t], i)
        cls.low = next(i for i in every(range(1), range(2), range(4), range(4)) if seen(i) and 5 < value(row("sc", i), 3, 4) < 60000)

    def test_scores(self):
        s = (0, 0, 2)
        larger = {("sc", s + (t,), 0): bump(3, 4, 1) for t in range(3)}
        M = {("rc", s, 0): lambda r: r.update(X2=r["X2"] + 1)}
        follow = {**larger, **M}
        self.attack("maximum + 1", block, ["score.sel"], follow)
        none = {k: both(f, lambda r: r.update(L5=0)) if k[0] == "sc" else f for k, f in follow.items()}
        self.attack("maximum + 1, none selected", block, ["one maximum"], none)
        self.attack("two selected", block, ["one maximum", "score.sel"], one("sc", self.low, lambda r: r.update(L5=1)))
        self.attack("selected 2", block, ["one maximum"], {("sc", s + (t,), 0): (lambda r: r.update(L5=2 * r["L5"])) for t in range(3)})
        self.attack("another distance", block, ["distance"], one("sc", self.low, bump(3, 4, 1)))
        self.attack("score is not q k", block, ["scores"], one("sc", self.low, both(bump(1, 2, 1), bump(3, 4, -1))))
        self.attack("scores of the future are free", block, [], one("sc", (0, 0, 0, 3), bump(3, 4, 7000)))

    def test_the_maximum_is_over_the_past(self):
        """M of a later token: attained by nothing that is seen."""
        run = self.run_
        sc = run.c.T["sc"]
        for h, s in every(range(2), range(3)):
            ts = [run.witness.get(sc, "t", (0, h, s, u), 0) for u in range(4)]
            d = max(ts) - max(ts[: s + 1])
            if d > 0:
                break
        else:
            self.fail("every maximum is in the past")
        t = {("sc", (0, h, s, u), 0): bump(3, 4, d) for u in range(s + 1)} | {("rc", (0, h, s), 0): lambda r: r.update(X2=r["X2"] + d)}
        # then the sum of exponentials is below 65535 and its reciprocal does not fit, either
        self.attack("maximum of all", block, ["lookup sum", "score.sel"], t)

    def test_exponential(self):
        ex = self.low
        self.attack("another interpolation", block, ["exp.interpolate"], one("ex", ex, bump(7, 8, 1)))
        other = both(bump(3, 4, 1), bump(7, 8, 1))
        self.attack("not the table's entry", block, ["lookup sum"], one("ex", ex, other))
        self.attack("J forged", block, ["J0"], one("ex", ex, other), lambda r: r.add("J0", r.c.T["ex"], ex, -r.lookup_sum()))

        def argument(row):
            lo = row["L1"] = row["L1"] ^ 1
            v = 256 * value(row, 3, 4) + 128 - value(row, 5, 6) * lo
            row["L0"] = v & 255
            put(row, 7, 8, v >> 8)

        self.attack("another argument", block, ["exponent"], one("ex", ex, argument))

        def unpacked(row):  # A + 2^16 B is the table's, A is not two bytes
            put(row, 5, 6, value(row, 5, 6) - 1)
            row["L3"] += 1 << 16
            v = 256 * value(row, 3, 4) + 128 - value(row, 5, 6) * row["L1"]
            row["L0"] = v & 255
            row["L7"], row["L8"] = v >> 8, 0

        self.attack("packed output with a part out of range", block, ["lookup sum"], one("ex", ex, unpacked))

        def gelu_row(row):  # the entry of the other table, under this kind's id
            exps, gelu = tables()
            put(row, 3, 4, gelu[row["L2"]]), put(row, 5, 6, 0)
            v = 256 * gelu[row["L2"]] + 128
            row["L0"] = v & 255
            put(row, 7, 8, v >> 8)

        self.attack("a value of another table", block, ["lookup sum"], one("ex", ex, gelu_row))

    def test_normalization(self):
        rc = (0, 0, 2)
        self.attack("another denominator", block, ["denominator"], one("rc", rc, lambda r: r.update(reciprocal_row(r["X1"] + 1, r["X2"]))))
        less = lambda r: (bump(0, 1, -1)(r), bump(2, 5, r["X1"])(r))
        self.attack("reciprocal - 1: remainder not below S", block, ["recip.slack"], one("rc", rc, less))
        self.attack("reciprocal - 1: slack no bytes", block, ["lookup sum"], one("rc", rc, lambda r: (less(r), bump(6, 9, -r["X1"])(r))))
        self.attack("a false division", block, ["recip.div"], one("rc", rc, bump(0, 1, -1)))

        def factor(d, x):
            def f(row):
                row[x] += d
                row.update(multiply_row(row["X1"], row["X2"], 16, False))
            return f

        self.attack("another numerator", block, ["numerator"], one("pb", self.low, factor(1, "X1")))
        self.attack("another factor", block, ["factor"], one("pb", self.low, factor(-1, "X2")))
        self.attack("another product", block, ["prob.product"], one("pb", self.low, bump(2, 3, 1)))
        self.attack("values", block, ["values"], one("pv", (0, 1, 1, 3), bump(2, 3, 1)))

    def test_hats_of_products(self):
        h, s, u = self.low[1:]
        z = one("sc", self.low, both(bump(1, 2, 1), bump(3, 4, -1)))
        p = 2 + h * 2
        shift = lambda r: 256 * pow(r.ch["alpha"], h * 4 + s, R) * pow(r.ch["chi"], u, R) % R
        self.attack("YL adapted", block, ["link YL"], z, lambda r: r.add("YL", None, p, shift(r) * inv(r.col["YR"][p])))
        self.attack("YR adapted", block, ["link YR"], z, lambda r: r.add("YR", None, p, shift(r) * inv(r.col["YL"][p])))


class Norms(Attacks):
    def test_variance(self):
        def f(x, d):
            def g(row):
                row[x] += d
                row.update(variance_row(row["X1"], row["X2"], 4))
            return g

        self.attack("another sum", block, ["sum"], one("va", (0, 2), f("X1", 1)))
        self.attack("another sum of squares", block, ["squares"], one("va", (0, 2), f("X2", 1)))
        self.attack("another variance", block, ["var.variance"], one("va", (0, 2), bump(1, 3, 1)))

    def test_inverse_root(self):
        def root(d):
            def below(row):
                q = value(row, 0, 2) + d
                put(row, 0, 2, q)
                row["X2"] = q * q
                if q * q * row["X1"] <= NUM:
                    put(row, 3, 7, NUM - q * q * row["X1"])

            def above(row):
                q = isqrt(row["X2"]) + d
                row["X2"] = q * q
                if q * q * row["X1"] > NUM:
                    put(row, 0, 4, q * q * row["X1"] - NUM - 1)
            return {("rt", (0, 1), 0): below, ("ra", (0, 1), 0): above}

        self.attack("too small", block, ["above.above"], root(-1))
        self.attack("too large", block, ["root.below"], root(1))
        self.attack("the two bounds are about different roots", block, ["same root"],
                    one("ra", (0, 1), lambda r: (r.update(X2=r["X2"] + 1), bump(0, 4, r["X1"])(r))))
        square = lambda at, sign: lambda r: (r.update(X2=r["X2"] - 1), bump(at, at + 4, sign * r["X1"])(r))
        self.attack("a false square", block, ["root.square"], {("rt", (0, 1), 0): square(3, 1), ("ra", (0, 1), 0): square(0, -1)})
        other = lambda at, sign: lambda r: (bump(at, at + 4, sign * r["X2"])(r), r.update(X1=r["X1"] + 1))
        self.attack("root of another variance", block, ["bound of", "root of"], {("rt", (0, 1), 0): other(3, -1), ("ra", (0, 1), 0): other(0, 1)})

    def test_products(self):
        def f(x, d):
            def g(row):
                row[x] += d
                row.update(multiply_row(row["X1"], row["X2"], 16))
            return g

        self.attack("not centered", block, ["centered"], one("n", (0, 3, 2), f("X1", 9)))
        self.attack("not scaled", block, ["scaled"], one("n", (0, 3, 2), f("X2", 9)))
        self.attack("qkv", block, ["qkv"], one("k", (0, 1, 1, 2), lambda r: r.update(L0=r["L0"] ^ 1)))


class Functions(Attacks):
    def test_activation(self):
        gelu = tables()[1]
        mid = self.find(Run(block()), "f", lambda r: 5 < r["L1"] < 250)
        move = lambda d: lambda r: r.update(L1=r["L1"] + d, L2=gelu[r["L1"] + d])
        self.attack("saturates early above", block, ["act.high"], one("f", mid, lambda r: (move(-1)(r), bump(6, 8, 1)(r))))
        self.attack("saturates early below", block, ["act.low"], one("f", mid, lambda r: (move(1)(r), bump(3, 5, 1)(r))))
        self.attack("not the table's value", block, ["lookup sum"], one("f", mid, lambda r: r.update(L2=r["L2"] ^ 1)))
        self.attack("another pre-activation", block, ["fc1"], one("f", mid, move(1)))


class Layers(Attacks):
    def test_layers_are_chained(self):
        two = lambda: block(2)
        self.attack("layer 1 reads other than what layer 0 wrote", two, ["next layer"], one("x", (1, 3, 2), bump(1, 2, 1)))
        self.attack("residual", two, ["residual"], one("x1", (1, 3, 2), bump(1, 2, 1)))
        for t, op, i in (("q", "qkv", (1, 1, 1, 2)), ("x2", "fc2", (1, 3, 2)), ("pv", "values", (1, 1, 1, 2))):
            self.attack(op + " of layer 1", two, [op], one(t, i, lambda r: r.update(L0=r["L0"] ^ 1)))
        self.attack("output", two, ["output"], after=lambda r: r.c.values[0].update(output=[v + 1 for v in r.c.values[0]["output"]]))
