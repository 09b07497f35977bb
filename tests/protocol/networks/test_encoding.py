"""Hostile programs: what is not canonical is refused, and nothing else is raised (N1)."""

import copy
import random
import unittest

import attention
import circuits
from build import alpha, theta
from encoding import decode, encode
from program import Geometric, Refused, Var


class Canonical(unittest.TestCase):
    def refused(self, rule, build, change):
        c = build()
        change(c)
        with self.subTest(rule):
            with self.assertRaises(Refused) as caught:
                decode(encode(c.pr))
            self.assertIn(rule, str(caught.exception))

    def test_every_rule(self):
        def header(**values):
            return lambda c: c.pr.__dict__.update(values)

        def access(**values):
            return lambda c: c.pr.linears[0].hats[0].__dict__.update(values)

        def port(**values):
            return lambda c: c.pr.ports[0].__dict__.update(values)

        m, t = circuits.mlp, circuits.tokens
        self.refused("header: columns", m, header(ell=33))
        self.refused("header: sizes", m, header(R=0))
        self.refused("header: sizes", m, header(P=511))
        self.refused("header: pend", m, header(pend=3))
        self.refused("lookups without tables", m, header(nj=1))
        self.refused("kind: intervals", m, lambda c: setattr(c.pr.kinds[1], "lo", c.pr.kinds[0].hi - 1))
        self.refused("kind: intervals", m, lambda c: setattr(c.pr.kinds[0], "lo", 1))
        self.refused("kind: intervals", m, lambda c: setattr(c.pr.kinds[-1], "hi", c.pr.P + 1))
        self.refused("tensor: outside", m, lambda c: setattr(c.T["h"], "base", c.T["x"].base))
        self.refused("tensors: not disjoint", m, lambda c: c.pr.tensors.append(copy.copy(c.T["h"])))
        self.refused("tensor: alignment", circuits.convolutions, lambda c: setattr(c.T["c1"], "base", c.T["c1"].base + 1))
        self.refused("port: flags", m, port(width=3))
        self.refused("port: bounds", m, port(max=65536))
        self.refused("port: bounds", m, port(min=5, max=4))
        self.refused("port: index", t, port(min=1))
        self.refused("port: index", t, port(committed=True))
        self.refused("port: inputs", m, lambda c: c.pr.ports.append(copy.copy(c.pr.ports[0])))
        self.refused("hat: product", m, access(view2="y"))
        self.refused("variable: empty", m, lambda c: setattr(c.pr.linears[0].hats[0].vars[0], "size", 0))
        self.refused("variable: target", m, lambda c: setattr(c.pr.linears[0].hats[0].vars[-1], "target", 1))
        self.refused("lane: views", circuits.lanes, lambda c: setattr(c.pr.relations[0].accesses[0].vars[1], "size", 3))
        self.refused("triangle: axis", attention.block, lambda c: setattr(next(a for a in c.pr.products[1].left if a.tri), "offs", (0, 0, 0, 1)))
        self.refused("triangle: variables", m, access(tri=(0, 0)))
        self.refused("pieces on an axis", m, access(vars=[Var(65, theta(1), 0, 3)]))
        self.refused("segment", m, lambda c: setattr(c.pr.linears[0], "segment", (1, 8)))
        self.refused("segment: not disjoint", m, lambda c: setattr(c.pr.linears[1], "segment", c.pr.linears[0].segment))
        self.refused("hat: not disjoint", m, lambda c: c.pr.linears[0].public.append(Geometric(c.pr.linears[0].segment[0], 1, alpha(1))))
        self.refused("hat: range", m, lambda c: c.pr.linears[0].public.append(Geometric(0, 1, alpha(1))))
        self.refused("hat: not disjoint", t, port(max=5))  # the range of the tokens would reach into the next table
        self.refused("outside of a port", m, lambda c: setattr(c.pr.relations[0].terms[0], "first", 1))
        self.refused("term: mode of an index", m, lambda c: setattr(c.pr.relations[0].terms[0], "mode", "power"))
        self.refused("term: committed", circuits.lanes, lambda c: setattr(c.pr.relations[0].terms[0].vars[0], "stride", 3)
                     or setattr(c.pr.relations[0].terms[0].vars[0], "size", 2))

    def test_lengths(self):
        data = encode(circuits.mlp().pr)
        for bad in (data + b"\0", data[:-1], b"", bytes(98_305)):
            with self.assertRaises(Refused):
                decode(bad)

    def test_changed_bytes_are_refused_or_another_canonical_program(self):
        rng = random.Random(8)
        for build in (circuits.mlp, circuits.tokens, circuits.lanes, circuits.tree):
            data, other = encode(build().pr), 0
            for _ in range(150):
                bad = bytearray(data)
                bad[rng.randrange(len(bad))] = rng.choice((0, 1, 2, 127, 128, 254, 255))
                try:
                    other += bytes(bad) != data
                    self.assertEqual(encode(decode(bytes(bad))), bytes(bad))
                except Refused:
                    other -= 1
            self.assertGreater(other, 0)  # coefficients, for example: another function under another digest


if __name__ == "__main__":
    unittest.main()
