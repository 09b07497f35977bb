"""Honest witnesses satisfy everything; closed forms are the dense extensions; the rounds end in Phi(r)."""

import random
import unittest

import attention
import circuits
import closed
import summand
from encoding import decode, encode
from field import R, mle
from model import Run
from program import Access, Kind, Form, Tensor, Var

ALL = [circuits.mlp, circuits.convolutions, circuits.tree, circuits.gather, circuits.bilinear, circuits.tokens, circuits.lanes, attention.block, lambda: attention.block(2)]


class Circuits(unittest.TestCase):
    def test_honest_witnesses_satisfy_every_constraint_and_the_summand(self):
        for build in ALL:
            run = Run(build())
            with self.subTest(run.pr.name):
                self.assertEqual(run.violated(), [])
                self.assertEqual(run.total(), 0)

    def test_the_parts_of_the_summand_are_the_constraints(self):
        """Phi as one expression equals the constraints one by one, also where they do not vanish."""
        for build in ALL:
            run = Run(build())
            name = next(iter(run.witness.col))
            run.col[name] = [(v + a % 7) % R for a, v in enumerate(run.col[name])]
            run.col["Y"] = run.col["Y"][:]
            run.set_short("Y", 2, 5)
            with self.subTest(run.pr.name):
                self.assertEqual(run.total(), sum(run.residuals.values()) % R)
                self.assertNotEqual(run.total(), 0)

    def test_closed_forms_are_the_dense_extensions(self):
        for build in ALL:
            run = Run(build())
            with self.subTest(run.pr.name):
                r = [run.rand() for _ in range(run.sh.l)]
                self.assertEqual(summand.compare(run.pr, run.sh, run.ch, run.c.values, r, run.public), [])

    def test_cubic_rounds_end_in_the_summand_with_closed_forms(self):
        for build in (circuits.tree, attention.block):  # the recorded proofs have the others
            run = Run(build())
            with self.subTest(run.pr.name):
                self.assertTrue(run.sumcheck())

    def test_encodings_are_canonical_and_mean_the_same(self):
        for build in ALL:
            c = build()
            data = encode(c.pr)
            again = decode(data)
            with self.subTest(c.pr.name):
                self.assertEqual(encode(again), data)
                run = Run(c)
                r = [run.rand() for _ in range(run.sh.l)]
                values = [{str(i): v[p.name] for i, p in enumerate(c.pr.ports)} for v in c.values]
                ours = summand.closed(c.pr, run.sh, run.ch, c.values, r)
                sh = type(run.sh)(again, c.N)
                theirs = summand.closed(again, sh, run.ch, values, r)
                self.assertEqual(sorted(ours.values()), sorted(theirs.values()))


class Accesses(unittest.TestCase):
    def test_random_accesses_have_closed_forms(self):
        rng = random.Random(11)
        rand = lambda: rng.randrange(1, R)
        kind = Kind("k", {"a": Form(()), "b": Form(()), "c": Form(())})
        for _ in range(1000):
            mono = lambda: tuple(rng.randrange(9) for _ in range(3))
            dims = [rng.randrange(1, 7) for _ in range(rng.randrange(1, 4))]
            vars = [Var(rng.randrange(1, 7), mono(), rng.randrange(-1, len(dims)), rng.randrange(1, 5)) for _ in range(rng.randrange(1, 5))]
            offs, tri = [rng.randrange(-3, 4) for _ in dims], None
            if len(dims) == 3 and rng.randrange(2):
                d = dims[1]
                dims, offs = [dims[0], d, d], [rng.randrange(-1, 2), 0, 0]
                vars = [Var(dims[0], mono(), 0), Var(d, mono(), rng.randrange(1, 3)), Var(d, mono(), -1)]
                tri = rng.choice([(1, 2), (2, 1)])
                vars[2].target = rng.choice([-1, 3 - vars[1].target])
            for v in vars:
                v.target = None if v.target < 0 else v.target
            if rng.randrange(3) == 0:
                vars.append(Var(rng.randrange(1, 4), mono(), closed.LANE))
            t = Tensor("t", kind, dims)
            t.base = rng.randrange(4) << t.shifts[0]
            a = Access(t, "a", vars, rng.randrange(-9, 10), mono(), offs, tri)
            at = closed.Monomials({c: rand() for c in ("alpha", "chi", "theta")})
            r = [rand() for _ in range((t.base + t.size).bit_length())]
            tables = {}
            for view, p, w, _ in closed.points(a, at):
                tables.setdefault(view, [0] * (1 << len(r)))[p] += w
            got = {}
            for view, v in closed.access(a, at, 1, 1, [], r):
                got[view] = got.get(view, 0) + v
            for view in range(3):
                self.assertEqual(mle(tables.get(view, [0] * (1 << len(r))), r), got.get(view, 0) % R)


if __name__ == "__main__":
    unittest.main()
