#!/usr/bin/env python3
"""A verifier for docs/protocol.md, written from that text alone; Python 3 standard library only.

    verifier.py VECTOR.json ..            checks challenges and verdict of known-answer vectors
    verifier.py --flip VECTOR.json ..     also changes every word of the proof: all must be refused

Section and check numbers are those of the specification. It is slow (seconds per proof) and made
for reading. It shares no code with the Rust crate.
"""

import json
import sys

# ------------------------------------------------------------------------------------- Keccak-256

_ROUND_CONSTANTS = []
_ROTATIONS = [[0] * 5 for _ in range(5)]


def _init_keccak():
    x, y = 1, 0
    for t in range(24):
        _ROTATIONS[x][y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    lfsr = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if lfsr & 1:
                constant |= 1 << (2**j - 1)
            lfsr = lfsr << 1 ^ (0x171 if lfsr >> 7 else 0)
        _ROUND_CONSTANTS.append(constant)


_init_keccak()
_MASK = (1 << 64) - 1


def _rotate(v, n):
    return (v << n | v >> (64 - n)) & _MASK


def _keccak_f(a):
    for constant in _ROUND_CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ _rotate(c[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = _rotate(a[x][y] ^ d[x], _ROTATIONS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        a[0][0] ^= constant
    return a


def keccak(*parts):
    message = bytearray(b"".join(parts))
    padding = 136 - len(message) % 136
    message += b"\x01" + bytes(padding - 2) + b"\x80" if padding > 1 else b"\x81"
    a = [[0] * 5 for _ in range(5)]
    for block in range(0, len(message), 136):
        for i in range(17):
            lane = int.from_bytes(message[block + 8 * i : block + 8 * i + 8], "little")
            a[i % 5][i // 5] ^= lane
        a = _keccak_f(a)
    return b"".join(a[i][0].to_bytes(8, "little") for i in range(4))


assert keccak(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0")


def tag(name):
    return keccak(b"zkinfer/" + name.encode() + b"/v1")


def word(v):
    return v.to_bytes(32, "big")


# ------------------------------------------------------------------------------------------ BN254

r = 21888242871839275222246405745257275088548364400416034343698204186575808495617
q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
U = 4965661367192848881
G1 = (1, 2)
G2 = (
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)


class Invalid(Exception):
    """A check of §7 failed; the message names it."""


def check(condition, name):
    if not condition:
        raise Invalid(name)


def g1_double(p):
    x, y, z = p
    if z == 0:
        return p
    a, b = x * x % q, y * y % q
    c = b * b % q
    d = 2 * ((x + b) ** 2 - a - c) % q
    e = 3 * a % q
    x3 = (e * e - 2 * d) % q
    return x3, (e * (d - x3) - 8 * c) % q, 2 * y * z % q


def g1_add(p, s):
    (x1, y1, z1), (x2, y2, z2) = p, s
    if z1 == 0:
        return s
    if z2 == 0:
        return p
    zz1, zz2 = z1 * z1 % q, z2 * z2 % q
    u1, u2 = x1 * zz2 % q, x2 * zz1 % q
    s1, s2 = y1 * z2 * zz2 % q, y2 * z1 * zz1 % q
    if u1 == u2:
        return g1_double(p) if s1 == s2 else (1, 1, 0)
    h, t = u2 - u1, s2 - s1
    hh = h * h % q
    hhh, v = h * hh % q, u1 * hh % q
    x3 = (t * t - hhh - 2 * v) % q
    return x3, (t * (v - x3) - s1 * hhh) % q, z1 * z2 * h % q


def g1_affine(p):
    if p[2] == 0:
        return None
    inverse = pow(p[2], -1, q)
    return p[0] * inverse**2 % q, p[1] * inverse**3 % q


def g1_sum(terms):
    """sum of scalar * point; None is the identity."""
    total = (1, 1, 0)
    for scalar, point in terms:
        scalar %= r
        if point is None or scalar == 0:
            continue
        acc, base = (1, 1, 0), (point[0], point[1], 1)
        for bit in bin(scalar)[2:]:
            acc = g1_double(acc)
            if bit == "1":
                acc = g1_add(acc, base)
        total = g1_add(total, acc)
    return g1_affine(total)


def f2_mul(a, b):
    return (a[0] * b[0] - a[1] * b[1]) % q, (a[0] * b[1] + a[1] * b[0]) % q


def f2_sub(a, b):
    return (a[0] - b[0]) % q, (a[1] - b[1]) % q


def f2_inverse(a):
    norm = pow(a[0] * a[0] + a[1] * a[1], -1, q)
    return a[0] * norm % q, -a[1] * norm % q


def f2_power(a, e):
    result = (1, 0)
    for bit in bin(e)[2:]:
        result = f2_mul(result, result)
        if bit == "1":
            result = f2_mul(result, a)
    return result


XI = (9, 1)
FROBENIUS_X, FROBENIUS_Y = f2_power(XI, (q - 1) // 3), f2_power(XI, (q - 1) // 2)
TWIST_B = f2_mul((3, 0), f2_inverse(XI))


def g2_slope(p, s):
    if p == s:
        return f2_mul(f2_mul((3, 0), f2_mul(p[0], p[0])), f2_inverse(f2_mul((2, 0), p[1])))
    return f2_mul(f2_sub(s[1], p[1]), f2_inverse(f2_sub(s[0], p[0])))


def g2_add(p, s):
    if p is None or s is None:
        return p or s
    if p[0] == s[0] and p != s:
        return None
    m = g2_slope(p, s)
    x = f2_sub(f2_sub(f2_mul(m, m), p[0]), s[0])
    return x, f2_sub(f2_mul(m, f2_sub(p[0], x)), p[1])


def g2_times(k, p):
    result = None
    for bit in bin(k)[2:]:
        result = g2_add(result, result) if result else None
        if bit == "1":
            result = g2_add(result, p)
    return result


def g2_is_valid(p):
    on_curve = f2_sub(f2_mul(p[1], p[1]), f2_mul(p[0], f2_mul(p[0], p[0]))) == TWIST_B
    return on_curve and g2_times(r, p) is None


def f12_mul(a, b):
    """Polynomials in w with w^12 = 18 w^6 - 82, so that i = w^6 - 9."""
    c = [0] * 23
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                c[i + j] += x * y
    for k in range(22, 11, -1):
        c[k - 6] += 18 * c[k]
        c[k - 12] -= 82 * c[k]
    return [x % q for x in c[:12]]


def line(p, s, at):
    """The line through two points of the twist, at a point of G1: l = y_P - m x_P w + (m x - y) w^3."""
    m = g2_slope(p, s)
    n = f2_sub(f2_mul(m, p[0]), p[1])
    result = [0] * 12
    result[0] = at[1]
    for coefficient, power in (((-m[0] * at[0], -m[1] * at[0]), 1), (n, 3)):
        result[power] = (result[power] + coefficient[0] - 9 * coefficient[1]) % q
        result[power + 6] = (result[power + 6] + coefficient[1]) % q
    return result


def frobenius(p):
    return tuple(f2_mul((c[0], -c[1] % q), f) for c, f in zip(p, (FROBENIUS_X, FROBENIUS_Y)))


def miller(p, s):
    """Optimal ate pairing without the final exponentiation; p in G1, s in G2."""
    f, t = [1] + [0] * 11, s
    for bit in bin(6 * U + 2)[3:]:
        f = f12_mul(f12_mul(f, f), line(t, t, p))
        t = g2_add(t, t)
        if bit == "1":
            f = f12_mul(f, line(t, s, p))
            t = g2_add(t, s)
    s1 = frobenius(s)
    s2 = frobenius(s1)
    s2 = (s2[0], (-s2[1][0] % q, -s2[1][1] % q))
    f = f12_mul(f, line(t, s1, p))
    return f12_mul(f, line(g2_add(t, s1), s2, p))


def pairings_are_one(pairs):
    f = [1] + [0] * 11
    for p, s in pairs:
        if p is not None:
            f = f12_mul(f, miller(p, s))
    result = [1] + [0] * 11
    for bit in bin((q**12 - 1) // r)[2:]:
        result = f12_mul(result, result)
        if bit == "1":
            result = f12_mul(result, f)
    return result == [1] + [0] * 11


# ---------------------------------------------------------------------------------- §4 encodings


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        check(self.at + n <= len(self.data), "V1 short")
        self.at += n
        return self.data[self.at - n : self.at]

    def int(self, n):
        return int.from_bytes(self.bytes(n), "big")

    def scalar(self):
        v = self.int(32)
        check(v < r, "V1 scalar")
        return v

    def point(self):
        x, y = self.int(32), self.int(32)
        check(x < q and y < q, "V1 coordinate")
        if x == 0 and y == 0:
            return None
        check((y * y - x * x * x - 3) % q == 0, "V1 curve")
        return x, y

    def end(self):
        check(self.at == len(self.data), "V1 trailing")


def point_bytes(p):
    return bytes(64) if p is None else word(p[0]) + word(p[1])


class Transcript:
    def __init__(self):
        self.st = keccak(b"zkinfer/native/v1")

    def absorb(self, message):
        assert len(message) >= 32
        self.st = keccak(self.st, message)

    def challenge(self):
        self.st = keccak(self.st, b"\x01")
        return int.from_bytes(self.st, "big") % r


# --------------------------------------------------------------------------------- §1, §2, §3 key


class Key:
    """The verifying key and everything derived from it."""

    def __init__(self, data):
        self.bytes = data
        reader = Reader(data)
        check(reader.int(2) == 1, "V1 version")
        flags = reader.int(1)
        check(flags < 8, "V1 flags")
        # §10: which sides are committed.
        self.hides_x, self.hides_o = bool(flags & 2), bool(flags & 4)
        self.rho2 = reader.int(1)
        self.L = reader.int(2)
        check(1 <= self.L <= 32, "V1 layers")
        self.d = [reader.int(4) for _ in range(self.L + 1)]
        check(all(1 <= d <= 2**16 for d in self.d), "V1 width")
        self.hi = [reader.int(2) for _ in range(self.L - 1)] if flags & 1 else None
        check(self.hi is None or all(hi in (255, 65535) for hi in self.hi), "V1 hi")
        self.srs_id = reader.bytes(32)
        self.C_f = reader.point()
        reader.end()
        self.vkd = keccak(tag("native-vk"), data)
        self.ell = 6 if self.hi is None else 9
        # §2: s[l] and c[l] with l from 1.
        self.s, self.c = [None, 2], [None]
        for layer in range(1, self.L + 1):
            self.c.append(self.s[layer] + self.d[layer - 1])
            self.s.append(self.c[layer] + 1)
        self.act = self.s[self.L + 1]
        self.P = max(self.act, 258)
        if self.hides_o:
            self.P = max(self.P, 2 + self.d[self.L])
        self.nu = (self.P - 1).bit_length()
        check(self.nu <= 20, "V1 nu")
        self.R = max(self.d[1:])
        check(self.rho2 == 0 or (self.rho2 <= 16 and 2**self.rho2 < self.R), "V1 rho2")
        self.t = 1 if self.rho2 == 0 else 2


class Srs:
    """The pinned table: [tau^(2^j)] in both groups, for the j that are given."""

    def __init__(self, table):
        self.g1 = {int(j): tuple(int(c, 16) for c in p) for j, p in table["g1"].items()}
        raw = {int(j): [int(c, 16) for c in p] for j, p in table["g2"].items()}
        # EIP-197 order: imaginary part first.
        self.g2 = {j: ((p[1], p[0]), (p[3], p[2])) for j, p in raw.items()}
        for p in self.g1.values():
            check((p[1] ** 2 - p[0] ** 3 - 3) % q == 0, "pinned table")
        for j, p in self.g2.items():
            check(g2_is_valid(p), "pinned table")
            minus = (G1[0], q - G1[1])
            check(pairings_are_one([(self.g1[j], G2), (minus, p)]), "pinned table")
        x, y = self.g2[0]
        self.id = keccak(
            tag("srs"), point_bytes(self.g1[0]), word(x[1]), word(x[0]), word(y[1]), word(y[0])
        )


# ----------------------------------------------------------------------------- §7 closed forms


def pre(factors, length):
    """sum over p < length of prod_i factors[i][bit_i p]."""
    full = [1]
    for f in factors:
        full.append(full[-1] * (f[0] + f[1]) % r)
    if length >= 2 ** len(factors):
        return full[-1]
    total, path = 0, 1
    for i in range(len(factors) - 1, -1, -1):
        if length >> i & 1:
            total += path * factors[i][0] * full[i]
            path = path * factors[i][1] % r
        else:
            path = path * factors[i][0] % r
    return total % r


def powers(c, point):
    return [((1 - v) % r, v * pow(c, 2**i, r) % r) for i, v in enumerate(point)]


def interval(factors, lo, hi):
    return (pre(factors, hi) - pre(factors, lo)) % r


def multilinear(values, point):
    for v in point:
        values = [(values[i] * (1 - v) + values[i + 1] * v) % r for i in range(0, len(values), 2)]
    return values[0]


# --------------------------------------------------------------------------------- §7 the checks


def verify(vk_bytes, srs, statements, proof):
    """Raises Invalid, or returns all challenges by name. statements: (model id, context id, x, o), where x and
    o are lists of integers, or the 64 bytes of a point if the key commits to that side."""
    # V1
    vk = Key(vk_bytes)
    check(vk.srs_id == srs.id, "V1 srs")
    N, L, ell, t, nu = len(statements), vk.L, vk.ell, vk.t, vk.nu
    check(1 <= N <= 2**12, "V1 N")
    kappa = (N - 1).bit_length()
    l = kappa + nu
    check(l <= 26, "V1 variables")
    K, h = 2**kappa, l - 3
    check(len({s[0] for s in statements}) == 1, "V1 models")
    C_x, C_o = [], []
    for _, _, x, o in statements:
        for values, hidden, points, width in ((x, vk.hides_x, C_x, vk.d[0]), (o, vk.hides_o, C_o, vk.d[L])):
            check(isinstance(values, bytes) == hidden, "V1 commitment")
            check(len(values) == (64 if hidden else width), "V1 lengths")
            if hidden:
                points.append(Reader(values).point())
        check(vk.hides_x or all(0 <= v < 2**16 for v in x), "V1 input range")
        check(vk.hides_o or all(-(2**63) <= v < 2**63 for v in o), "V1 output range")
    hidden = [points for points, hides in ((C_x, vk.hides_x), (C_o, vk.hides_o)) if hides]
    NE, jG = 2 * ell + 7 + len(hidden), 2 * ell + 5
    reader = Reader(proof)
    marks = []

    def mark():
        marks.append(reader.at)

    C_L = [reader.point() for _ in range(ell + 1)]
    mark()
    C_H = [reader.point() for _ in range(ell + 1)]
    C_S = [reader.point() for _ in range(4)]  # S1 S2 S3 S0
    C_q = [reader.point() for _ in range(t)]
    D, A_D = reader.point(), reader.point()
    D_hidden = [(reader.point(), reader.point()) for _ in hidden]
    sigma = reader.scalar()
    mark()
    rounds = []
    for _ in range(l):
        rounds.append([reader.scalar() for _ in range(3)])
        mark()
    ev = [reader.scalar() for _ in range(NE)]
    mark()
    C_F = [None] + [reader.point() for _ in range(h - 1)]
    fin = [reader.scalar() for _ in range(8)]
    mark()
    fold = [(reader.scalar(), reader.scalar()) for _ in range(h)]
    mark()
    pi_1 = reader.point()
    mark()
    pi_2 = reader.point()
    zr = [reader.scalar() for _ in range(t + 2)]
    z_hidden = [(reader.scalar(), reader.scalar()) for _ in hidden]
    mark()
    reader.end()
    bounds = [0] + marks
    messages = [proof[a:b] for a, b in zip(bounds, bounds[1:])]

    # §4 statement and V2
    public = [
        (x if vk.hides_x else b"".join(v.to_bytes(2, "big") for v in x))
        + (o if vk.hides_o else b"".join(v.to_bytes(8, "big", signed=True) for v in o))
        for _, _, x, o in statements
    ]
    ids = [
        keccak(tag("statement"), s[0], keccak(values), s[1]) for s, values in zip(statements, public)
    ]
    sid = ids[0] if N == 1 else keccak(tag("batch"), word(N), *ids)
    tr = Transcript()
    tr.absorb(vk.vkd + word(N) + sid)
    values = b"".join(public)
    tr.absorb(word(len(values)) + values)
    queue = iter(messages)
    tr.absorb(next(queue))
    alpha, beta = tr.challenge(), tr.challenge()
    tr.absorb(next(queue))
    lam, mu, theta, zeta, c_D = (tr.challenge() for _ in range(5))
    xi = [tr.challenge() for _ in range(l)]
    point = []
    for _ in range(l):
        tr.absorb(next(queue))
        point.append(tr.challenge())
    tr.absorb(next(queue))
    rho = tr.challenge()
    tr.absorb(next(queue))
    x = tr.challenge()
    tr.absorb(next(queue))
    eta = tr.challenge()
    tr.absorb(next(queue))
    z = tr.challenge()
    tr.absorb(next(queue))
    delta = tr.challenge()
    check(x not in (0, 1, r - 1), "V2")

    # Claim_0 and V3
    lam_layer = [None] + [pow(lam, ell + 5 + layer, r) for layer in range(1, L + 1)]
    claim = zeta * sigma
    constants = sum(pow(theta, vk.c[layer], r) for layer in range(1, L + 1))
    for k, (_, _, xs, os) in enumerate(statements):
        m = pow(mu, k, r)
        if not vk.hides_o:
            claim -= m * lam_layer[L] * pow(alpha, vk.act, r) * sum(pow(alpha, i, r) * o for i, o in enumerate(os))
        inputs = 0 if vk.hides_x else sum(pow(theta, 2 + i, r) * v for i, v in enumerate(xs))
        claim += m * pow(lam, ell + 5, r) * (inputs + constants)
    claim %= r
    for (e0, e2, e3), at in zip(rounds, point):
        nodes = [(0, e0), (1, claim - e0), (2, e2), (3, e3)]
        claim = 0
        for i, e in nodes:
            numerator, denominator = 1, 1
            for j in range(4):
                if j != i:
                    numerator = numerator * (at - j) % r
                    denominator = denominator * (i - j) % r
            claim = (claim + e * numerator * pow(denominator, -1, r)) % r

    # V4
    r_k, r_p = point[:kappa], point[kappa:]
    by_alpha, by_theta, by_one = powers(alpha, r_p), powers(theta, r_p), powers(1, r_p)
    M = pre(powers(mu, r_k), N)
    S = interval(by_one, 2, vk.P)
    E = interval(by_theta, 2, vk.c[1])
    A = B = HI = NW = 0
    for layer in range(1, L + 1):
        first, last = vk.s[layer], vk.s[layer + 1]
        B += lam_layer[layer] * pow(alpha, last, r) * interval(by_one, first, last)
        E += interval(by_theta, vk.c[layer], vk.c[layer] + 1)
        if layer < L:
            neurons = (last, last + vk.d[layer])
            A += lam_layer[layer] * interval(by_alpha, *neurons)
            if vk.hi:
                HI += vk.hi[layer - 1] * interval(by_one, *neurons)
                NW += interval(by_one, *neurons) if vk.hi[layer - 1] == 255 else 0
    eq = [((1 - a) * (1 - b) % r, a * b % r) for a, b in zip(xi, point)]
    ES = pre(eq[:kappa], K) * interval(eq[kappa:], 2, vk.P)
    T = sum(2**i * v for i, v in enumerate(point[:8]))
    I = sum(2**i * v for i, v in enumerate(point))
    Lc, Hc = ev[: ell + 1], ev[ell + 1 : 2 * ell + 2]
    S1, S2, S3 = ev[2 * ell + 2 : 2 * ell + 5]
    G = ev[jG]
    y = Lc[1] + 2**8 * Lc[2]
    w = Lc[3] + 2**8 * Lc[4] + 2**16 * Lc[5]
    v = Lc[6] + 2**8 * Lc[7] + 2**16 * Lc[8] if ell == 9 else 0
    zz = 2**8 * (y + v - w) + Lc[0] - 2**7
    bracket = sum(pow(lam, c, r) * (Hc[c] * (beta + Lc[c]) - 1) for c in range(ell))
    bracket += pow(lam, ell, r) * (Hc[ell] * (beta + T) - Lc[ell]) + pow(lam, ell + 1, r) * y * w
    if ell == 9:
        bracket += pow(lam, ell + 2, r) * v * (HI - y) + pow(lam, ell + 3, r) * NW * Lc[2]
    phi = ES * bracket + pow(lam, ell + 4, r) * S * (sum(Hc[:ell]) - Hc[ell])
    phi += M * (A * zz - B * G * y + pow(lam, ell + 5, r) * E * y)
    phi += zeta * (S1 + I * S2 + I * I * S3)
    # §10: Z is 1 for the first sample only.
    Z = 1
    for v in r_k:
        Z = Z * (1 - v) % r
    at_r = ev[2 * ell + 7 :]
    if vk.hides_x:
        phi -= pow(lam, ell + 5, r) * Z * interval(by_theta, 2, 2 + vk.d[0]) * at_r[0]
    if vk.hides_o:
        E_o = pow(alpha, vk.act - 2, r) * interval(by_alpha, 2, 2 + vk.d[L])
        phi += lam_layer[L] * Z * E_o * at_r[-1]
    check((phi - claim) % r == 0, "V4")

    # V5
    half, slope, x2 = pow(2, -1, r), pow(2 * x, -1, r), x * x % r
    vs = [None]
    for (plus, minus), u in zip(fold, point):
        vs.append(((1 - u) * (plus + minus) * half + u * (plus - minus) * slope) % r)
    check(vs[h] == sum(c * pow(x2, i, r) for i, c in enumerate(fin)) % r, "V5a")
    check(multilinear(fin, point[h:]) == sum(pow(rho, j, r) * e for j, e in enumerate(ev)) % r, "V5b")

    # V6
    e = [pow(eta, i, r) for i in range(2 * h)]
    za, zb = z - x2, z * z - x2
    vp = sum(e[i] * fold[i][0] for i in range(h))
    vm = sum(e[i] * fold[i][1] for i in range(h))
    R_A = (vp + vm) * half + z * (vp - vm) * slope
    v_B = sum(e[h + i - 1] * vs[i] for i in range(1, h))
    cG = za * e[kappa] * pow(rho, jG, r) % r
    roots = [alpha] + ([pow(alpha, 2**vk.rho2, r)] if t == 2 else [])
    moduli = [nu] + ([nu + vk.rho2] if t == 2 else [])
    order = C_L + C_H + C_S[:3] + [None] + C_S[3:]  # those of the hidden sides follow
    terms = [(za * pow(rho, j, r), point) for j, point in enumerate(order) if j != jG]
    terms += [(cG, vk.C_f), (cG, D)] + [(cG * root, c) for root, c in zip(roots, C_q)]
    terms += [(za * e[i] + zb * e[h + i - 1], C_F[i]) for i in range(1, h)]
    terms += [(-(za * R_A + zb * v_B), G1), (-za * zb, pi_1), (z, pi_2)]
    schnorr = [(zr[0], G1), (zr[1], srs.g1[0]), (-1, A_D), (-c_D, D)]
    for root, j, response in zip(roots, moduli, zr[2:]):
        schnorr += [(response, srs.g1[j]), (-response * root, G1)]
    schnorr = [(delta * s, p) for s, p in schnorr]
    exponents = [2] * vk.hides_x + [3] * vk.hides_o
    for i, (points, (D_i, A_i), (z_0, z_1)) in enumerate(zip(hidden, D_hidden, z_hidden)):
        c = za * e[kappa] * pow(rho, 2 * ell + 7 + i, r) % r
        terms += [(c * pow(mu, k, r), point) for k, point in enumerate(points)] + [(c, D_i)]
        d = pow(delta, exponents[i], r)
        schnorr += [(d * z_0, G1), (d * z_1, srs.g1[0]), (-d, A_i), (-d * c_D, D_i)]
    Q = g1_sum(terms + schnorr)

    # V7
    pairs = [(Q, G2), (g1_sum([(-1, pi_2)]), srs.g2[0])]
    pairs += [(g1_sum([(-cG, c)]), srs.g2[j]) for c, j in zip(C_q, moduli)]
    check(pairings_are_one(pairs), "V7")
    return {
        "srs_id": srs.id, "vkd": vk.vkd, "sid": sid, "alpha": alpha, "beta": beta, "lambda": lam, "mu": mu,
        "theta": theta, "zeta": zeta, "c_d": c_D, "xi": xi, "r": point, "rho": rho, "x": x, "eta": eta,
        "z": z, "delta": delta,
    }


# ------------------------------------------------------------------------------------- the vectors


def show(value):
    if isinstance(value, list):
        return [show(v) for v in value]
    return "0x" + (value if isinstance(value, bytes) else word(value)).hex()


def load(path):
    with open(path, encoding="utf-8") as file:
        vector = json.load(file)
    data = lambda text: bytes.fromhex(text[2:])
    side = lambda v: data(v) if isinstance(v, str) else v
    statements = [
        (data(s["model_id"]), data(s["context_id"]), side(s["inputs"]), side(s["outputs"]))
        for s in vector["statements"]
    ]
    return vector, data(vector["vk"]), Srs(vector["srs"]), statements, data(vector["proof"])


def other(side):
    """Another side: one more in the first element, or another valid point."""
    if isinstance(side, bytes):
        return point_bytes(g1_sum([(1, Reader(side).point()), (1, G1)]))
    return [side[0] ^ 1] + side[1:]


def refused(vk, srs, statements, proof):
    try:
        verify(vk, srs, statements, proof)
    except Invalid:
        return True
    return False


def main(arguments):
    flip = "--flip" in arguments
    paths = [a for a in arguments if not a.startswith("--")]
    failures = 0
    for path in paths:
        vector, vk, srs, statements, proof = load(path)
        got = {name: show(value) for name, value in verify(vk, srs, statements, proof).items()}
        wrong = [name for name, value in vector["challenges"].items() if got.get(name) != value]
        wrong += [name for name in got if name not in vector["challenges"]]
        # A few changes that must be refused: the statement, and words of the proof.
        model, context, x, o = statements[0]
        for name, changed in (
            ("context", (model, bytes([context[0] ^ 1]) + context[1:], x, o)),
            ("input", (model, context, other(x), o)),
            ("output", (model, context, x, other(o))),
            ("side", (model, context, [0] * 64 if isinstance(x, bytes) else bytes(64), o)),
        ):
            if not refused(vk, srs, [changed] + statements[1:], proof):
                wrong.append("accepts another " + name)
        # A1: more or fewer samples; A2: inputs that are equal mod 2^16; A3: longer vectors.
        shapes = [("one sample less", statements[:-1]), ("a sample twice", statements + statements[-1:])]
        if not isinstance(x, bytes):
            shapes.append(("an input + 2^16", [(model, context, [x[0] + 2**16] + x[1:], o)] + statements[1:]))
            shapes.append(("an input more", [(model, context, x + [0], o)] + statements[1:]))
        if not isinstance(o, bytes):
            shapes.append(("an output more", [(model, context, x, o + [0])] + statements[1:]))
        for name, changed in shapes:
            if not refused(vk, srs, changed, proof):
                wrong.append("accepts " + name)
        words = len(proof) // 32
        for index in range(words) if flip else (0, words // 2, words - 1):
            bad = bytearray(proof)
            bad[32 * index + 31] ^= 1
            if not refused(vk, srs, statements, bytes(bad)):
                wrong.append(f"accepts a change of word {index}")
        if not refused(vk, srs, statements, proof + bytes(32)) or not refused(vk, srs, statements, proof[:-32]):
            wrong.append("accepts another length")
        failures += bool(wrong)
        print(f"{path}: {'FAILED: ' + ', '.join(wrong) if wrong else 'ok'}")
    if not paths:
        sys.exit(__doc__)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
