"""N11 (c): is a program a function? Element by element (a compiler's check works on boxes; on small programs this is what it means).

Facts are (position, view): "determined by inputs, f and fixed data". An object contributes equations, keyed by the exponents of the
challenges, and a fact is derived by one of the steps 1 to 6 only."""

from collections import defaultdict
from itertools import product as every

import catalogue as cat
from program import LANE, box, need

# template: views that a row needs -> views that it gives; kinds are compared form by form with what the constructor makes
ROWS = {
    cat.requantize: [(("z",), ("t",))], cat.relu: [(("z",), ("y",))], cat.clamp: [(("z",), ("y",))],
    cat.function8: [(("z",), ("o",))], cat.divide: [(("z",), ("y",))], cat.multiply: [(("a", "b"), ("t",))],
    cat.exponential: [(("D",), ("e",))], cat.function16: [(("D",), ("e",))], cat.reciprocal: [(("S",), ("r",))], cat.variance: [(("S", "Q"), ("v",))],
    cat.inputs: [(("y",), ("t",)), (("t",), ("y",))], cat.compare: [(("X1", "X2"), ("c",))], cat.choose: [(("X1", "X2", "X3"), ("y",))],
    cat.score: [(("z",), ("t",))], cat.constant: [], cat.copied: [(("X1",), ("t",))],
}


def same(a, b):
    forms = lambda k: [(tuple(sorted(f.coef)), f.const) for f in k.views.values()]
    gates = lambda k: [[(tuple(sorted(f.coef)), f.const) for f in g[1:]] for g in k.gates]
    looks = lambda k: [(t, x.coef, x.const, tuple(sorted(y.coef)), y.const) for t, x, y in k.lookups]
    return (list(a.views), forms(a), gates(a), looks(a), a.val, a.reads) == (list(b.views), forms(b), gates(b), looks(b), b.val, b.reads)


def entries(a):
    """[(exponents of alpha, chi, theta; coefficient; position; view; view2)] of every point in bounds."""
    out = []
    for index in box(a.vars):
        if a.tri and index[a.tri[1]] > index[a.tri[0]]:
            continue
        x, view, key = list(a.offs), a.tensor.kind.view(a.view), list(a.mono)
        for v, i in zip(a.vars, index):
            key = [k + e * i for k, e in zip(key, v.mono)]
            if v.target == LANE:
                view += v.stride * i
            elif v.target is not None:
                x[v.target] += v.stride * i
        if all(0 <= xi < d for xi, d in zip(x, a.tensor.dims)):
            name = list(a.tensor.kind.views)[view]
            out.append((tuple(key), a.coef, a.tensor.at(*x), name, a.view2))
    return out


class Check:
    def __init__(self, pr, templates):
        """templates: kind name -> (constructor, arguments): hints; the kind has to be what the constructor makes."""
        self.pr, self.known, self.ports = pr, set(), {p.name for p in pr.ports if not p.output}
        self.of = {}
        for k in pr.kinds:
            if k.name in templates:
                make, arguments = templates[k.name]
                need(same(k, make(*arguments)), f"kind {k.name} is not its template")
                self.of[k.name] = make
        for t in pr.tensors:  # constant forms are known
            for i, name in every(range(t.base, t.base + t.size), t.kind.views):
                if not t.kind.views[name].coef:
                    self.known.add((i, name))
        self.rows = defaultdict(set)
        for t in pr.tensors:
            for index in every(*map(range, t.dims)):
                self.rows[t.kind.name].add(t.at(*index))
        self.relations = [self.equations(o) for o in pr.relations]
        self.readers = defaultdict(set)  # (position, view) -> relations that use it
        for o, eqs in zip(pr.relations, self.relations):
            for eq in eqs.values():
                for e in eq["entries"]:
                    self.readers[e[2], e[3]].add(o.name)

    def equations(self, o):
        out = defaultdict(lambda: {"entries": [], "ports": []})
        for a in o.accesses:
            for e in entries(a):
                out[e[0]]["entries"].append(e)
        for t in o.terms:
            for index in box(t.vars):
                key = list(t.mono)
                for v, i in zip(t.vars, index):
                    key = [k + e * i for k, e in zip(key, v.mono)]
                if t.mode == "value":
                    out[tuple(key)]["ports"].append(t.port.name)
                else:
                    for eq in out.values():
                        eq["ports"].append(t.port.name)
        return dict(out)

    def have(self, e):
        return (e[2], e[3]) in self.known and (e[4] is None or (e[2], e[4]) in self.known)

    def learn(self, facts):
        new = {f for f in facts} - self.known
        self.known |= new
        return bool(new)

    def relation_step(self, eqs):
        """Step 1: one entry is not determined, and its coefficient is 1 or -1. Step 6 for outputs."""
        changed = False
        for eq in eqs.values():
            open_ = [e for e in eq["entries"] if not self.have(e)]
            if len(open_) == 1 and set(eq["ports"]) <= self.ports:
                e = open_[0]
                if e[1] in (1, -1) and e[4] is None and sum((x[2], x[3]) == (e[2], e[3]) for x in eq["entries"]) == 1:
                    changed |= self.learn([(e[2], e[3])])
        return changed

    def outputs(self, o, eqs):
        names = {t.port.name for t in o.terms if t.port.output and t.mode == "value"}
        if names - self.ports and all(self.have(e) for eq in eqs.values() for e in eq["entries"]):
            covered = {t.first + sum(v.stride * i for v, i in zip(t.vars, x)) for t in o.terms for x in box(t.vars)}
            full = all(eq["entries"] for eq in eqs.values() if eq["ports"])
            if full and covered == set(range(o.terms[0].port.count)):
                self.ports |= names
                return True
        return False

    def linear_step(self, o):
        """Step 2: the coefficient of alpha^e chi^c needs every hat entry of chi^c with an exponent of alpha up to e."""
        lo, hi = o.segment
        hats = [e for a in o.hats for e in entries(a)]
        need(all(lo <= e[0][2] < hi for e in hats), f"{o.name}: a hat outside of its segment")
        z, changed = defaultdict(list), False
        for a in o.accesses:
            for e in entries(a):
                z[e[0][:2]].append(e)
        missing = defaultdict(set)
        for e in hats:
            if not self.have(e):
                missing[e[0][1]].add(e[0][0])
        ready = lambda e, c: not any(u <= e for u in missing[c])
        for (e, c), found in z.items():
            if len(found) == 1 and found[0][1] in (1, -1) and not found[0][4] and ready(e, c):
                changed |= self.learn([(found[0][2], found[0][3])])
        if o.terms and not any(missing.values()):
            names = {t.port.name for t in o.terms if t.port.output}
            changed |= bool(names - self.ports)
            self.ports |= names
        return changed

    def product_step(self, o):
        left, right = (defaultdict(list) for _ in "lr")
        for side, accesses in ((left, o.left), (right, o.right)):
            for a in accesses:
                for e in entries(a):
                    need(o.segment[0] <= e[0][2] < o.segment[1], f"{o.name}: a hat outside of its segment")
                    side[e[0][2]].append(e)
        missing = set()
        for p in set(left) & set(right):
            for x, y in every(left[p], right[p]):
                if not (self.have(x) and self.have(y)):
                    missing.add((x[0][0] + y[0][0], x[0][1] + y[0][1]))
        z = defaultdict(list)
        for a in o.accesses:
            for e in entries(a):
                z[e[0][:2]].append(e)
        return any([self.learn([(f[0][2], f[0][3])]) for key, f in z.items() if len(f) == 1 and f[0][1] in (1, -1) and key not in missing])

    def row_step(self):
        changed = False
        for k in self.pr.kinds:
            for needs, gives in ROWS.get(self.of.get(k.name), ()):
                for p in self.rows[k.name]:
                    have = lambda v: (p, v) in self.known
                    if all(map(have, needs)):
                        changed |= self.learn([(p, g) for g in gives])
        return changed

    def copy_step(self):
        """Step 5: X_j of a row is the val of a row that is determined."""
        facts = []
        for (j, p), address in self.pr.copies.items():
            k = self.pr.kind_at(address)
            if k and k.val is not None and (address, k.val) in self.known:
                facts.append((p, f"X{j}"))
        return self.learn(facts)

    def pairs(self, view, other):
        """Equations view(p) - other(q) (+ determined) = 0: [(p, q)], any sign, coefficients +-1, opposite."""
        out = []
        for eqs in self.relations:
            for eq in eqs.values():
                a = [e for e in eq["entries"] if e[3] == view and e[1] in (1, -1)]
                b = [e for e in eq["entries"] if e[3] == other and e[1] in (1, -1) and not self.have(e)]
                if len(a) == 1 and len(b) == 1 and a[0][1] == -b[0][1] and all(self.have(e) for e in eq["entries"] if e not in (a[0], b[0])):
                    out.append((a[0], b[0], eq))
        return out

    def set_step(self):
        """Step 4: maximum, score, root."""
        facts, by = [], defaultdict(lambda: defaultdict(set))
        kind = lambda p: self.of.get(self.pr.kind_at(p).name)
        for i in range(4):
            for d, y, _ in self.pairs(f"d{i}", "y"):
                if d[2] == y[2] and kind(d[2]) is cat.maximum4:
                    by["max", d[2]][i].add(d[2])
        facts += [(p, "y") for (_, p), found in by.items() if len(found) == 4]
        scores = defaultdict(set)
        for D, M, eq in self.pairs("D", "M"):
            if kind(D[2]) is cat.score and any(e[2] == D[2] and e[3] == "t" and e[1] == D[1] for e in eq["entries"]):
                scores[M[2]].add(D[2])
        for eqs in self.relations:
            for eq in eqs.values():
                sel = {e[2] for e in eq["entries"] if e[3] == "sel"}
                one = [e for e in eq["entries"] if e[3] == "one"]
                if len(one) == 1 and len(eq["entries"]) == len(sel) + 1 and not eq["ports"]:
                    p, sign = one[0][2], one[0][1]
                    unread = all(len(self.readers[q, "sel"]) == 1 for q in sel)
                    if sel and sel == scores[p] and unread and all(e[1] == -sign for e in eq["entries"] if e[3] == "sel"):
                        facts += [(p, "M")] + [(q, "D") for q in sel]
        roots, bounds = self.tied_values(cat.inverse_root), self.tied_values(cat.root_above)
        for a, b in self.next_pairs():
            for p, q in ((a, b), (b, a)):
                if p in roots and roots[p] == bounds.get(q):
                    facts.append((p, "r"))
        return self.learn(facts)

    def equalities(self, view):
        """(entry, entry) of equations that say that two rows have the same view."""
        for eqs in self.relations:
            for eq in eqs.values():
                e = eq["entries"]
                if len(e) == 2 and not eq["ports"] and e[0][3] == e[1][3] == view and (e[0][1], e[1][1]) in ((1, -1), (-1, 1)):
                    yield e[0], e[1]

    def next_pairs(self):
        return [(x[2], y[2]) for x, y in self.equalities("next")]

    def tied_values(self, make):
        """{row of the kind: the determined row whose v it has}."""
        kind = lambda p: self.of.get(self.pr.kind_at(p).name)
        both = [(x, y) for a, b in self.equalities("v") for x, y in ((a, b), (b, a))]
        return {x[2]: y[2] for x, y in both if kind(x[2]) is make and self.have(y) and kind(y[2]) not in (cat.inverse_root, cat.root_above)}

    def argmax_step(self):
        """Step 4, argmax: every row of the candidates has its distance, over the same box as its selection."""
        for port in (p for p in self.pr.ports if p.output and p.index and p.name not in self.ports):
            modes = {t.mode: (o, t) for o in self.pr.relations for t in o.terms if t.port is port}
            if set(modes) != {"sum", "power"}:
                continue
            distance, selection = (self.equations(modes[m][0]) for m in ("sum", "power"))
            rows = {key: [e[2] for e in eq["entries"] if e[3] == "D"] for key, eq in distance.items()}
            chosen = {key: [e[2] for e in eq["entries"]] for key, eq in selection.items()}
            fine = rows == chosen and all(len(v) == 1 and self.of.get(self.pr.kind_at(v[0]).name) is cat.candidate for v in rows.values())
            logits = all((v[0], "z") in self.known for v in rows.values())
            if fine and logits and len({e[2] for eq in distance.values() for e in eq["entries"] if e[3] == "M"}) == 1:
                self.ports.add(port.name)
                return True
        return False

    def run(self):
        """Names of output ports that are not determined; empty: the program is a function."""
        changed = True
        while changed:
            changed = any([self.relation_step(eqs) for eqs in self.relations])
            changed |= any([self.outputs(o, eqs) for o, eqs in zip(self.pr.relations, self.relations) if o.terms])
            changed |= any([self.linear_step(o) for o in self.pr.linears]) | any([self.product_step(o) for o in self.pr.products])
            changed |= self.row_step() | self.copy_step() | self.set_step() | self.argmax_step()
        return [p.name for p in self.pr.ports if p.name not in self.ports]
