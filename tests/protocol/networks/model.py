"""Runs a circuit: challenges, messages, the value of every constraint, the sumcheck."""

import itertools
import random
from functools import cached_property

import closed as forms
import summand
from field import R, inv, product
from program import Shape
from summand import Weights
from witness import activations, messages


class Run:
    """One proof of a circuit at the level of tables. `tamper` changes rows before they are stored, `after` the columns of M2."""

    def __init__(self, circuit, seed=0, tamper=None, after=None, ch=None):
        self.c, self.pr, self.rng = circuit, circuit.pr, random.Random(seed)
        self.sh = Shape(self.pr, circuit.N)
        self.ch = ch or self.challenges()
        self.w = Weights(self.pr, self.ch["lambda"])
        witness = activations(circuit, tamper)
        self.witness = witness
        self.col, self.shorts = messages(circuit, witness, self.ch, self.rand)
        if after:
            after(self)
        self.public = summand.dense(self.pr, self.sh, self.ch, circuit.values)

    def rand(self):
        return self.rng.randrange(1, R)

    def challenges(self):
        ch = {c: self.rand() for c in ("alpha", "beta", "gamma", "chi", "mu", "lambda", "theta", "psi", "zeta")}
        ch["xi"] = [self.rand() for _ in range(self.sh.l)]
        return ch

    def set_short(self, name, position, value):
        """Changes one coefficient of G, Y or X_s."""
        level, t = self.shorts[name]
        t[position] = value % R
        self.col[name][position << level : (position + 1) << level] = [value % R] * (1 << level)

    def add(self, column, tensor, index, value, k=0):
        """Adds to a column at the row of an element."""
        a = tensor.at(*index) * self.sh.K + k if tensor else index
        self.col[column][a] = (self.col[column][a] + value) % R

    def copy_sum(self):
        reads = sum(self.col[f"HX{j}"][p * self.sh.K + k] for k in range(self.sh.N) for (j, p) in self.pr.copies)
        return (reads - sum(self.col["HV"][a] for a in self.sh.real if a % self.sh.K < self.sh.N)) % R

    def lookup_sum(self):
        total = sum(self.col[f"H{i}"][a] for i in range(self.pr.ell) for a in self.sh.real) - sum(self.col["HT"][a] for a in self.sh.real)
        for kind in self.pr.kinds:
            rows = [p * self.sh.K + k for p in range(kind.lo, kind.hi) for k in range(self.sh.N)]
            total += sum(self.col[f"J{i}"][a] for i in range(len(kind.lookups)) for a in rows)
        return total % R

    def at(self, a):
        return {k: t[a] for k, t in self.col.items()}, {k: t[a] for k, t in self.public.items()}

    def sigma(self):
        return sum(self.col["S1"][a] + a * self.col["S2"][a] + a * a * self.col["S3"][a] for a in range(self.sh.n)) % R

    @cached_property
    def residuals(self):
        """{constraint: sum of its part of Phi less its part of Claim_0}; the operations one by one."""
        out, ck, fk, first = {}, list(self.col), [k for k in self.public if k[0] != "Om"], self.sh.real[0]
        rows = zip(zip(*(self.col[k][first:] for k in ck)), zip(*(self.public[k][first:] for k in fk)))
        for c, f in itertools.islice(rows, len(self.sh.real)):
            for name, v in summand.local(self.pr, self.ch, self.w, dict(zip(ck, c)), dict(zip(fk, f))):
                out[name] = out.get(name, 0) + v
        at, mu, N, K = forms.Monomials(self.ch), self.ch["mu"], self.sh.N, self.sh.K
        base = {s: [pow(self.ch[s], k, R) for k in range(N)] for s in ("mu", "psi")}
        for name, lam, a, s in self.w.accesses(self.pr):
            for view, p, weight, _ in forms.points(a, at):
                form, second = a.tensor.kind.form(view), a.view2 and a.tensor.kind.views[a.view2]
                for k in range(N):
                    row = p * K + k
                    value = sum(x * self.col[c][row] for c, x in form.coef) + form.const
                    if second:
                        value *= sum(x * self.col[c][row] for c, x in second.coef) + second.const
                    out[name] = (out.get(name, 0) + lam * weight * base[s][k] * value) % R
        Y, G = self.shorts["Y"][1], self.shorts["G"][1]
        for o in self.pr.operations:
            lam, total = self.w.op[id(o)], 0
            for t in o.terms:
                if t.port.committed:
                    total += sum(v * self.shorts["X_" + t.port.name][1][2 + i] for i, v in forms.term_weights(t, at))
                else:
                    total += forms.term_value(t, at, mu, N, self.c.values)
            if o in self.pr.linears:
                total -= sum(G[q] * Y[q] for q in range(*o.segment))
                for h in o.public:
                    total -= sum(G[q] * v for q, v in forms.hat_weights(h, at, mu, N, self.c.values).items())
            if o in self.pr.products:
                total -= sum(base["mu"][k] * self.col["YL"][p * K + k] * self.col["YR"][p * K + k] for p in range(*o.segment) for k in range(N))
            out[o.name] = (out.get(o.name, 0) + lam * total) % R
        theta = self.ch["theta"]
        out["link Y"] = out.get("link Y", 0) + self.w.Y * sum(pow(theta, q, R) * Y[q] for q in range(2, self.pr.qend))
        for name, lam in (("YL", self.w.L), ("YR", self.w.R)) if self.pr.products else ():
            out["link " + name] = out.get("link " + name, 0) + lam * sum(x * y for x, y in zip(self.public["TL"], self.col[name]))
        return {k: v % R for k, v in out.items()}

    def violated(self):
        return sorted(k for k, v in self.residuals.items() if v)

    def accepted(self, without=()):
        """Does the sum over all rows equal Claim_0 when these constraints are dropped on both sides?"""
        return sum(v for k, v in self.residuals.items() if k not in without) % R == 0

    def total(self):
        """sum_a Phi(a) - Claim_0, by the summand itself."""
        rows = sum(summand.phi(self.pr, self.ch, self.w, *self.at(a)) for a in range(self.sh.n))
        return (rows - summand.public_claim(self.pr, self.sh, self.ch, self.c.values) - self.ch["zeta"] * self.sigma()) % R

    def sumcheck(self):
        """l cubic rounds; True if every round is consistent and the last claim is Phi(r) by closed forms."""
        claim = (summand.public_claim(self.pr, self.sh, self.ch, self.c.values) + self.ch["zeta"] * self.sigma()) % R
        r, last, c = rounds(self.pr, self.ch, self.w, self.col, self.public, claim, lambda e: self.rand())
        if last is None:
            return False
        at_r = summand.closed(self.pr, self.sh, self.ch, self.c.values, r)
        return summand.phi(self.pr, self.ch, self.w, c, at_r) == last


def rounds(pr, ch, w, col, public, claim, challenge):
    """The sumcheck; challenge([e(0), e(1), e(2), e(3)]) gives the next r_i. Returns r, the last claim (None: a round is not
    consistent) and the columns at r."""
    tables = {("c", k): list(t) for k, t in col.items()} | {("f", k): list(t) for k, t in public.items()}
    r, size = [], len(col["L0"])
    while size > 1:
        size //= 2
        e = [0, 0, 0, 0]
        for a in range(size):
            lo = {k: t[2 * a] for k, t in tables.items()}
            step = {k: t[2 * a + 1] - lo[k] for k, t in tables.items()}
            for x in range(4):
                at = {"c": {}, "f": {}}
                for k, v in lo.items():
                    at[k[0]][k[1]] = v + x * step[k]
                e[x] += summand.phi(pr, ch, w, at["c"], at["f"])
        if (e[0] + e[1] - claim) % R:
            return r, None, None
        e = [v % R for v in e]
        r.append(challenge(e))
        claim = interpolate(e, r[-1])
        tables = {k: [(t[2 * a] + r[-1] * (t[2 * a + 1] - t[2 * a])) % R for a in range(size)] for k, t in tables.items()}
    return r, claim, {k[1]: t[0] for k, t in tables.items() if k[0] == "c"}


def interpolate(e, x):
    """The cubic through (0..3, e) at x."""
    return sum(
        e[i] * product(x - j for j in range(4) if j != i) * inv(product(i - j for j in range(4) if j != i)) for i in range(4)
    ) % R
