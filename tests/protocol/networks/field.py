"""The scalar field and the prefix sums of protocol.md, section 7 (V4)."""

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617


def inv(x):
    return pow(x, -1, R)


def product(values):
    out = 1
    for v in values:
        out = out * v % R
    return out


def mle(table, r):
    """The multilinear extension of a table of 2^len(r) entries; variable 0 is the lowest bit."""
    t = list(table)
    for x in r:
        t = [(t[i] + x * (t[i + 1] - t[i])) % R for i in range(0, len(t), 2)]
    assert len(t) == 1
    return t[0]


def pre(factors, length):
    """sum_{x < length} prod_i factors_i[bit i of x]."""
    full = [1]
    for a, b in factors:
        full.append(full[-1] * (a + b) % R)
    if length >= 1 << len(factors):
        return full[-1]
    total, high = 0, 1
    for i in reversed(range(len(factors))):
        if length >> i & 1:
            total, high = (total + high * factors[i][0] * full[i]) % R, high * factors[i][1] % R
        else:
            high = high * factors[i][0] % R
    return total


def powers(base, r):
    """Bit factors of base^x at the point r."""
    out = []
    for x in r:
        out.append(((1 - x) % R, x * base % R))
        base = base * base % R
    return out


def equal(a, b):
    """Bit factors of eq(a, b)."""
    return [((1 - x) * (1 - y) % R, x * y % R) for x, y in zip(a, b)]


def span(factors, lo, hi):
    return (pre(factors, hi) - pre(factors, lo)) % R


def eq_at(x, r):
    """eq(bits of x, r)."""
    return product(v if x >> i & 1 else 1 - v for i, v in enumerate(r))


def eq_table(r):
    """eq(bits of a, r) for every a."""
    t = [1]
    for x in r:
        t = [v * (1 - x) % R for v in t] + [v * x % R for v in t]
    return t


def geo(base, count):
    """sum_{i < count} base^i by doublings."""
    total, power = 0, 1  # of the bits read so far: the sum, and base^that many
    for bit in bin(count)[2:]:
        total, power = total * (1 + power) % R, power * power % R
        if bit == "1":
            total, power = (total + power) % R, power * base % R
    return total


def interval(base, lo, hi, shift, r):
    """sum_{lo <= i < hi} base^i eq(i + shift, r)."""
    f = powers(base, r)
    return span(f, lo + shift, hi + shift) * pow(inv(base), shift, R) % R


def bits_value(r):
    return sum(x << i for i, x in enumerate(r)) % R
