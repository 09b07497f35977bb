"""Row kinds of N10 and their honest rows. Column names are those of ell = 10 unless a function takes them."""

from math import isqrt

from program import Form, Kind
from witness import split

ZERO, ONE = Form(()), Form((), 1)
X1, X2, X3 = (Form(((f"X{j}", 1),)) for j in (1, 2, 3))


def limbs(first, last, const=0):
    """L_first + 2^8 L_{first+1} + .. + const."""
    return Form(tuple((f"L{i}", 1 << 8 * (i - first)) for i in range(first, last + 1)), const)


Y, T, W, V, U = limbs(2, 3), limbs(2, 3, -(1 << 15)), limbs(4, 6), limbs(7, 9), limbs(0, 0)


def scaled(t, s):
    """2^s t + u - 2^(s-1), u in L0 (and L1 for s = 16)."""
    return (1 << s) * t + limbs(0, s // 8 - 1) - (1 << s - 1) * ONE


def rounded(z, s):
    """(t, u) with z = 2^s t + u - 2^(s-1)."""
    z += 1 << s - 1
    return z >> s, z & (1 << s) - 1


def value(row, first, last):
    return sum(row.get(f"L{i}", 0) << 8 * (i - first) for i in range(first, last + 1))


def put(row, first, last, v):
    """Sets bytes; a value out of range goes into the lowest one whole, to be refused there."""
    count = last - first + 1
    row.update(split(v, first, last) if 0 <= v < 1 << 8 * count else {f"L{i}": v if i == first else 0 for i in range(first, last + 1)})


def bump(first, last, d):
    return lambda row: put(row, first, last, value(row, first, last) + d)


def inputs():
    return Kind("in", {"y": Y, "t": T}, val="y")


def requantize(s, name):
    return Kind(name, {"z": scaled(T, s), "t": T, "y": Y}, val="t")


def requantize_row(z, s):
    t, u = rounded(z, s)
    return {**split(u, 0, s // 8 - 1), **split(t + (1 << 15), 2, 3)}


def relu(s=8, name="relu"):
    return Kind(name, {"z": scaled(Y - W, s), "y": Y}, [("yw", Y, W, ZERO)], val="y")


def relu_row(z, s=8):
    t, u = rounded(z, s)
    return {**split(u, 0, s // 8 - 1), **split(max(t, 0), 2, 3), **split(max(-t, 0), 4, 6)}


def clamp(lo, hi, s=8, name="clamp"):
    """u L0 (L0-1 for s = 16), y L2-3, w L4-6, v L7-9, c L10-11 (ell = 12)."""
    top = (hi - lo) * ONE
    gates = [("wy", W, Y, ZERO), ("vy", V, top - Y, ZERO), ("c", ZERO, ZERO, Y + limbs(10, 11) - top)]
    return Kind(name, {"z": scaled(lo * ONE + Y + V - W, s), "y": lo * ONE + Y}, gates, val="y",
                default=split(hi - lo, 10, 11))


def clamp_row(z, lo, hi, s=8):
    t, u = rounded(z, s)
    y = min(max(t, lo), hi)
    return {**split(u, 0, s // 8 - 1), **split(y - lo, 2, 3), **split(max(lo - t, 0), 4, 6), **split(max(t - hi, 0), 7, 9),
            **split(hi - y, 10, 11)}


def function8(table_id, table, name="act"):
    p, byte, out = limbs(2, 2, -128), limbs(2, 2), limbs(3, 3)
    gates = [("low", W, byte, ZERO), ("high", V, 255 * ONE - byte, ZERO)]
    return Kind(name, {"z": scaled(p + V - W, 8), "o": limbs(3, 3, -128)}, gates, [(table_id, byte, out)], default={"L3": table[0]})


def function8_row(z, table):
    t, u = rounded(z, 8)
    p = min(max(t, -128), 127)
    return {"L0": u, "L2": p + 128, "L3": table[p + 128], **split(max(-128 - t, 0), 4, 6), **split(max(t - 127, 0), 7, 9)}


def maximum4():
    d = {f"d{i}": limbs(j, j + 1) for i, j in enumerate((0, 4, 6, 8))}
    gates = [("a", d["d0"], d["d1"], X1), ("b", d["d2"], d["d3"], X2), ("product", X1, X2, ZERO)]
    return Kind("max", {"y": Y, **d}, gates, val="y")


def maximum4_row(xs):
    y = max(xs)
    d = [y - x for x in xs]
    row = {**split(y, 2, 3), "X1": d[0] * d[1], "X2": d[2] * d[3]}
    for j, v in zip((0, 4, 6, 8), d):
        row.update(split(v, j, j + 1))
    return row


def divide(m):
    """y = floor((z + floor(m/2)) / m), m <= 256: u L0, u' L1."""
    k = Kind("div", {"z": m * Y + U - (m // 2) * ONE, "y": Y}, [("c", ZERO, ZERO, U + limbs(1, 1) - (m - 1) * ONE)], val="y")
    k.default = {"L1": m - 1}
    return k


def divide_row(z, m):
    y, u = divmod(z + m // 2, m)
    return {"L0": u, "L1": m - 1 - u, **split(y, 2, 3)}


def multiply(s, name, signed=True):
    t = T if signed else Y
    return Kind(name, {"a": X1, "b": X2, "t": t, "z": scaled(t, s)}, [("product", X1, X2, scaled(t, s))],
                default={} if not signed else {"L3": 128, **({"L0": 128} if s == 8 else {"L1": 128})})


def multiply_row(a, b, s, signed=True):
    t, u = rounded(a * b, s)
    return {"X1": a, "X2": b, **split(u, 0, s // 8 - 1), **split(t + (1 << 15 if signed else 0), 2, 3)}


def score():
    """A score t, its distance D to the maximum, and which one is the maximum."""
    D, sel = limbs(4, 5), limbs(6, 6)
    return Kind("score", {"z": scaled(T, 8), "t": T, "D": D, "sel": sel}, [("sel", sel, D, ZERO)])


def exponential(table_id, table):
    """e = exp(-D): hi L3 is looked up as A + 2^16 B, lo L2 interpolates."""
    A, B, e, lo = limbs(4, 5), limbs(6, 7), limbs(8, 9), limbs(2, 2)
    gate = ("interpolate", B, lo, 256 * A + 128 * ONE - 256 * e - U)
    k = Kind("exp", {"D": Y, "e": e}, [gate], [(table_id, limbs(3, 3), A + 65536 * B)])
    k.default = exponential_row(0, table)
    return k


def exponential_row(D, table):
    A, B, lo = table[D >> 8] & 65535, table[D >> 8] >> 16, D & 255
    v = 256 * A + 128 - B * lo
    return {**split(D, 2, 3), **split(A, 4, 5), **split(B, 6, 7), "L0": v & 255, **split(v >> 8, 8, 9)}


def reciprocal():
    """r = floor(65535^2 / S): r L0-1, remainder L2-5, S - 1 - remainder L6-9."""
    r, rem, slack = limbs(0, 1), limbs(2, 5), limbs(6, 9)
    gates = [("div", r, X1, 65535**2 * ONE - rem), ("slack", ZERO, ZERO, X1 - ONE - rem - slack)]
    return Kind("recip", {"S": X1, "M": X2, "r": r, "one": ONE}, gates, default=reciprocal_row(65535, 0))


def reciprocal_row(S, M):
    r, rem = divmod(65535**2, S)
    row = {"X1": S, "X2": M, **split(rem, 2, 5), **split(S - 1 - rem, 6, 9)}
    put(row, 0, 1, r)
    return row


def variance(d):
    """d Q - S^2 = 2^8 V + u - 2^7, with S = X1 the sum and Q = X2 the sum of squares."""
    return Kind("var", {"S": X1, "Q": X2, "v": W + ONE}, [("variance", X1, X1, d * X2 - 256 * W - U + 128 * ONE)], default={"L0": 128})


def variance_row(S, Q, d):
    v, u = rounded(d * Q - S * S, 8)
    return {"X1": S, "X2": Q, "L0": u, **split(v, 4, 6)}


def inverse_root(num, name="root"):
    """r = floor(sqrt(num / v)): this row has r^2 v <= num, the row of root_above has num < (r+1)^2 v."""
    r, rem = limbs(2, 4), limbs(5, 9)
    gates = [("square", r, r, X2), ("below", X2, X1, num * ONE - rem)]
    return Kind(name, {"v": X1, "r": r, "next": X2 + 2 * r + ONE}, gates, default={"X1": 1, "X2": 1, "L2": 1, **split(num - 1, 5, 9)})


def root_above(num, name="above"):
    return Kind(name, {"v": X1, "next": X2}, [("above", X2, X1, (num + 1) * ONE + limbs(5, 9))], default={"X1": num + 1, "X2": 1})


def inverse_root_rows(v, num):
    r = isqrt(num // v)
    return ({"X1": v, "X2": r * r, **split(r, 2, 4), **split(num - r * r * v, 5, 9)},
            {"X1": v, "X2": (r + 1) ** 2, **split((r + 1) ** 2 * v - num - 1, 5, 9)})


def compare():
    """c = [X1 >= X2] for operands read by copy."""
    c, pos, neg = limbs(0, 0), limbs(2, 3), limbs(4, 5)
    gates = [("bit", c, c - ONE, ZERO), ("pos", pos, ONE - c, ZERO), ("neg", neg, c, ZERO),
             ("difference", ZERO, ZERO, X1 - X2 - pos + neg + ONE - c)]
    return Kind("ge", {"c": c}, gates, val="c", reads=(1, 2))


def compare_row(a, b):
    c = int(a >= b)
    return {"X1": a, "X2": b, "L0": c, **split(a - b if c else 0, 2, 3), **split(0 if c else b - a - 1, 4, 5)}


def choose():
    return Kind("where", {"y": Y}, [("choice", X1, X2 - X3, Y - X3)], val="y", reads=(1, 2, 3))


def candidate():
    """argmax: z = 2^8 t.. is taken as it is (5 bytes, signed), D (4 bytes) its distance, sel which one it is."""
    z, D, sel = limbs(0, 4, -(1 << 39)), limbs(5, 8), limbs(9, 9)
    return Kind("cand", {"z": z, "D": D, "sel": sel}, [("sel", sel, D, ZERO)])


def operand(name="top"):
    """A row with an operand that relations determine."""
    return Kind(name, {"M": X1})
