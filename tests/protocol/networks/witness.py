"""What an honest prover computes: M1's columns, then M2's columns and hats (N4, N5)."""

from closed import Monomials, points
from field import R, inv
from program import Shape


def split(value, first, last):
    """Value as bytes L_first..L_last, low first."""
    count = last - first + 1
    assert 0 <= value < 1 << 8 * count, f"{value} in {count} bytes"
    return {f"L{first + i}": value >> 8 * i & 255 for i in range(count)}


class Witness:
    """L and X. `tamper` maps (tensor, index, sample) to a function that changes the row before it is stored."""

    def __init__(self, pr, N, tamper=None):
        self.pr, self.sh, self.tamper = pr, Shape(pr, N), tamper or {}
        self.col = {c: [0] * self.sh.n for c in pr.columns}
        for kind in (k for k in pr.kinds if k.default):
            for p in range(kind.lo, kind.hi):
                for k in range(N):
                    for c, v in kind.default.items():
                        self.col[c][p * self.sh.K + k] = v

    def set(self, tensor, index, k, row):
        row = dict(row)
        self.tamper.get((tensor.name, tuple(index), k), lambda _: None)(row)
        for c, v in row.items():
            self.col[c][tensor.at(*index) * self.sh.K + k] = v % R

    def row(self, tensor, index, k=0):
        a = tensor.at(*index) * self.sh.K + k
        return {c: v[a] for c, v in self.col.items()}

    def get(self, tensor, view, index, k):
        v = tensor.kind.views[view](self.row(tensor, index, k)) % R
        return v if v < R // 2 else v - R


def table_position(pr, t):
    """The position of a tuple (id, in, out) in the table, or None."""
    table, x, y = t
    if x < 256 and 0 <= table <= pr.F and y == (pr.tables[table - 1][x] if table else 0):
        return 256 * (table + 1) + x
    return None


def fixed_columns(pr):
    """Tout, addr_j, mult by position."""
    out = {"Tout": [0] * pr.P}
    for f, outputs in enumerate(pr.tables, 1):
        out["Tout"][256 * (f + 1) : 256 * (f + 2)] = [v % R for v in outputs]
    for j in range(1, pr.nr + 1):
        out[f"addr{j}"] = [0] * pr.P
    out["mult"] = [0] * pr.P
    for (j, position), address in pr.copies.items():
        out[f"addr{j}"][position] = address
        out["mult"][address] += 1
    return out


def activations(circuit, tamper=None):
    w = Witness(circuit.pr, circuit.N, tamper)
    circuit.fill(w)
    return w


def multiplicities(pr, sh, w):
    m = [0] * sh.n
    for a in sh.real:
        kind = pr.kind_at(a // sh.K)
        row = {c: v[a] for c, v in w.col.items()}
        tuples = [(0, row[f"L{i}"], 0) for i in range(pr.ell)]
        if kind and a % sh.K < sh.N:
            tuples += [(t, x(row) % R, y(row) % R) for t, x, y in kind.lookups]
        for t in tuples:
            at = table_position(pr, t)
            if at is not None:
                m[at * sh.K] += 1
    return m


def hats(pr, sh, w, at, ch):
    """Y by position, YL and YR by row, from their definitions in N2."""
    unit = Monomials({**ch, "theta": 1})
    out = {"Y": [0] * (1 << pr.nu), "YL": [0] * sh.n, "YR": [0] * sh.n}

    def collect(name, a):
        for view, p, weight, index in points(a, unit):
            q = a.mono[2] + sum(v.mono[2] * i for v, i in zip(a.vars, index))
            form = a.tensor.kind.form(view)
            for k in range(sh.N):
                row = p * sh.K + k
                value = weight * (sum(x * w.col[c][row] for c, x in form.coef) + form.const)
                if name == "Y":
                    out["Y"][q] = (out["Y"][q] + value * pow(ch["mu"], k, R)) % R
                else:
                    out[name][q * sh.K + k] = (out[name][q * sh.K + k] + value) % R

    for o in pr.linears:
        for a in o.hats:
            collect("Y", a)
    for o in pr.products:
        for a in o.left:
            collect("YL", a)
        for a in o.right:
            collect("YR", a)
    return out


def messages(circuit, w, ch, rand):
    """All columns as tables of n entries; short polynomials also as lists under their own names (`shorts`)."""
    pr, sh = circuit.pr, w.sh
    n, K, N, real = sh.n, sh.K, sh.N, sh.real
    beta, gamma, gamma2 = ch["beta"], ch["gamma"], ch["gamma"] ** 2 % R
    fixed = fixed_columns(pr)
    col = {c: list(v) for c, v in w.col.items()}
    col["m"] = multiplicities(pr, sh, w)
    names = [f"H{i}" for i in range(pr.ell)] + ["HT"] + [f"J{i}" for i in range(pr.nj)]
    names += [f"HX{j}" for j in range(1, pr.nr + 1)] + ["HV"] * (pr.nr > 0)
    for c in names:
        col[c] = [0] * n
    cache = {}

    def inverse(value):
        value %= R
        if value not in cache:
            cache[value] = inv(value)
        return cache[value]

    for a in real:
        p, k = divmod(a, K)
        for i in range(pr.ell):
            col[f"H{i}"][a] = inverse(beta + w.col[f"L{i}"][a])
        if col["m"][a]:
            col["HT"][a] = col["m"][a] * inverse(beta + p % 256 + gamma * fixed["Tout"][p] + gamma2 * (p // 256 - 1)) % R
        kind = pr.kind_at(p) if k < N else None
        row = {c: v[a] for c, v in w.col.items()} if kind and (kind.lookups or pr.nr) else {}
        for i, (t, x, y) in enumerate(kind.lookups if kind else ()):
            col[f"J{i}"][a] = inverse(beta + x(row) + gamma * y(row) + gamma2 * t)
        for j in kind.reads if kind else ():
            col[f"HX{j}"][a] = inverse(beta + row[f"X{j}"] + gamma * fixed[f"addr{j}"][p] + gamma2 * k)
        if k < N and fixed["mult"][p]:
            val = kind.views[kind.val](row) if kind and kind.val is not None else 0
            col["HV"][a] = fixed["mult"][p] * inverse(beta + val + gamma * p + gamma2 * k) % R
    at = Monomials(ch)
    hat = hats(pr, sh, w, at, ch)
    if pr.products:
        col["YL"], col["YR"] = hat["YL"], hat["YR"]
    for c in col:
        col[c][0], col[c][1] = rand(), rand()
    G = [0] * (1 << pr.nu)
    for (i, q), v in circuit.weights.items():
        G[q] = (G[q] + v * pow(ch["alpha"], i, R)) % R
    shorts = {"Y": (sh.lo, hat["Y"]), "G": (sh.lo, G)}
    for s in pr.committed:
        X = [0] * (n >> sh.levels[s.name])
        for k in range(N):
            for i, v in enumerate(circuit.values[k][s.name]):
                X[2 + i] = (X[2 + i] + v * pow(ch["mu"], k, R)) % R
        shorts["X_" + s.name] = sh.levels[s.name], X
    for _, t in shorts.values():
        t[0], t[1] = rand(), rand()
    for c, (level, t) in shorts.items():
        col[c] = [t[a >> level] for a in range(n)]
    for c, t in fixed.items():
        col[c] = [t[a // K] if a // K < pr.P else 0 for a in range(n)]
    for c in ("S1", "S2", "S3", "S0"):
        col[c] = [0] * n
        for a in mask_cells(sh.l):
            col[c][a] = rand()
    return col, shorts


def mask_cells(l):
    """U of N4: all of a < n."""
    n = 1 << l
    return sorted(a for a in {j << i for j in range(8) for i in range(l)} | {n // 2 + j for j in range(4)} if a < n)
