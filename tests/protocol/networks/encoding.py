"""The bytes of a program (N1): encode, decode, and every rule that makes an encoding canonical."""

from closed import pieces
from program import (LANE, Access, Form, Geometric, Indexed, Kind, Linear, Port, Product, Program, Refused, Relation,
                     Tensor, Term, Var, need, volume)

NONE8 = 0xFF
STEP = 1 << 26  # greatest size and stride of a variable, greatest offset
MODES = ("value", "power", "sum")


# ------------------------------------------------------------------------------------------------ encode


def u(value, size):
    return value.to_bytes(size, "big")


def i(value, size):
    return value.to_bytes(size, "big", signed=True)


def many(items, size, write):
    return u(len(items), size) + b"".join(write(x) for x in items)


def mono(m):
    return b"".join(u(e, 4) for e in m)


def encode(p):
    column = {c: j for j, c in enumerate(p.columns)}
    byte_or_none = lambda v: u(NONE8 if v is None else v, 1)

    def form(f):
        coef = sorted((column[c], k) for c, k in f.coef if k)
        return many(coef, 1, lambda x: u(x[0], 1) + i(x[1], 8)) + i(f.const, 8)

    def kind(k):
        out = u(k.lo, 4) + u(k.hi, 4) + many(list(k.views.values()), 1, form)
        out += many(k.gates, 1, lambda g: form(g[1]) + form(g[2]) + form(g[3]))
        out += many(k.lookups, 1, lambda x: u(x[0], 1) + form(x[1]) + form(x[2]))
        return out + byte_or_none(None if k.val is None else k.view(k.val)) + u(sum(1 << j - 1 for j in k.reads), 1)

    def tensor(t):
        return u(p.kinds.index(t.kind), 1) + u(t.base, 4) + many(t.dims, 1, lambda d: u(d, 4))

    def port(q):
        flags = q.output | q.committed << 1 | q.signed << 2 | q.index << 3
        return u(flags, 1) + u(q.width, 1) + u(q.count, 4) + i(q.min, 8) + i(q.max, 8)

    stride = lambda v: 0 if v.target is None else v.stride

    def access(a):
        view2 = None if a.view2 is None else a.tensor.kind.view(a.view2)
        out = u(p.tensors.index(a.tensor), 2) + u(a.tensor.kind.view(a.view), 1) + byte_or_none(view2) + i(a.coef, 8)
        out += mono(a.mono) + b"".join(i(o, 4) for o in a.offs)
        out += b"".join(byte_or_none(v) for v in (a.tri or (None, None)))
        return out + many(a.vars, 1, lambda v: u(v.size, 4) + mono(v.mono) + byte_or_none(v.target) + u(stride(v), 4))

    plain = lambda vars: many(vars, 1, lambda v: u(v.size, 4) + mono(v.mono) + u(v.stride, 4))

    def term(t):
        out = u(p.ports.index(t.port), 1) + u(MODES.index(t.mode), 1) + i(t.coef, 8) + mono(t.mono) + mono(t.base)
        return out + u(t.first, 4) + plain(t.vars)

    def hat(h):
        if isinstance(h, Geometric):
            sums = many(h.sums, 1, lambda s: u(s[0], 4) + mono(s[1]))
            return u(0, 1) + u(h.q, 4) + u(h.size, 4) + mono(h.step) + mono(h.mono) + sums
        return u(1, 1) + u(h.q, 4) + u(h.stride, 4) + u(p.ports.index(h.port), 1) + mono(h.mono) + u(h.first, 4) + plain(h.vars)

    accesses, terms = lambda v: many(v, 2, access), lambda v: many(v, 1, term)
    segment = lambda s: u(s[0], 4) + u(s[1], 4)
    out = b"".join(u(v, 1) for v in (p.ell, p.nx, p.nj, p.nr, p.F)) + b"".join(u(v, 4) for v in (p.R, p.qend, p.pend, p.P))
    out += many(p.kinds, 1, kind) + many(p.tensors, 2, tensor) + many(p.ports, 1, port)
    out += many(p.relations, 2, lambda x: accesses(x.accesses) + terms(x.terms))
    out += many(p.linears, 2, lambda x: accesses(x.accesses) + terms(x.terms) + segment(x.segment) + accesses(x.hats) + many(x.public, 1, hat))
    return out + many(p.products, 2, lambda x: accesses(x.accesses) + segment(x.segment) + accesses(x.left) + accesses(x.right))


def fixed_bytes(p):
    """Tables and copies: what the fixed commitments are made from."""
    tables = b"".join(i(v, 8) for t in p.tables for v in t)
    copies = sorted((position, j, address) for (j, position), address in p.copies.items())
    return tables + many(copies, 4, lambda c: u(c[1], 1) + u(c[0], 4) + u(c[2], 4))


# ------------------------------------------------------------------------------------------------ decode


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(self.at + n <= len(self.data), "program ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def u(self, n):
        return int.from_bytes(self.take(n), "big")

    def i(self, n):
        return int.from_bytes(self.take(n), "big", signed=True)

    def many(self, n, read, most, what):
        count = self.u(n)
        need(count <= most, "too many " + what)
        return [read() for _ in range(count)]

    def mono(self):
        return self.u(4), self.u(4), self.u(4)


def decode(data):
    """The program of these bytes; raises Refused unless they are canonical. Names are numbers."""
    need(len(data) <= 98_304, "program too long")
    b = Bytes(data)
    p = Program("decoded", *(b.u(1) for _ in range(4)))
    F = b.u(1)
    p.tables = [None] * F
    p.R, p.qend, p.pend, p.P = (b.u(4) for _ in range(4))
    need(4 <= p.ell <= 32 and p.nx <= 4 and p.nj <= 2 and p.nr <= p.nx and F <= 253, "header: columns")
    need((p.nj == 0) == (F == 0), "header: lookups without tables, or tables without lookups")
    need(1 <= p.R <= 1 << 20 and 2 <= p.qend <= 1 << 20 and 256 * (F + 2) <= p.P <= 1 << 26, "header: sizes")
    need(2 <= p.pend <= p.P and p.R << p.nu <= 1 << 28, "header: sizes")

    def form():
        out, last = [], -1
        for _ in range(b.u(1)):
            c, k = b.u(1), b.i(8)
            need(last < c < len(p.columns) and k, "form: columns ascend, coefficients are not 0")
            out.append((p.columns[c], k))
            last = c
        return Form(tuple(out), b.i(8))

    def kind():
        lo, hi = b.u(4), b.u(4)
        k = Kind(str(len(p.kinds)), {}, lo=lo, hi=hi)
        need((p.kinds[-1].hi if p.kinds else 2) <= lo < hi <= p.P, "kind: intervals ascend and are disjoint")
        k.views = {str(j): f for j, f in enumerate(b.many(1, form, 32, "views"))}
        need(k.views, "kind: no view")
        k.gates = b.many(1, lambda: ("", form(), form(), form()), 16, "gates")
        k.lookups = b.many(1, lambda: (b.u(1), form(), form()), p.nj, "lookups")
        need(all(1 <= x[0] <= F for x in k.lookups), "kind: lookup of no table")
        val, reads = b.u(1), b.u(1)
        need(val == NONE8 or val < len(k.views), "kind: val")
        need(reads < 1 << p.nr, "kind: reads")
        k.val = None if val == NONE8 else str(val)
        k.reads = tuple(j + 1 for j in range(p.nr) if reads >> j & 1)
        p.kinds.append(k)

    def tensor():
        k, base = b.u(1), b.u(4)
        need(k < len(p.kinds), "tensor: kind")
        dims = tuple(b.many(1, lambda: b.u(4), 6, "axes"))
        need(dims and min(dims) >= 1 and max(dims) <= 1 << 26, "tensor: dimensions")
        t = Tensor(str(len(p.tensors)), p.kinds[k], dims, base)
        need(t.shifts[0] <= 26 and base % (1 << t.shifts[0]) == 0, "tensor: alignment")
        need(t.kind.lo <= base and base + t.size <= t.kind.hi, "tensor: outside of its kind")
        p.tensors.append(t)

    def port():
        flags, width, count, low, high = b.u(1), b.u(1), b.u(4), b.i(8), b.i(8)
        q = Port(str(len(p.ports)), count, *(bool(flags >> j & 1) for j in range(4)), width, low, high)
        need(flags < 16 and width in (1, 2, 4, 8) and 1 <= count <= 1 << 16, "port: flags, width, count")
        bottom, top = (-(1 << 8 * width - 1), 1 << 8 * width - 1) if q.signed else (0, 1 << min(63, 8 * width))
        need(bottom <= low <= high < top, "port: bounds")
        need(not q.index or (not q.signed and not q.committed and low == 0 and high < 1 << 20), "port: index")
        need(not p.ports or p.ports[-1].output <= q.output, "port: inputs before outputs")
        p.ports.append(q)

    total = {"accesses": 0, "pieces": 0, "points": 0}

    def count(what, n, most):
        total[what] += n
        need(total[what] <= most, f"too many {what}")

    def variable():
        v = Var(b.u(4), b.mono(), b.u(1), b.u(4))
        need(1 <= v.size <= STEP, "variable: empty")
        need(v.target != NONE8 or v.stride == 0, "variable: stride without target")
        need(v.target == NONE8 or 1 <= v.stride <= STEP, "variable: stride")
        v.target = None if v.target == NONE8 else v.target
        return v

    def access(hat=False):
        t, view, view2, coef, m = b.u(2), b.u(1), b.u(1), b.i(8), b.mono()
        need(t < len(p.tensors) and coef, "access: tensor, coefficient")
        t = p.tensors[t]
        views, axes = len(t.kind.views), len(t.dims)
        need(view < views and (view2 < views or view2 == NONE8), "access: view")
        need(not hat or view2 == NONE8, "hat: product of views")
        offs = tuple(b.i(4) for _ in range(axes))
        need(all(abs(o) <= STEP for o in offs), "access: offset")
        s, tt = b.u(1), b.u(1)
        vars = b.many(1, variable, 8, "variables")
        tri = None if (s, tt) == (NONE8, NONE8) else (s, tt)
        lanes = [v for v in vars if v.target == LANE]
        need(all(v.target is None or v.target == LANE or v.target < axes for v in vars), "variable: target")
        need(len(lanes) <= 1 and not (lanes and view2 != NONE8), "lane")
        need(all(view + v.stride * (v.size - 1) < views for v in lanes), "lane: views")
        if tri:
            need(s < len(vars) and tt < len(vars) and s != tt, "triangle: variables")
            pair = [vars[s], vars[tt]]
            need(pair[0].size == pair[1].size and pair[0].size <= 1 << 20, "triangle: sizes")
            need(any(v.target is not None for v in pair), "triangle: of no axis")
            for v in pair:
                if v.target is not None:
                    alone = [x for x in vars if x.target == v.target] == [v]
                    need(v.target != LANE and v.target >= 1 and v.stride == 1 and alone, "triangle: axis")
                    need(offs[v.target] == 0 and t.dims[v.target] == v.size, "triangle: axis")
        n = pieces(vars, axes, tri)
        need(max(n) <= 64, "too many pieces on an axis")
        count("pieces", sum(n) + (8 if tri else 0), 16_384)
        count("accesses", 1, 1024)
        name = lambda v: None if v == NONE8 else str(v)
        return Access(t, str(view), vars, coef, m, offs, tri, name(view2))

    def plain():
        v = Var(b.u(4), b.mono(), 0, b.u(4))
        need(v.size >= 1 and 1 <= v.stride <= 1 << 16, "variable: size, stride")
        return v

    def reach(first, vars, port):
        need(first + sum((v.size - 1) * v.stride for v in vars) < port.count, "outside of a port")

    def term():
        k, mode, coef, m, base, first = b.u(1), b.u(1), b.i(8), b.mono(), b.mono(), b.u(4)
        need(k < len(p.ports) and mode < 3 and coef, "term: port, mode, coefficient")
        port, vars = p.ports[k], b.many(1, plain, 8, "variables")
        need(mode or base == (0, 0, 0), "term: base")
        need(mode == 0 or port.index, "term: mode of an index")
        reach(first, vars, port)
        if port.committed:
            need(mode == 0 and all(v.stride & (v.stride - 1) == 0 for v in vars), "term: committed port")
            n = pieces(vars, 1)[0]
            need(n <= 64, "too many pieces on an axis")
            count("pieces", n, 16_384)
        else:
            count("points", volume(vars), 1 << 18)
        return Term(port, vars, coef, m, MODES[mode], base, first)

    taken, hat_slots, rows = [], [], []

    def claim(lo, hi, end, used, what):
        need(2 <= lo < hi <= end, what + ": range")
        need(all(hi <= a or z <= lo for a, z in used), what + ": not disjoint")
        used.append((lo, hi))

    def public():
        kind = b.u(1)
        need(kind < 2, "hat: type")
        if kind == 0:
            q, size, step, m = b.u(4), b.u(4), b.mono(), b.mono()
            sums = b.many(1, lambda: (b.u(4), b.mono()), 8, "sums")
            need(all(s[0] for s in sums), "hat: an empty sum")
            claim(q, q + size, p.qend, taken, "hat")
            return Geometric(q, size, step, m, sums)
        q, stride, k, m, first = b.u(4), b.u(4), b.u(1), b.mono(), b.u(4)
        vars = b.many(1, plain, 8, "variables")
        need(k < len(p.ports) and p.ports[k].index and stride >= 1, "hat: index port")
        reach(first, vars, p.ports[k])
        count("points", volume(vars), 1 << 18)
        claim(q, q + stride * p.ports[k].max + 1, p.qend, taken, "hat")
        return Indexed(q, p.ports[k], vars, stride, m, first)

    def linear():
        z, terms = b.many(2, access, 1024, "accesses"), b.many(1, term, 255, "terms")
        q0, q1 = b.u(4), b.u(4)
        hats = b.many(2, lambda: access(True), 1024, "accesses")
        need((q0 == q1) == (not hats) and 2 <= q0 <= q1 <= p.qend, "segment")
        if hats:
            claim(q0, q1, p.qend, taken, "segment")
        return Linear(str(len(p.linears)), z, hats, (q0, q1), b.many(1, public, 255, "hats"), terms)

    def product():
        z, segment = b.many(2, access, 1024, "accesses"), (b.u(4), b.u(4))
        claim(*segment, p.pend, rows, "segment")
        return Product(str(len(p.products)), z, *(b.many(2, lambda: access(True), 1024, "accesses") for _ in "lr"), segment)

    b.many(1, kind, 64, "kinds")
    b.many(2, tensor, 1024, "tensors")
    intervals = sorted((t.base, t.base + t.size) for t in p.tensors)
    need(all(a[1] <= z[0] for a, z in zip(intervals, intervals[1:])), "tensors: not disjoint")
    b.many(1, port, 16, "ports")
    need(sum(q.count for q in p.ports) <= 1 << 17 and len(p.committed) <= 4, "ports: too many")
    relation = lambda: p.relations.append(Relation(str(len(p.relations)), b.many(2, access, 1024, "accesses"), b.many(1, term, 255, "terms")))
    b.many(2, relation, 1024, "relations")
    b.many(2, lambda: p.linears.append(linear()), 1024, "operations")
    b.many(2, lambda: p.products.append(product()), 1024, "operations")
    need((p.pend == 2) == (not p.products), "header: pend")
    need(b.at == len(data), "bytes after the program")
    return p


__all__ = ["Refused", "decode", "encode", "fixed_bytes"]
