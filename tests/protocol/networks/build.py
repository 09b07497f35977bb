"""Builds programs: layout, and the accesses of common operators (the lowering that a compiler does)."""

from math import prod

from program import LANE, Access, Geometric, Linear, Port, Product, Program, Relation, Tensor, Term, Var

ONE = (0, 0, 0)
alpha = lambda e: (e, 0, 0)
chi = lambda e: (0, e, 0)
theta = lambda e: (0, 0, e)
plus = lambda *m: tuple(map(sum, zip(*m)))


class Circuit:
    """A program, its weights {(block, position): value}, N samples with port values, and a function that fills a witness."""

    def __init__(self, name, kinds, N=1, **header):
        self.pr, self.N, self.weights, self.fill = Program(name, **header), N, {}, None
        self.values = [{} for _ in range(N)]
        self.pr.kinds = list(kinds)
        self.T = {}

    def tensor(self, name, kind, *dims):
        t = Tensor(name, next(k for k in self.pr.kinds if k.name == kind), dims)
        self.pr.tensors.append(t)
        self.T[name] = t
        return t

    def port(self, name, count, **options):
        self.pr.ports.append(Port(name, count, **options))
        for v in self.values:
            v.setdefault(name, [0] * count)
        return self.pr.ports[-1]

    def take(self, count):
        self.pr.qend += count
        return self.pr.qend - count

    def relation(self, name, accesses, terms=()):
        self.pr.relations.append(Relation(name, list(accesses), list(terms)))

    def finish(self):
        """Positions: kinds are intervals in order, tensors aligned to what lies below their axis 0."""
        pr, p = self.pr, 2
        for k in pr.kinds:
            for t in (t for t in pr.tensors if t.kind is k):
                unit = 1 << t.shifts[0]
                t.base = -(-p // unit) * unit
                k.lo = t.base if k.lo is None else k.lo
                p = k.hi = t.base + t.size
        pr.kinds = [k for k in pr.kinds if k.lo is not None]
        pr.P = max(p, 256 * (pr.F + 2), pr.pend)
        return self


def axes_of(t, first, last, unit, step):
    """Variables for the axes first..last-1 read as one row-major index with the weight step(unit)^index."""
    out, width = [], unit * prod(t.dims[first:last])
    for j in range(first, last):
        width //= t.dims[j]
        out.append(Var(t.dims[j], step(width), j))
    return out


def dense(c, name, x, view, outs, weights, bias, layers=1, rows=None, tokens=True, terms=(), lane=None):
    """z[ly,i,t] = bias[ly][i] + sum_j W[ly][i][j] x[ly,j,t]. Axes of tensors: layer (if layers > 1), channels, token (if tokens).
    The outputs are stacked over outs = [(tensor, number of rows)] and cut into chunks of `rows` blocks of f.
    lane: number of views from `view` on that make up the lowest digit of the channel."""
    first, last = int(layers > 1), len(x.dims) - tokens
    T = x.dims[-1] if tokens else 1
    lanes, cin, cout = lane or 1, prod(x.dims[first:last]) * (lane or 1), len(weights[0])
    rows = rows or cout
    chunks, unit = -(-cout // rows), -(-cout // rows) * rows
    q0, b0 = c.take(layers * chunks * cin), c.take(layers * chunks)
    for ly in range(layers):
        for i in range(cout):
            m, block = divmod(i, rows)
            c.weights[block, b0 + ly * chunks + m] = bias[ly][i]
            for j in range(cin):
                c.weights[block, q0 + (ly * chunks + m) * cin + j] = weights[ly][i][j]
    hat = [Var(layers, plus(theta(chunks * cin), alpha(unit)), 0)] if first else []
    hat += [Var(chunks, plus(theta(cin), alpha(rows)))] if chunks > 1 else []
    hat += axes_of(x, first, last, lanes, theta)
    hat += [Var(lanes, theta(1), LANE)] if lane else []
    hat += [Var(T, chi(1), last)] if tokens else []
    z, at = [], 0
    for t, count in outs:
        end = len(t.dims) - tokens
        vars = [Var(layers, alpha(unit), 0)] if first else []
        two = count // prod(t.dims[first:end])
        vars += axes_of(t, first, end, two, alpha) + ([Var(two, alpha(1), LANE)] if two > 1 else [])
        vars += [Var(T, chi(1), end)] if tokens else []
        z.append(Access(t, "z", vars, mono=alpha(at)))
        at += count
    public = [Geometric(b0, layers * chunks, alpha(rows), ONE, [(T, chi(1))])]
    c.pr.linears.append(Linear(name, z, [Access(x, view, hat, mono=theta(q0))], (q0, q0 + layers * chunks * cin), public, list(terms)))


def conv(c, name, x, z, weights, bias, k, stride, pad, groups=1, rows=None):
    """z[o,Y,X] = bias[o] + sum W[o][i][u][v] x[g Ci + i, stride Y + u - pad, stride X + v - pad], chunks of `rows` per group."""
    (cin, _, _), (cout, H, W) = x.dims, z.dims
    ci, co = cin // groups, cout // groups
    rows = rows or co
    chunks, I = -(-co // rows), ci * k * k
    unit = chunks * rows if chunks > 1 else co
    q0, b0 = c.take(groups * chunks * I), c.take(groups * chunks)
    for o in range(cout):
        g, i = divmod(o, co)
        m, block = divmod(i, rows)
        c.weights[block, b0 + g * chunks + m] = bias[o]
        for j in range(I):
            c.weights[block, q0 + (g * chunks + m) * I + j] = weights[o][j // k // k][j // k % k][j % k]
    hat = [Var(groups, plus(theta(chunks * I), alpha(unit)), 0, ci)] if groups > 1 else []
    hat += [Var(chunks, plus(theta(I), alpha(rows)))] if chunks > 1 else []
    hat += [Var(ci, theta(k * k), 0), Var(k, theta(k), 1), Var(k, theta(1), 2), Var(H, chi(W), 1, stride), Var(W, chi(1), 2, stride)]
    out = [Var(groups, alpha(unit), 0, co), Var(co, alpha(1), 0)] if groups > 1 and unit != co else [Var(cout, alpha(1), 0)]
    out += [Var(H, chi(W), 1), Var(W, chi(1), 2)]
    sums = [(H, chi(W)), (W, chi(1))]
    public = [Geometric(b0, groups, alpha(unit), ONE, sums)] if chunks == 1 else [
        Geometric(b0 + g * chunks, chunks, alpha(rows), alpha(g * unit), sums) for g in range(groups)]
    hats = [Access(x, "y", hat, mono=theta(q0), offs=(0, -pad, -pad))]
    c.pr.linears.append(Linear(name, [Access(z, "z", out)], hats, (q0, q0 + groups * chunks * I), public))


def secret_constants(c, name, t, view, values, rows):
    """t[i] = values[i], a constant that belongs to the model: a linear op whose only hat is public."""
    chunks = -(-len(values) // rows)
    b0 = c.take(chunks)
    for i, v in enumerate(values):
        c.weights[i % rows, b0 + i // rows] = v
    z = [Access(t, view, axes_of(t, 0, len(t.dims), 1, alpha))]
    c.pr.linears.append(Linear(name, z, public=[Geometric(b0, chunks, alpha(rows))]))


def equate(c, name, box, parts, terms=()):
    """For each index of the weighted variables of box = [(size, weighted)]: sum_j coef_j view_j[index_j] + terms = 0.
    parts = [(coef, tensor, view, {axis: variable or (variable, stride)}, options)]. A weighted variable that a part does
    not use is a broadcast; an unweighted one (a reduction) is left out there. terms = [(coef, port, options)] over the
    weighted variables in row-major order."""
    widths, width = [0] * len(box), 1
    for i in reversed(range(len(box))):
        if box[i][1]:
            widths[i], width = width, width * box[i][0]
    accesses = []
    for coef, t, view, axes, *options in parts:
        o = options[0] if options else {}
        where = {(v if isinstance(v, int) else v[0]): (j, 1 if isinstance(v, int) else v[1]) for j, v in axes.items()}
        tri = o.get("tri", ())
        keep = [i for i in range(len(box)) if box[i][1] or i in where or i in tri]
        vars = [Var(box[i][0], theta(widths[i]) if box[i][1] else ONE, *where.get(i, (None, 1))) for i in keep]
        accesses.append(Access(t, view, vars, coef, offs=o.get("offs"), tri=tuple(map(keep.index, tri)) or None, view2=o.get("view2")))
    over = [Var(size, theta(w), 0, w) for (size, on), w in zip(box, widths) if on]
    c.relation(name, accesses, [Term(port, over, coef, **(o[0] if o else {})) for coef, port, *o in terms])


def port_relation(c, name, port, t, view, coef=-1):
    """Every element of a tensor, row-major, is the port's."""
    equate(c, name, [(d, True) for d in t.dims], [(1, t, view, {j: j for j in range(len(t.dims))})], [(coef, port)])


def matmul(c, name, z, left, right, segment):
    c.pr.products.append(Product(name, z, left, right, segment))
