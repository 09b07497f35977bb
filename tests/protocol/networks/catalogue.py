"""Row kinds of N10 and their honest rows. Cells are L0, L1, .. without gaps in the order of N10's table, the first view is the value."""

from math import isqrt

from program import Form, Kind
from witness import split

ZERO, ONE = Form(()), Form((), 1)
X1, X2, X3 = (Form(((f"X{j}", 1),)) for j in (1, 2, 3))


def limbs(first, last, const=0):
    """L_first + 2^8 L_{first+1} + .. + const."""
    return Form(tuple((f"L{i}", 1 << 8 * (i - first)) for i in range(first, last + 1)), const)


U = limbs(0, 0)


def gadget(name, views, gates=(), lookups=(), **options):
    """A kind whose value, the view that copies read, is its first one."""
    return Kind(name, views, list(gates), list(lookups), val=next(iter(views)), **options)


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
    return gadget("in", {"y": limbs(0, 1), "t": limbs(0, 1, -(1 << 15))})


def requantize(s, name):
    t = limbs(s // 8, s // 8 + 1, -(1 << 15))
    return gadget(name, {"t": t, "z": scaled(t, s)})


def requantize_row(z, s):
    t, u = rounded(z, s)
    return {**split(u, 0, s // 8 - 1), **split(t + (1 << 15), s // 8, s // 8 + 1)}


def relu(s=8, name="relu"):
    b = s // 8
    y, w = limbs(b, b + 1), limbs(b + 2, b + 4)
    return gadget(name, {"y": y, "z": scaled(y - w, s)}, [("yw", y, w, ZERO)])


def relu_row(z, s=8):
    t, u = rounded(z, s)
    b = s // 8
    return {**split(u, 0, b - 1), **split(max(t, 0), b, b + 1), **split(max(-t, 0), b + 2, b + 4)}


def clamp(lo, hi, s=8, name="clamp"):
    """u, y (1 byte if hi - lo = 255), w, v, c (if y's bytes are no bound)."""
    top, (cells, last) = (hi - lo) * ONE, clamp_cells(lo, hi, s)
    y, w, v = (limbs(*cells[n]) for n in "ywv")
    gates, default = [("wy", w, y, ZERO), ("vy", v, top - y, ZERO)], {}
    if "c" in cells:
        gates.append(("c", ZERO, ZERO, y + limbs(*cells["c"]) - top))
        default = split(hi - lo, *cells["c"])
    return gadget(name, {"y": lo * ONE + y, "z": scaled(lo * ONE + y + v - w, s)}, gates, default=default)


def clamp_cells(lo, hi, s):
    """{name: (first, last column)}, one past the last column."""
    out, at = {}, s // 8
    for name, size in (("y", 1 if hi - lo == 255 else 2), ("w", 3), ("v", 3)) + ((("c", 2),) if hi - lo not in (255, 65535) else ()):
        out[name] = (at, at + size - 1)
        at += size
    return out, at


def clamp_row(z, lo, hi, s=8):
    t, u = rounded(z, s)
    y, cells = min(max(t, lo), hi), clamp_cells(lo, hi, s)[0]
    row, parts = split(u, 0, s // 8 - 1), {"y": y - lo, "w": max(lo - t, 0), "v": max(t - hi, 0), "c": hi - y}
    for n, at in cells.items():
        row |= split(parts[n], *at)
    return row


def function8(table_id, table, name="act"):
    p, byte, out, w, v = limbs(1, 1, -128), limbs(1, 1), limbs(2, 2), limbs(3, 5), limbs(6, 8)
    gates = [("low", w, byte, ZERO), ("high", v, 255 * ONE - byte, ZERO)]
    return gadget(name, {"o": limbs(2, 2, -128), "z": scaled(p + v - w, 8)}, gates, [(table_id, byte, out)], default={"L2": table[0]})


def function8_row(z, table):
    t, u = rounded(z, 8)
    p = min(max(t, -128), 127)
    return {"L0": u, "L1": p + 128, "L2": table[p + 128], **split(max(-128 - t, 0), 3, 5), **split(max(t - 127, 0), 6, 8)}


def maximum4():
    d = {f"d{i}": limbs(2 + 2 * i, 3 + 2 * i) for i in range(4)}
    gates = [("a", d["d0"], d["d1"], X1), ("b", d["d2"], d["d3"], X2), ("product", X1, X2, ZERO)]
    return gadget("max", {"y": limbs(0, 1), **d}, gates)


def maximum4_row(xs):
    y = max(xs)
    d = [y - x for x in xs]
    row = {**split(y, 0, 1), "X1": d[0] * d[1], "X2": d[2] * d[3]}
    for i, v in enumerate(d):
        row.update(split(v, 2 + 2 * i, 3 + 2 * i))
    return row


def divide(m):
    """y = floor((z + floor(m/2)) / m), m <= 256: u L0, u' L1."""
    y = limbs(2, 3)
    gates = [("c", ZERO, ZERO, U + limbs(1, 1) - (m - 1) * ONE)]
    return gadget("div", {"y": y, "z": m * y + U - (m // 2) * ONE}, gates, default={"L0": m - 1})


def divide_row(z, m):
    y, u = divmod(z + m // 2, m)
    return {"L0": u, "L1": m - 1 - u, **split(y, 2, 3)}


def multiply(s, name, signed=True):
    b = s // 8
    t = limbs(b, b + 1, -(1 << 15) if signed else 0)
    default = split(1 << s - 1, 0, b - 1) | (split(1 << 15, b, b + 1) if signed else {})
    return gadget(name, {"t": t, "a": X1, "b": X2}, [("product", X1, X2, scaled(t, s))], default=default)


def multiply_row(a, b, s, signed=True):
    t, u = rounded(a * b, s)
    n = s // 8
    return {"X1": a, "X2": b, **split(u, 0, n - 1), **split(t + (1 << 15 if signed else 0), n, n + 1)}


def score():
    """A score t, its distance D to the maximum, and which one is the maximum."""
    t, D, sel = limbs(1, 2, -(1 << 15)), limbs(3, 4), limbs(5, 5)
    return gadget("score", {"t": t, "z": scaled(t, 8), "D": D, "sel": sel}, [("sel", sel, D, ZERO)])


def function16(table_id, slope, signed, name):
    """hi L2 is looked up as A + 2^16 B, lo L1 interpolates with the slope s B: "rising" B, "falling" -B, "signed" B - 2^15.
    signed: whether argument and value are from -2^15 on."""
    half = lambda on: -(1 << 15) if on else 0
    A, B, out, lo = limbs(3, 4), limbs(5, 6), limbs(7, 8, half(signed[1])), limbs(1, 1)
    rest = 256 * A + 128 * ONE - 256 * limbs(7, 8) - U
    step, rest = {"falling": (B, rest), "rising": (B, -1 * rest), "signed": (limbs(5, 6, -(1 << 15)), -1 * rest)}[slope]
    lookup = (table_id, limbs(2, 2), A + 65536 * B)
    return gadget(name, {"e": out, "D": limbs(1, 2, half(signed[0]))}, [("interpolate", step, lo, rest)], [lookup])


def function16_row(a, table, slope, signed):
    a += (1 << 15) * signed[0]
    A, B, lo = table[a >> 8] & 65535, table[a >> 8] >> 16, a & 255
    v = 256 * A + 128 + lo * {"falling": -B, "rising": B, "signed": B - (1 << 15)}[slope]
    return {**split(a, 1, 2), **split(A, 3, 4), **split(B, 5, 6), "L0": v & 255, **split(v >> 8, 7, 8)}


def exponential(table_id, table):
    """e = exp(-D)."""
    kind = function16(table_id, "falling", (False, False), "exp")
    kind.default = exponential_row(0, table)
    return kind


def exponential_row(D, table):
    return function16_row(D, table, "falling", (False, False))


def reciprocal():
    """r = floor(65535^2 / S): r L0-1, remainder L2-5, S - 1 - remainder L6-9."""
    r, rem, slack = limbs(0, 1), limbs(2, 5), limbs(6, 9)
    gates = [("div", r, X1, 65535**2 * ONE - rem), ("slack", ZERO, ZERO, X1 - ONE - rem - slack)]
    return gadget("recip", {"r": r, "S": X1, "M": X2, "one": ONE}, gates, default=reciprocal_row(65535, 0))


def reciprocal_row(S, M):
    r, rem = divmod(65535**2, S)
    row = {"X1": S, "X2": M, **split(rem, 2, 5), **split(S - 1 - rem, 6, 9)}
    put(row, 0, 1, r)
    return row


def variance(d):
    """d Q - S^2 = 2^8 V + u - 2^7, with S = X1 the sum and Q = X2 the sum of squares."""
    V = limbs(1, 3)
    gates = [("variance", X1, X1, d * X2 - 256 * V - U + 128 * ONE)]
    return gadget("var", {"v": V + ONE, "S": X1, "Q": X2}, gates, default={"L0": 128})


def variance_row(S, Q, d):
    v, u = rounded(d * Q - S * S, 8)
    return {"X1": S, "X2": Q, "L0": u, **split(v, 1, 3)}


def inverse_root(num, name="root"):
    """r = floor(sqrt(num / v)): this row has r^2 v <= num, the row of root_above has num < (r+1)^2 v."""
    r, rem = limbs(0, 2), limbs(3, 7)
    gates = [("square", r, r, X2), ("below", X2, X1, num * ONE - rem)]
    return gadget(name, {"r": r, "v": X1, "next": X2 + 2 * r + ONE}, gates, default={"X1": 1, "X2": 1, "L0": 1, **split(num - 1, 3, 7)})


def root_above(num, name="above"):
    return gadget(name, {"next": X2, "v": X1}, [("above", X2, X1, (num + 1) * ONE + limbs(0, 4))], default={"X1": num + 1, "X2": 1})


def inverse_root_rows(v, num):
    r = isqrt(num // v)
    return ({"X1": v, "X2": r * r, **split(r, 0, 2), **split(num - r * r * v, 3, 7)},
            {"X1": v, "X2": (r + 1) ** 2, **split((r + 1) ** 2 * v - num - 1, 0, 4)})


def compare():
    """c = [X1 >= X2] for operands read by copy."""
    c, pos, neg = limbs(0, 0), limbs(1, 2), limbs(3, 4)
    gates = [("bit", c, c - ONE, ZERO), ("pos", pos, ONE - c, ZERO), ("neg", neg, c, ZERO),
             ("difference", ZERO, ZERO, X1 - X2 - pos + neg + ONE - c)]
    return gadget("ge", {"c": c}, gates, reads=(1, 2))


def compare_row(a, b):
    c = int(a >= b)
    return {"X1": a, "X2": b, "L0": c, **split(a - b if c else 0, 1, 2), **split(0 if c else b - a - 1, 3, 4)}


def choose(signed=False):
    y = limbs(0, 1, -(1 << 15) if signed else 0)
    return gadget("where", {"y": y}, [("choice", X1, X2 - X3, y - X3)], reads=(1, 2, 3))


def candidate():
    """argmax: z is taken as it is (5 bytes, signed), D (4 bytes) its distance, sel which one it is."""
    z, D, sel = limbs(0, 4, -(1 << 39)), limbs(5, 8), limbs(9, 9)
    return gadget("cand", {"z": z, "D": D, "sel": sel}, [("sel", sel, D, ZERO)])


def operand(name="top"):
    """A row with an operand that relations determine."""
    return gadget(name, {"M": X1})


def copied(name="copy"):
    """The value of another row, read by copy."""
    t = limbs(0, 1, -(1 << 15))
    return gadget(name, {"t": t}, [("copy", ZERO, ZERO, t - X1)], reads=(1,), default=split(1 << 15, 0, 1))


def copied_row(value):
    return {"X1": value, **split(value + (1 << 15), 0, 1)}


def constant(name="const", signed=False):
    """A constant that belongs to the model: tied by a linear op whose only hat is public."""
    return gadget(name, {"y": limbs(0, 1, -(1 << 15) if signed else 0)})
