"""Attacks on copies, comparisons, selections, secret constants (N14)."""

import unittest
from itertools import product as every

from attack import Attacks, one
from catalogue import bump, compare_row, copied_row, put
from circuits import gather, tree
from model import Run


def compare_with(d, operand):
    """Reads another value and compares it honestly."""
    def f(row):
        row[operand] += d
        row.update(compare_row(row["X1"], row["X2"]))
    return f


class Copies(Attacks):
    def test_reads(self):
        run = Run(tree())
        x1, other = (run.witness.row(run.c.T["ge"], (i,))["X2"] for i in (0, 1))
        pick = lambda k: run.witness.row(run.c.T["ge"], (0,), k)
        # changes that leave the result of the comparison alone, so that only the read is false
        slack = next(d for d in (-1, 1) if (pick(0)["X1"] + d >= pick(0)["X2"]) == (pick(0)["X1"] >= pick(0)["X2"]))
        forged = one("ge", (0,), compare_with(slack, "X1"))
        self.attack("another value", tree, ["copy sum"], forged)
        self.attack("HX forged", tree, ["HX"], forged, lambda r: r.add("HX1", r.c.T["ge"], (0,), -r.copy_sum()))
        self.attack("HV forged", tree, ["HV"], forged, lambda r: r.add("HV", r.c.T["x"], (0,), r.copy_sum()))
        free = next(p for p in range(2, run.pr.P) if run.pr.kind_at(p) is None)
        self.attack("HV on a row of no kind", tree, ["HV"], forged, lambda r: r.add("HV", None, free * r.sh.K, r.copy_sum()))
        self.attack("HX where nothing is read counts nothing", tree, [], after=lambda r: r.add("HX3", r.c.T["ge"], (0,), 5))
        self.attack("HX of a padded position counts nothing", tree, [], after=lambda r: r.add("HX1", None, (r.pr.P - 1) * r.sh.K, 5))
        d = other - x1
        swap = {("ge", (0,), 0): compare_with(d, "X2"), ("ge", (1,), 0): compare_with(-d, "X2")}
        self.assertIn("copy sum", Run(tree(), tamper=swap).violated())
        e = pick(1)["X1"] - pick(0)["X1"]
        swap = {("ge", (0,), 0): compare_with(e, "X1"), ("ge", (0,), 1): compare_with(-e, "X1")}
        found = Run(tree(), tamper=swap)
        self.assertTrue("copy sum" in found.violated() and not found.accepted())

    def test_multiplicities_are_free_but_help_nobody(self):
        run = Run(tree())
        d = next(d for d in (-1, 1) if (lambda r: (r["X1"] + d >= r["X2"]) == (r["X1"] >= r["X2"]))(run.witness.row(run.c.T["ge"], (0,))))
        position = run.c.T["x"].at(0)

        def after(r):
            for k in range(r.sh.N):
                r.col["mult"][position * r.sh.K + k] = 0
                r.col["HV"][position * r.sh.K + k] = 0

        self.assertIn("copy sum", Run(tree(), tamper=one("ge", (0,), compare_with(d, "X1")), after=after).violated())

    def test_gathers(self):
        claim = lambda k, i, v: lambda run: run.c.values[k]["output"].__setitem__(i, v)
        v = Run(gather()).c.values[0]["output"][2]
        self.attack("another value", gather, ["copy sum"], one("g", (2,), lambda r: r.update(copied_row(v + 1))), claim(0, 2, v + 1))
        self.attack("the value is not what was read", gather, ["copy.copy"], one("g", (2,), bump(0, 1, 1)), claim(0, 2, v + 1))

    def test_comparisons(self):
        run = Run(tree())
        cell = lambda c: next((i, k) for i in range(3) for k in range(2) if run.witness.row(run.c.T["ge"], (i,), k)["L0"] == c)
        (i, k), (j, m) = cell(1), cell(0)
        self.attack("c = 0 for a >= b", tree, ["ge.pos"], one("ge", (i,), lambda r: (r.update(L0=0), put(r, 1, 2, r["X1"] - r["X2"] + 1)), k))
        self.attack("c = 1 for a < b", tree, ["ge.neg"],
                    one("ge", (j,), lambda r: (r.update(L0=1), put(r, 1, 2, 0), put(r, 3, 4, r["X2"] - r["X1"])), m))

    def test_selection_and_constants(self):
        run = Run(tree())
        r = run.witness.row(run.c.T["s"], (2,))
        other = r["X3"] if r["X1"] else r["X2"]
        if other != (r["X2"] if r["X1"] else r["X3"]):
            self.attack("the other choice", tree, ["where.choice"], one("s", (2,), lambda row: put(row, 0, 1, other)), after=lambda x: x.c.values[0].update(output=[other]))
        self.attack("another constant", tree, ["constants"], one("c", (6,), bump(0, 1, 1)))

    def test_c_is_a_bit(self):
        """1 compared with 0: c is unique, and is not without c (c - 1) = 0."""
        def solutions(bit):
            return {c for c in range(4) for pos, neg in every(range(4), repeat=2)
                    if 1 == pos - neg - (1 - c) and not pos * (1 - c) and not neg * c and not (bit and c * (c - 1))}
        self.assertEqual(solutions(True), {1})
        self.assertIn(2, solutions(False))


if __name__ == "__main__":
    unittest.main()
