"""Closed forms of accesses, hats and terms (N7), and the dense definitions they are compared with (N2)."""

from field import R, eq_at, geo, interval, powers, pre, product
from program import LANE, Var, box


class Monomials:
    """Powers of the challenges alpha, chi, theta."""

    def __init__(self, ch):
        self.bases = (ch["alpha"], ch["chi"], ch["theta"])

    def __call__(self, mono):
        return product(pow(b, e, R) for b, e in zip(self.bases, mono))


# ------------------------------------------------------------------------------------------------ dense


def points(a, at):
    """(view index, position, weight, index) of every point of an access that is in bounds."""
    base = a.coef * at(a.mono) % R
    table = [[pow(at(v.mono), i, R) for i in range(v.size)] for v in a.vars]
    start = a.tensor.kind.view(a.view)
    for index in box(a.vars):
        if a.tri and index[a.tri[1]] > index[a.tri[0]]:
            continue
        x, view, w = list(a.offs), start, base
        for v, t, i in zip(a.vars, table, index):
            w = w * t[i] % R
            if v.target == LANE:
                view += v.stride * i
            elif v.target is not None:
                x[v.target] += v.stride * i
        if all(0 <= xi < d for xi, d in zip(x, a.tensor.dims)):
            yield view, a.tensor.at(*x), w, index


def hat_weights(hat, at, mu, N, values):
    """{position of G: weight} of a public hat; values[k][port name]."""
    out = {}
    if hasattr(hat, "sums"):
        scale = at(hat.mono) * product(geo(at(m), size) for size, m in hat.sums) * sum(pow(mu, k, R) for k in range(N))
        for i in range(hat.size):
            out[hat.q + i] = scale * pow(at(hat.step), i, R) % R
        return out
    for k in range(N):
        for index in box(hat.vars):
            e = values[k][hat.port.name][hat.first + sum(v.stride * i for v, i in zip(hat.vars, index))]
            w = pow(mu, k, R) * at(hat.mono) * product(pow(at(v.mono), i, R) for v, i in zip(hat.vars, index))
            q = hat.q + hat.stride * e
            out[q] = (out.get(q, 0) + w) % R
    return out


def term_weights(term, at):
    """(element index, weight) of every point of a term's box."""
    base = term.coef * at(term.mono) % R
    for index in box(term.vars):
        w = base * product(pow(at(v.mono), i, R) for v, i in zip(term.vars, index)) % R
        yield term.first + sum(v.stride * i for v, i in zip(term.vars, index)), w


def term_value(term, at, mu, N, values):
    """The value of a term on a public port."""
    B, total = at(term.base), 0
    of = {"value": lambda e: e, "power": lambda e: pow(B, e, R), "sum": lambda e: geo(B, e)}[term.mode]
    for i, w in term_weights(term, at):
        total += w * sum(pow(mu, k, R) * of(values[k][term.port.name][i]) for k in range(N))
    return total % R


# --------------------------------------------------------------------------------------------- closed form


def main_variable(vars):
    """The variable of an axis that is summed in closed form: the greatest with a stride 2^e, the first of them."""
    candidates = [v for v in vars if v.stride & (v.stride - 1) == 0]
    return max(candidates, key=lambda v: v.size, default=None)


def axis(vars, offset, dim, start, r, at):
    main = main_variable(vars)
    rest = [v for v in vars if v is not main]
    total = 0
    for index in box(rest):
        o = offset + sum(v.stride * i for v, i in zip(rest, index))
        w = product(pow(at(v.mono), i, R) for v, i in zip(rest, index))
        if main is None:
            total += w * eq_at(o + start, r) if 0 <= o < dim else 0
            continue
        e = main.stride.bit_length() - 1
        lo, hi = max(0, -(o >> e)), min(main.size, (dim - 1 - o >> e) + 1)
        if lo < hi:
            res, shift = (o + start) & (1 << e) - 1, o + start >> e
            total += w * eq_at(res, r[:e]) * interval(at(main.mono), lo, hi, shift, r[e:])
    return total % R


def triangle(fs, ft, d):
    """sum_{t <= s < d} prod fs_i[s_i] ft_i[t_i], from the top bit; states (s tight to d-1, t equal to s)."""
    state = {(True, True): 1}
    for i in reversed(range(len(fs))):
        following, bound = {}, d - 1 >> i & 1
        for (tight, equal), v in state.items():
            for s, t in ((0, 0), (0, 1), (1, 0), (1, 1)):
                if (equal and t > s) or (tight and s > bound):
                    continue
                key = tight and s == bound, equal and s == t
                following[key] = (following.get(key, 0) + v * fs[i][s] * ft[i][t]) % R
        state = following
    return sum(state.values()) % R


def positions(tensor, vars, offs, tri, at, r):
    """The position part of an access without lane: product over its axes."""
    total, done, shifts, bits = 1, set(), tensor.shifts, tensor.bits
    part = lambda j: r[shifts[0] :] if j == 0 else r[shifts[j] : shifts[j] + bits[j]]
    if tri:
        factors, d = [], vars[tri[0]].size
        width = (d - 1).bit_length()
        for v in (vars[tri[0]], vars[tri[1]]):
            B = at(v.mono)
            if v.target is None:
                factors.append([(1, pow(B, 1 << i, R)) for i in range(width)])
            else:
                factors.append(powers(B, part(v.target)))
                done.add(v.target)
        total = triangle(*factors, d)
    free = [v for i, v in enumerate(vars) if not (tri and i in tri)]
    for v in free:
        if v.target is None:
            total = total * geo(at(v.mono), v.size) % R
    for j, d in enumerate(tensor.dims):
        if j not in done:
            start = tensor.base >> shifts[0] if j == 0 else 0
            total = total * axis([v for v in free if v.target == j], offs[j], d, start, part(j), at) % R
    return total


def access(a, at, s, N, r_k, r_p):
    """[(view index, value at r)] of the weight function of an access; s is the sample's base."""
    scale = a.coef * at(a.mono) * pre(powers(s, r_k), N) % R
    lane = next((v for v in a.vars if v.target == LANE), None)
    tri = a.tri
    rest = [v for v in a.vars if v is not lane]
    if lane is not None and tri:
        tri = tuple(rest.index(a.vars[i]) for i in tri)
    value = scale * positions(a.tensor, rest, a.offs, tri, at, r_p) % R
    first = a.tensor.kind.view(a.view)
    if lane is None:
        return [(first, value)]
    B = at(lane.mono)
    return [(first + lane.stride * i, value * pow(B, i, R) % R) for i in range(lane.size)]


def hat(h, at, mu, N, values, r_q):
    """The value at r of a public hat's weight function."""
    if hasattr(h, "sums"):
        scale = at(h.mono) * product(geo(at(m), size) for size, m in h.sums) * geo(mu, N)
        return scale * interval(at(h.step), 0, h.size, h.q, r_q) % R
    return sum(w * eq_at(q, r_q) for q, w in hat_weights(h, at, mu, N, values).items()) % R


def committed_term(term, at, r_s):
    """The value at r of the weights of a term on a committed port, on the variables of X_s."""
    dim, vars = term.port.count, [Var(v.size, v.mono, 0, v.stride) for v in term.vars]
    return term.coef * at(term.mono) * axis(vars, term.first, dim, 2, r_s, at) % R


def pieces(vars, axes, tri=None):
    """Number of enumerated points per axis of a set of variables."""
    out = []
    for j in range(axes):
        on = [v for i, v in enumerate(vars) if v.target == j and not (tri and i in tri)]
        main, count = main_variable(on), 1
        for v in on:
            count *= 1 if v is main else v.size
        out.append(count)
    return out
