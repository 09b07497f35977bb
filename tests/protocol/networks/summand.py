"""The summand (N6): powers of lambda, public functions (dense and closed), Phi, Claim_0. One definition of Phi for rows, rounds and r."""

from closed import Monomials, access, committed_term, hat, hat_weights, points, term_value, term_weights
from field import R, bits_value, eq_table, equal, mle, powers, pre, product, span



class Weights:
    """Exponents of lambda (N6) and every access with its weight."""

    def __init__(self, pr, lam):
        g = max([len(k.gates) for k in pr.kinds] + [0])
        self.eJ, self.eX = g, g + pr.nj
        self.eV = self.eX + pr.nr
        self.eH = self.eV + 1
        self.eT = self.eH + pr.ell
        self.eO = self.eT + 3
        count = self.eO + len(pr.operations) + 3
        self.power = [1]
        for _ in range(count):
            self.power.append(self.power[-1] * lam % R)
        self.op = {id(o): self.power[self.eO + i] for i, o in enumerate(pr.operations)}
        self.Y, self.L, self.R = (self.power[count - 3 + i] for i in range(3))

    def accesses(self, pr):
        """(name of the constraint, weight, access, sample challenge)."""
        for o in pr.operations:
            for a in o.accesses:
                yield o.name, self.op[id(o)], a, "mu"
        for o in pr.linears:
            for a in o.hats:
                yield "link Y", -self.Y, a, "mu"
        for o in pr.products:
            for a in o.left:
                yield "link YL", -self.L, a, "psi"
            for a in o.right:
                yield "link YR", -self.R, a, "psi"


def om_key(a, view):
    return "Om", a.tensor.kind.name, view, None if a.view2 is None else a.tensor.kind.view(a.view2)


def samples(ch, N, K):
    return {s: [pow(ch[s], k, R) if k < N else 0 for k in range(K)] for s in ("mu", "psi")}


def dense(pr, sh, ch, values):
    """Every public function as a table of n entries, from its definition."""
    w, at, n, K = Weights(pr, ch["lambda"]), Monomials(ch), sh.n, sh.K
    zero = lambda: [0] * n
    names = ["ES", "S", "ESN", "SN", "ZB", "ZBP", "ZT", "MC", "TL", "Zlo"]
    names += [f"SLK{i}" for i in range(pr.nj)] + [f"SR{j}" for j in range(1, pr.nr + 1)]
    d, eq, powers_of = {c: zero() for c in names}, eq_table(ch["xi"]), samples(ch, sh.N, K)
    for a in sh.real:
        d["ES"][a], d["S"][a] = eq[a], 1
        if a % K < sh.N:
            d["ESN"][a], d["SN"][a] = eq[a], 1
    for k in pr.kinds:
        d["ES", k.name] = zero()
        for a in (a for a in range(k.lo * K, k.hi * K) if a % K < sh.N):
            d["ES", k.name][a] = eq[a]
            for i in range(len(k.lookups)):
                d[f"SLK{i}"][a] = 1
            for j in k.reads:
                d[f"SR{j}"][a] = 1
    for _, lam, a, s in w.accesses(pr):
        for view, p, weight, _ in points(a, at):
            table = d.setdefault(om_key(a, view), zero())
            for k in range(sh.N):
                table[p * K + k] = (table[p * K + k] + lam * weight * powers_of[s][k]) % R
    block = 1 << sh.lo
    spread = lambda name, q, v: d[name].__setitem__(slice(q * block, (q + 1) * block), [v] * block)
    for o in pr.linears:
        for q in range(*o.segment):
            spread("ZB", q, w.op[id(o)])
        for h in o.public:
            for q, v in hat_weights(h, at, ch["mu"], sh.N, values).items():
                spread("ZBP", q, (d["ZBP"][q * block] + w.op[id(o)] * v) % R)
    for q in range(2, pr.qend):
        spread("ZT", q, pow(ch["theta"], q, R))
    for o in pr.products:
        for p in range(*o.segment):
            for k in range(sh.N):
                d["MC"][p * K + k] = w.op[id(o)] * powers_of["mu"][k] % R
    for p in range(2, pr.pend):
        for k in range(sh.N):
            d["TL"][p * K + k] = pow(ch["theta"], p, R) * powers_of["psi"][k] % R
    for a in range(0, n, block):
        d["Zlo"][a] = 1
    for s in pr.committed:
        size, E = 1 << sh.levels[s.name], [0] * (n >> sh.levels[s.name])
        for o in pr.operations:
            for t in (t for t in o.terms if t.port is s):
                for i, v in term_weights(t, at):
                    E[2 + i] += w.op[id(o)] * v
        d["E", s.name] = [E[a // size] % R for a in range(n)]
        d["Z", s.name] = [int(a % size == 0) for a in range(n)]
    d["I"], d["SMP"], d["POS"] = list(range(n)), [a % K for a in range(n)], [a // K for a in range(n)]
    d["Tin"], d["Tid"] = [a // K % 256 for a in range(n)], [a // K // 256 - 1 for a in range(n)]
    return d


def closed(pr, sh, ch, values, r):
    """Every public function at r, by N7."""
    w, at, mu = Weights(pr, ch["lambda"]), Monomials(ch), ch["mu"]
    r_k, r_p, r_q = r[: sh.kappa], r[sh.kappa :], r[sh.lo :]
    eq, one = equal(ch["xi"][sh.kappa :], r_p), powers(1, r_p)
    eq_k = equal(ch["xi"][: sh.kappa], r_k)
    all_k, some_k, in_k = pre(eq_k, sh.K), pre(eq_k, sh.N), pre(powers(1, r_k), sh.N)
    sample = {s: pre(powers(ch[s], r_k), sh.N) for s in ("mu", "psi")}
    out = {"S": span(one, 2, pr.P)}
    out["ES"], out["ESN"] = (f * span(eq, 2, pr.P) for f in (all_k, some_k))
    out["SN"] = in_k * out["S"]
    for k in pr.kinds:
        out["ES", k.name] = some_k * span(eq, k.lo, k.hi)
    having = lambda on: in_k * sum(span(one, k.lo, k.hi) for k in pr.kinds if on(k))
    for i in range(pr.nj):
        out[f"SLK{i}"] = having(lambda k: len(k.lookups) > i)
    for j in range(1, pr.nr + 1):
        out[f"SR{j}"] = having(lambda k: j in k.reads)
    for _, lam, a, s in w.accesses(pr):
        for view, v in access(a, at, ch[s], sh.N, r_k, r_p):
            out[om_key(a, view)] = out.get(om_key(a, view), 0) + lam * v
    theta = ch["theta"]
    out["ZB"] = sum(w.op[id(o)] * span(powers(1, r_q), *o.segment) for o in pr.linears)
    out["ZBP"] = sum(w.op[id(o)] * hat(h, at, mu, sh.N, values, r_q) for o in pr.linears for h in o.public)
    out["ZT"] = span(powers(theta, r_q), 2, pr.qend)
    out["MC"] = sample["mu"] * sum(w.op[id(o)] * span(one, *o.segment) for o in pr.products)
    out["TL"] = sample["psi"] * span(powers(theta, r_p), 2, pr.pend)
    out["Zlo"] = product(1 - x for x in r[: sh.lo])
    for s in pr.committed:
        r_s = r[sh.levels[s.name] :]
        out["Z", s.name] = product(1 - x for x in r[: sh.levels[s.name]])
        out["E", s.name] = sum(
            w.op[id(o)] * committed_term(t, at, r_s) for o in pr.operations for t in o.terms if t.port is s
        )
    out["I"], out["SMP"], out["POS"] = bits_value(r), bits_value(r_k), bits_value(r_p)
    out["Tin"], out["Tid"] = bits_value(r_p[:8]), bits_value(r_p[8:]) - 1
    return {k: v % R for k, v in out.items()}


def local(pr, ch, w, c, f):
    """The part of Phi that speaks about single rows and the two logUp sums: (constraint, value)."""
    l, beta, gamma, gamma2 = w.power, ch["beta"], ch["gamma"], ch["gamma"] ** 2 % R
    for k in pr.kinds:
        es = f["ES", k.name]
        if not es:
            continue
        for i, (name, A, B, C) in enumerate(k.gates):
            yield f"{k.name}.{name}", es * l[i] * (A(c) * B(c) - C(c))
        for i, (table, x, y) in enumerate(k.lookups):
            yield f"J{i}", es * l[w.eJ + i] * (c[f"J{i}"] * (beta + x(c) + gamma * y(c) + gamma2 * table) - 1)
        for j in k.reads:
            read = beta + c[f"X{j}"] + gamma * c[f"addr{j}"] + gamma2 * f["SMP"]
            yield "HX", es * l[w.eX + j - 1] * (c[f"HX{j}"] * read - 1)
        if pr.nr and k.val is not None:
            yield "HV", es * l[w.eV] * c["HV"] * k.views[k.val](c)
    if pr.nr:
        yield "HV", f["ESN"] * l[w.eV] * (c["HV"] * (beta + gamma * f["POS"] + gamma2 * f["SMP"]) - c["mult"])
        reads = sum(f[f"SR{j}"] * c[f"HX{j}"] for j in range(1, pr.nr + 1))
        yield "copy sum", l[w.eT + 2] * (reads - f["SN"] * c["HV"])
    for i in range(pr.ell):
        yield "H", f["ES"] * l[w.eH + i] * (c[f"H{i}"] * (beta + c[f"L{i}"]) - 1)
    table = beta + f["Tin"] + gamma * c["Tout"] + gamma2 * f["Tid"]
    yield "HT", f["ES"] * l[w.eT] * (c["HT"] * table - c["m"])
    looked = sum(c[f"H{i}"] for i in range(pr.ell)) - c["HT"]
    yield "lookup sum", l[w.eT + 1] * (f["S"] * looked + sum(f[f"SLK{i}"] * c[f"J{i}"] for i in range(pr.nj)))


def linear(pr, w, c, f):
    """The part of Phi that is accesses, hats, operations and committed ports."""
    total = 0
    for key, value in f.items():
        if value and key[0] == "Om":
            kind = next(k for k in pr.kinds if k.name == key[1])
            total += value * kind.form(key[2])(c) * (1 if key[3] is None else kind.form(key[3])(c))
    total += f["Zlo"] * (w.Y * f["ZT"] * c["Y"] - c["G"] * (f["ZB"] * c["Y"] + f["ZBP"]))
    if pr.products:
        total += f["TL"] * (w.L * c["YL"] + w.R * c["YR"]) - f["MC"] * c["YL"] * c["YR"]
    return total + sum(f["Z", s.name] * f["E", s.name] * c["X_" + s.name] for s in pr.committed)


def masks(ch, c, f):
    return ch["zeta"] * (c["S1"] + f["I"] * c["S2"] + f["I"] ** 2 * c["S3"])


def phi(pr, ch, w, c, f):
    return (sum(v for _, v in local(pr, ch, w, c, f)) + linear(pr, w, c, f) + masks(ch, c, f)) % R


def public_claim(pr, sh, ch, values):
    """Claim_0 without zeta sigma."""
    w, at = Weights(pr, ch["lambda"]), Monomials(ch)
    return -sum(
        w.op[id(o)] * term_value(t, at, ch["mu"], sh.N, values)
        for o in pr.operations for t in o.terms if not t.port.committed
    ) % R


def compare(pr, sh, ch, values, r, tables=None):
    """Names of public functions whose closed form is not the extension of their table."""
    tables = tables or dense(pr, sh, ch, values)
    at_r = closed(pr, sh, ch, values, r)
    return [k for k, t in tables.items() if mle(t, r) != at_r[k]] + [k for k in at_r if k not in tables and at_r[k]]


