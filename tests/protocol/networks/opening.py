"""The opening M5 to M7 at the level of polynomials: folds, injections at several levels, the 8-coefficient stop. And the view that
masks have to hide (N12), as vectors, for ranks."""

from field import R, inv, mle


def evaluate(poly, x):
    out = 0
    for c in reversed(poly):
        out = (out * x + c) % R
    return out


def fold(poly, u):
    poly = poly + [0] * (len(poly) % 2)
    return [((1 - u) * poly[i] + u * poly[i + 1]) % R for i in range(0, len(poly), 2)]


def add(a, b):
    n = max(len(a), len(b))
    a, b = a + [0] * (n - len(a)), b + [0] * (n - len(b))
    return [(x + y) % R for x, y in zip(a, b)]


def prove(l, polys, r, rho):
    """polys = [(level, coefficients)], of any length. Returns F_1..F_h as polynomials."""
    h, P, folds = l - 3, [], []
    for i in range(h):
        for j, (level, p) in enumerate(polys):
            if level == i:
                P = add(P, [pow(rho, j, R) * c % R for c in p])
        P = fold(P, r[i])
        folds.append(P)
    return folds


def verify(l, polys, values, r, rho, folds, x, stop=8, alone=True):
    """The checks V5 at x, for polynomials that are opened truly. stop = None drops the 8-coefficient stop, alone = False the
    separate opening of F_i."""
    h = l - 3
    injected = lambda i, at: sum(pow(rho, j, R) * evaluate(p, at) for j, (level, p) in enumerate(polys) if level == i)
    F = [[]] + folds
    if stop and len(F[h]) > stop:
        return False
    if (mle((F[h] + [0] * 8)[:8], r[h:]) - sum(pow(rho, j, R) * v for j, v in enumerate(values))) % R:
        return False
    for i in range(h):
        plus, minus = (evaluate(F[i], at) + injected(i, at) for at in (x, -x % R))
        v = ((1 - r[i]) * (plus + minus) * inv(2) + r[i] * (plus - minus) * inv(2 * x)) % R
        if (alone or i + 1 == h) and v != evaluate(F[i + 1], x * x % R):
            return False
    return True


def view(l, level, poly, tau, r, x, owner, owners):
    """What an opening shows of one polynomial injected at a level: its commitment and value in the place of its owner, C_Fi, P_i(+-x),
    fin. Linear in the coefficients."""
    h, P, commitments, values = l - 3, [0], [], []
    for i in range(h):
        if i >= 1:
            commitments.append(evaluate(P, tau))
        if i == level:
            P = add(P, poly)
        values += [evaluate(P, x), evaluate(P, -x % R)]
        P = fold(P, r[i])
    own = []
    for o in range(owners):
        own += [evaluate(poly, tau), mle(poly, r[level:])] if o == owner else [0, 0]
    return own + commitments + values + (P + [0] * 8)[:8]


def rank(rows):
    rows, rank_ = [r[:] for r in rows], 0
    for c in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(rank_, len(rows)) if rows[i][c]), None)
        if pivot is None:
            continue
        rows[rank_], rows[pivot] = rows[pivot], rows[rank_]
        k = inv(rows[rank_][c])
        top = rows[rank_] = [v * k % R for v in rows[rank_]]
        for i in range(rank_ + 1, len(rows)):
            f = rows[i][c]
            if f:
                rows[i] = [(a - f * b) % R for a, b in zip(rows[i], top)]
        rank_ += 1
    return rank_
