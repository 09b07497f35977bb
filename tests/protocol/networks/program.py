"""What a program is (protocol-networks.md, N1 to N3). Columns are named L0.., X1..; encoding.py has the bytes."""

from dataclasses import dataclass, field as default
from functools import cached_property
from math import prod

LANE = 0xFE


class Refused(Exception):
    """An encoding, a key or a statement that no verifier accepts; the message names the rule."""


def need(condition, rule):
    if not condition:
        raise Refused(rule)


@dataclass(frozen=True)
class Form:
    """sum coefficient * column + const, over the columns of one row."""

    coef: tuple  # ((column name, integer), ..)
    const: int = 0

    def __call__(self, row):
        return sum(k * row[c] for c, k in self.coef) + self.const

    def __add__(self, other):
        out = dict(self.coef)
        for c, k in other.coef:
            out[c] = out.get(c, 0) + k
        return Form(tuple((c, k) for c, k in out.items() if k), self.const + other.const)

    def __rmul__(self, factor):
        return Form(tuple((c, factor * k) for c, k in self.coef), factor * self.const)

    def __sub__(self, other):
        return self + (-1) * other


@dataclass
class Kind:
    name: str
    views: dict  # name -> Form; the order counts
    gates: list = default(default_factory=list)  # (name, A, B, C): A B = C
    lookups: list = default(default_factory=list)  # (id, in, out)
    val: str = None  # the view that copies read
    reads: tuple = ()  # j of every X_j that is read by copy
    default: dict = default(default_factory=dict)  # a row that satisfies everything: for gaps (prover only)
    lo: int = None
    hi: int = None

    def view(self, name):
        return list(self.views).index(name)

    def form(self, index):
        return list(self.views.values())[index]


@dataclass
class Tensor:
    name: str
    kind: Kind
    dims: tuple
    base: int = None

    @cached_property
    def bits(self):
        return [(d - 1).bit_length() for d in self.dims]

    @cached_property
    def shifts(self):
        return [sum(self.bits[i + 1 :]) for i in range(len(self.dims))]

    @property
    def size(self):
        return self.dims[0] << self.shifts[0]

    def at(self, *index):
        return self.base + sum(i << s for i, s in zip(index, self.shifts))


@dataclass
class Port:
    name: str
    count: int
    output: bool = False
    committed: bool = False
    signed: bool = False
    index: bool = False
    width: int = 2
    min: int = 0
    max: int = 65535


@dataclass
class Var:
    """0 <= i < size with weight mono^i; adds stride * i to the target: an axis, LANE, or None."""

    size: int
    mono: tuple = (0, 0, 0)  # exponents of alpha, chi, theta
    target: int = None
    stride: int = 1


@dataclass
class Access:
    tensor: Tensor
    view: str
    vars: list
    coef: int = 1
    mono: tuple = (0, 0, 0)
    offs: tuple = None
    tri: tuple = None
    view2: str = None

    def __post_init__(self):
        self.offs = tuple(self.offs or (0,) * len(self.tensor.dims))


@dataclass
class Term:
    """A functional of a port; vars have the target 0 (the element index). mode: value, power, sum."""

    port: Port
    vars: list = default(default_factory=list)
    coef: int = 1
    mono: tuple = (0, 0, 0)
    mode: str = "value"
    base: tuple = (0, 0, 0)
    first: int = 0


@dataclass
class Geometric:
    """A public hat: position q + i has the weight mono * step^i * product of geometric sums * sum of mu^k."""

    q: int
    size: int
    step: tuple = (0, 0, 0)
    mono: tuple = (0, 0, 0)
    sums: list = default(default_factory=list)  # (size, mono)


@dataclass
class Indexed:
    """A public hat at the positions q + stride * value, for the values of an index port."""

    q: int
    port: Port
    vars: list
    stride: int = 1
    mono: tuple = (0, 0, 0)
    first: int = 0


@dataclass
class Relation:
    name: str
    accesses: list
    terms: list = default(default_factory=list)


@dataclass
class Linear:
    name: str
    accesses: list  # z
    hats: list = default(default_factory=list)
    segment: tuple = (2, 2)
    public: list = default(default_factory=list)
    terms: list = default(default_factory=list)


@dataclass
class Product:
    name: str
    accesses: list  # z
    left: list
    right: list
    segment: tuple
    terms: tuple = ()


@dataclass
class Program:
    name: str
    ell: int = 10
    nx: int = 2
    nj: int = 0
    nr: int = 0
    R: int = 1
    qend: int = 2
    pend: int = 2
    P: int = 512
    kinds: list = default(default_factory=list)
    tensors: list = default(default_factory=list)
    ports: list = default(default_factory=list)
    relations: list = default(default_factory=list)
    linears: list = default(default_factory=list)
    products: list = default(default_factory=list)
    tables: list = default(default_factory=list)  # 256 outputs each: fixed data, not in the program's bytes
    copies: dict = default(default_factory=dict)  # (j, position) -> address: fixed data

    @property
    def columns(self):
        return [f"L{i}" for i in range(self.ell)] + [f"X{j}" for j in range(1, self.nx + 1)]

    @property
    def F(self):
        return len(self.tables)

    @property
    def nu(self):
        return max(4, (self.qend - 1).bit_length())

    @property
    def operations(self):
        """Everything that has a power of lambda, in order, without the links."""
        return self.relations + self.linears + self.products

    @property
    def committed(self):
        return [p for p in self.ports if p.committed]

    def kind_at(self, position):
        return next((k for k in self.kinds if k.lo <= position < k.hi), None)


def port_bits(port):
    """nu_s of a committed port."""
    return max(4, (port.count + 1).bit_length())


class Shape:
    """The sizes of N3 for a program and N samples."""

    def __init__(self, program, N):
        need(1 <= N <= 4096, "V1: number of samples")
        self.N, self.kappa = N, (N - 1).bit_length()
        self.K = 1 << self.kappa
        rows = (program.P * self.K - 1).bit_length()
        self.l = max([rows, program.nu] + [port_bits(p) for p in program.committed])
        need(self.l <= 26, "V1: rows")
        self.n, self.lo, self.h = 1 << self.l, self.l - program.nu, self.l - 3
        self.real = range(2 * self.K, program.P * self.K)
        self.levels = {p.name: self.l - port_bits(p) for p in program.committed}


def check_values(pr, values):
    """V1: every port has its length, and every element is in its range. An index outside would be a row of something else."""
    for sample in values:
        for p in (p for p in pr.ports if not p.committed):
            need(len(sample[p.name]) == p.count, "V1: length of a port")
            need(all(p.min <= v <= p.max for v in sample[p.name]), "V1: range of a port")


def box(vars):
    """All points of a box, as index tuples."""
    points = [()]
    for v in vars:
        points = [p + (i,) for p in points for i in range(v.size)]
    return points


def volume(vars):
    return prod(v.size for v in vars)
