"""Base of the attack tests: a forged witness is accepted exactly when the named conditions are dropped."""

import unittest
from itertools import product as every

from catalogue import value
from model import Run


def both(*fs):
    def f(row):
        for g in fs:
            g(row)
    return f


class Attacks(unittest.TestCase):
    def attack(self, what, build, conditions, tamper=None, after=None, ch=None):
        """conditions: what has to be dropped; [] means that the forgery is accepted as it is (it changes nothing)."""
        run = Run(build() if callable(build) else build, tamper=tamper, after=after, ch=ch)
        with self.subTest(what):
            self.assertEqual(run.violated(), sorted(conditions))
            if conditions:
                self.assertFalse(run.accepted())
            self.assertTrue(run.accepted(without=conditions))
            for one in conditions if len(conditions) > 1 else ():
                self.assertFalse(run.accepted(without=[c for c in conditions if c != one]))
        return run

    @staticmethod
    def find(run, tensor, predicate):
        """The first index of sample 0 whose row satisfies the predicate."""
        t = run.c.T[tensor]
        return next(i for i in every(*map(range, t.dims)) if predicate(run.witness.row(t, i)))


def one(tensor, index, f, k=0):
    return {(tensor, tuple(index), k): f}


def positive(row):
    return 0 < value(row, 1, 2) < 60000
