"""Degrees at several levels, and the ranks of the masks over the whole view (N12)."""

import random
import unittest

from field import R, mle
from opening import add, evaluate, fold, prove, rank, verify, view
from witness import mask_cells


class Degrees(unittest.TestCase):
    """n = 2^9: columns at level 0, G and Y at lo = 3, a fixed column at kappa = 1, X_s at level 5 (16 coefficients, l - 4)."""

    l, levels = 9, [0, 0, 3, 3, 1, 5]

    def setUp(self):
        rng = random.Random(21)
        self.rand = lambda: rng.randrange(1, R)
        self.r, self.rho, self.x = [self.rand() for _ in range(self.l)], self.rand(), self.rand()
        self.polys = [(v, [self.rand() for _ in range(1 << self.l - v)]) for v in self.levels]
        self.values = [mle(p, self.r[v:]) for v, p in self.polys]

    def check(self, polys, values, **options):
        return verify(self.l, polys, values, self.r, self.rho, prove(self.l, polys, self.r, self.rho), self.x, **options)

    def test_honest_openings_at_all_levels(self):
        self.assertTrue(self.check(self.polys, self.values))
        for j in range(len(self.polys)):
            wrong = self.values[:]
            wrong[j] += 1
            self.assertFalse(self.check(self.polys, wrong))

    def test_too_long_polynomials_are_refused_at_every_level(self):
        """A block behind the last coefficient that the fold point cannot tell from those below: only the number of coefficients can."""
        for j, (v, p) in enumerate(self.polys):
            polys = self.polys[:]
            polys[j] = v, p + [self.rand() for _ in range(1 << self.l - v)]
            with self.subTest(level=v):
                self.assertFalse(self.check(polys, self.values))
                self.assertTrue(self.check(polys, self.values, stop=None))

    def test_a_forged_fold_under_an_injection_is_refused(self):
        """F_3 is replaced; what is injected at level 3 makes up for it. Only the opening of F_3 alone shows it."""
        folds = prove(self.l, self.polys, self.r, self.rho)
        F = [[]] + folds
        forged = [self.rand() for _ in F[3]]
        P = forged
        for j, (v, p) in enumerate(self.polys):
            P = add(P, [pow(self.rho, j, R) * c % R for c in p]) if v == 3 else P
        chain, cur = [forged], P
        for i in range(3, self.l - 3):
            cur = fold(cur, self.r[i])
            chain.append(cur)
            for j, (v, p) in enumerate(self.polys):
                if v == i + 1:
                    cur = add(cur, [pow(self.rho, j, R) * c % R for c in p])
        values = self.values[:]
        values[0] += mle((chain[-1] + [0] * 8)[:8], self.r[self.l - 3 :]) - sum(pow(self.rho, j, R) * v for j, v in enumerate(self.values))
        attempt = lambda **o: verify(self.l, self.polys, values, self.r, self.rho, F[1:3] + chain, self.x, **o)
        self.assertFalse(attempt())
        self.assertTrue(attempt(alone=False))


def whole_view(l, n_real, shorts, limit, seed=31):
    """Ranks of what an opening shows: masks alone, masks and all secrets. shorts = [(level, number of coefficients in use)]."""
    rng = random.Random(seed)
    rand = lambda: rng.randrange(1, R)
    tau, x, rho, r = rand(), rand(), rand(), [rand() for _ in range(l)]
    owners = len(shorts) + 2  # a column, the short polynomials, S_0
    h = l - 3

    def unit(owner, level, a):
        p = [0] * (1 << l - level)
        p[a] = 1
        own = view(l, level, p, tau, r, x, owner, owners)
        return own[: 2 * owners] + [v * pow(rho, owner, R) % R for v in own[2 * owners :]]

    everything = [(0, 0, n_real)] + [(i, level, used) for i, (level, used) in enumerate(shorts, 1)]
    masks = [unit(owners - 1, 0, a) for a in mask_cells(l) if a < limit]
    masks += [unit(i, level, a) for i, level, _ in everything for a in (0, 1)]
    rng2 = random.Random(seed + 1)
    secrets = []
    for i, level, used in everything:
        cells = range(2, used)
        sample = cells if len(cells) < 200 else sorted(set(rng2.sample(cells, 120)) | set(cells[-40:]))
        secrets += [unit(i, level, a) for a in sample]
    return rank(masks), rank(masks + secrets), 2 * owners + (h - 1) + 2 * h + 8


class Masks(unittest.TestCase):
    def shapes(self, l):
        n = 1 << l
        for n_real in (n // 4, n // 2, 5 * n // 8):
            for lo, lo_s in ((2, l - 4), (2, 1), (3, 2), (0, 1)):  # G, Y and X_s at up to three levels with the columns
                yield n_real, [(lo, 1 << l - lo), (lo, (1 << l - lo) - 1), (lo_s, 1 << l - lo_s)]

    def test_masks_over_all_of_n_hide_everything(self):
        """Rank of the masks = rank of masks and secrets; it is the number of values less the relations that every view meets: the total,
        fin(x^2). (Fixed columns are public: they add nothing to the view.)"""
        for l in (7, 8):
            for n_real, shorts in list(self.shapes(l))[:: 1 if l == 7 else 5]:
                with self.subTest(l=l, n_real=n_real, shorts=shorts):
                    masks, all_, values = whole_view(l, n_real, shorts, 1 << l)
                    self.assertEqual(masks, all_)
                    self.assertEqual(masks, values - 2)

    def test_masks_that_stop_at_the_last_real_row_leak(self):
        """The first design: bare functionals of the end of weights, hats or committed tensors."""
        leaks = 0
        for n_real, shorts in self.shapes(7):
            masks, all_, _ = whole_view(7, n_real, shorts, n_real)
            leaks += all_ > masks
        self.assertEqual(leaks, 12)

    def test_every_column_hides_its_value(self):
        """Z1 at every level: the masks at 0 and 1 give any commitment and any value, determinant not 0."""
        rng = random.Random(5)
        for level in range(6):
            r, tau = [rng.randrange(R) for _ in range(10)][level:], rng.randrange(R)
            units = [[1, 0] + [0] * ((1 << len(r)) - 2), [0, 1] + [0] * ((1 << len(r)) - 2)]
            self.assertEqual(rank([[evaluate(p, tau), mle(p, r)] for p in units]), 2)

    def rounds(self, l, limit, columns=3):
        rng = random.Random(9)
        rand = lambda: rng.randrange(1, R)
        n, tau, r = 1 << l, rand(), [rand() for _ in range(l)]
        rows = []
        for k in range(columns):
            for a in (a for a in mask_cells(l) if a < limit):
                S, I = [0] * n, list(range(n))
                S[a] = 1
                v = [evaluate(S, tau) if j == k else 0 for j in range(columns)] + [pow(a, k, R)]
                for u in r:
                    for x in (0, 2, 3):
                        at = lambda t, i: t[i] + x * (t[i + 1] - t[i])
                        v.append(sum(at(S, i) * pow(at(I, i), k, R) for i in range(0, len(S), 2) if S[i] or S[i + 1]) % R)
                    S, I = fold(S, u), fold(I, u)
                rows.append(v + [S[0] if j == k else 0 for j in range(columns)])
        return rank(rows)

    def test_round_masks_have_full_rank(self):
        """Z3: rank 3 l + 6, whatever n_real is; two columns are not enough, nor are cells below n/2."""
        for l in (7, 8):
            self.assertEqual(self.rounds(l, 1 << l), 3 * l + 6)
            self.assertLess(self.rounds(l, 1 << l - 1), 3 * l + 6)
        self.assertLess(self.rounds(7, 128, columns=2), 3 * 7 + 4)


if __name__ == "__main__":
    unittest.main()
