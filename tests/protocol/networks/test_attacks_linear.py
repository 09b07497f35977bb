"""Attacks on limbs, gates, linear and bilinear operations, hats, links, ports (N14)."""

from attack import Attacks, both, one, positive
from catalogue import bump, put, requantize_row, value
from circuits import bilinear, convolutions, lanes, mlp, tokens
from field import R, inv
from model import Run
from program import Refused, check_values


class Perceptron(Attacks):
    def test_limbs_and_gates(self):
        honest = Run(mlp())
        h = self.find(honest, "h", positive)
        self.attack("a limb is no byte", mlp, ["lookup sum"], one("h", h, lambda r: r.update(L1=r["L1"] + 256, L2=r["L2"] - 1)))
        self.attack("ReLU: y + 1, w + 1", mlp, ["relu.yw"], one("h", h, both(bump(1, 2, 1), bump(3, 5, 1))))
        above, below = (self.find(honest, "y", lambda r, i=i: value(r, i, i + 2)) for i in (7, 4))
        early = both(bump(2, 3, -1), bump(7, 9, 1), bump(10, 11, 1))
        self.attack("clamp: saturates early above", mlp, ["clamp.vy"], one("y", above, early))
        self.attack("clamp: saturates early below", mlp, ["clamp.wy"], one("y", below, both(bump(2, 3, 1), bump(4, 6, 1), bump(10, 11, -1))))

        def beyond(row):
            bump(2, 3, value(row, 7, 9))(row)
            put(row, 7, 9, 0)

        self.attack("clamp: y above hi", mlp, ["clamp.c"], one("y", above, beyond))

    def test_remainder_is_a_byte(self):
        h = self.find(Run(mlp()), "h", positive)
        self.attack("A4: another rounding", mlp, ["lookup sum"], one("h", h, both(bump(0, 0, 256), bump(1, 2, -1))))

    def test_forged_logup_helpers(self):
        h = self.find(Run(mlp()), "h", positive)
        bad = one("h", h, lambda r: r.update(L1=r["L1"] + 256, L2=r["L2"] - 1))
        self.attack("H makes up for the limb", mlp, ["H"], bad, lambda run: run.add("H1", run.c.T["h"], h, -run.lookup_sum()))
        self.attack("H_T makes up for the limb", mlp, ["HT"], bad, lambda run: run.add("HT", None, 300 * run.sh.K, run.lookup_sum()))

    def test_operations_and_ports(self):
        h = self.find(Run(mlp()), "h", positive)
        self.attack("another z", mlp, ["fc1"], one("h", h, bump(1, 2, 1)))
        self.attack("another z in the second chunk", mlp, ["fc1"], one("h", (4,), lambda r: r.update(L0=r["L0"] ^ 1)))
        self.attack("another input", mlp, ["input"], one("x", (0,), bump(0, 1, 1)))
        self.attack("another output", mlp, ["fc3"], after=lambda run: run.c.values[1]["output"].__setitem__(2, 7))

    def test_masks_and_padding_enter_nothing(self):
        def after(run):
            for q in (0, 1):
                run.set_short("Y", q, 5), run.set_short("G", q, 9)
            for name in ("L2", "m", "H0", "HT"):
                run.col[name][0] += 1
                run.col[name][1] += 1

        self.attack("mask positions", mlp, [], after=after)
        row = Run(mlp())
        p = row.c.T["h"].at(1) * row.sh.K + 3  # sample 3 of N = 3, K = 4: only the byte lookups see it

        def padded(run):
            run.col["L2"][p], run.col["H2"][p] = 9, inv(run.ch["beta"] + 9)
            run.col["m"][256 * run.sh.K] -= 1
            run.col["m"][(256 + 9) * run.sh.K] += 1
            for v in (0, 9):
                a = (256 + v) * run.sh.K
                run.col["HT"][a] = run.col["m"][a] * inv(run.ch["beta"] + v) % R

        self.attack("rows of padded samples", mlp, [], after=padded)

    def test_hats(self):
        """A false z is made up for by the hat: only the link notices; with theta known beforehand not even the link."""
        h = self.find(Run(mlp()), "h", positive)
        z = one("h", h, bump(1, 2, 1))
        shift = lambda run: 256 * pow(run.ch["alpha"], h[0], R)

        def entry(run, q, d):
            run.set_short("Y", q, run.shorts["Y"][1][q] + d)

        self.attack("Y adapted", mlp, ["link Y"], z, lambda run: entry(run, 4, shift(run) * inv(run.shorts["G"][1][4])))

        def two(theta):
            def after(run):
                G = run.shorts["G"][1]
                d = shift(run) * inv(G[5] - theta * G[4]) % R
                entry(run, 5, d), entry(run, 4, -theta * d)
            return after

        theta = Run(mlp()).ch["theta"]
        self.attack("theta known before the hats: accepted", mlp, [], z, two(theta))
        self.attack("theta drawn after the hats", mlp, ["link Y"], z, two(theta + 1))


class Convolution(Attacks):
    def test_operations(self):
        honest = Run(convolutions())
        for tensor, op in (("c1", "conv1"), ("dw", "depthwise"), ("c2", "grouped")):
            i = self.find(honest, tensor, positive)
            self.attack(op, convolutions, [op], one(tensor, i, bump(1, 2, 1)))
        self.attack("another output", convolutions, ["fc"], after=lambda run: run.c.values[0]["output"].__setitem__(4, 1))

    def test_maximum(self):
        honest = Run(convolutions())
        j = self.find(honest, "p1", lambda r: value(r, 0, 1) and r["X1"] and value(r, 4, 5) < 9999)

        def larger(row, x1=None):
            for a, b in ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9)):
                bump(a, b, 1)(row)
            row.update(X1=value(row, 2, 3) * value(row, 4, 5) if x1 is None else x1, X2=value(row, 6, 7) * value(row, 8, 9))

        self.attack("larger than all", convolutions, ["max.product"], one("p1", j, larger))
        self.attack("a false helper product", convolutions, ["max.a"], one("p1", j, lambda r: larger(r, 0)))
        self.attack("a difference of nothing", convolutions, ["window0"],
                    one("p1", j, both(bump(2, 3, 1), lambda r: r.update(X1=value(r, 2, 3) * value(r, 4, 5)))))

    def test_division(self):
        j = self.find(Run(convolutions()), "av", lambda r: value(r, 2, 3))
        self.attack("remainder out of range", convolutions, ["div.c"], one("av", j, both(bump(0, 0, 4), bump(2, 3, -1))))
        self.attack("another sum", convolutions, ["average"], one("av", (1,), bump(2, 3, 1)))


class Bilinear(Attacks):
    def test_products(self):
        self.attack("another z", bilinear, ["product"], one("z", (0, 0), bump(1, 2, 1)))
        rem = one("z", (0, 0), lambda r: r.update(L0=r["L0"] ^ 1))
        run = self.attack("another remainder", bilinear, ["product"], rem)
        shift = run.col["L0"][run.c.T["z"].at(0, 0) * 2] - Run(bilinear()).col["L0"][run.c.T["z"].at(0, 0) * 2]
        self.attack("YL adapted", bilinear, ["link YL"], rem, lambda r: r.add("YL", None, 4, shift * inv(r.col["YR"][4])))
        self.attack("YR adapted", bilinear, ["link YR"], rem, lambda r: r.add("YR", None, 4, shift * inv(r.col["YL"][4])))

        def cancel(r):  # mu^0 e_0 + mu e_1 = 0, while the product gains the shift
            e = shift * inv(r.col["YR"][4] - r.col["YR"][5]) % R
            r.add("YL", None, 4, e), r.add("YL", None, 5, -e * inv(r.ch["mu"]))

        self.attack("errors of two samples cancel under mu", bilinear, ["link YL"], rem, cancel)
        ch = Run(bilinear()).ch
        self.attack("the link with mu for psi: accepted", bilinear, [], rem, cancel, {**ch, "psi": ch["mu"]})

    def test_squares(self):
        self.attack("another sum of squares", bilinear, ["squares"], after=lambda run: run.c.values[0]["squares"].__setitem__(0, 1))


class Ports(Attacks):
    @staticmethod
    def claim(o, tie=False):
        c = tokens(tie)
        Run(c)
        c.values[0]["best"], c.forced = [o], True
        return c

    def test_argmax(self):
        best = Run(tokens()).c.values[0]["best"][0]
        self.attack("an index that is not the maximum", self.claim((best + 1) % 6), ["lookup sum"])
        self.attack("another one selected", tokens, ["selection"], one("z", (best,), lambda r: r.update(L9=0)))
        self.attack("selected, but below the maximum", tokens, ["cand.sel", "distance"], one("z", (best,), bump(5, 8, 1)))
        self.attack("the maximum is not attained", self.claim(best), ["cand.sel"],
                    one("top", (0,), lambda r: r.update(X1=r["X1"] + 1)))  # every distance grows by one, the selected one, too

    def test_ties_go_to_the_lowest_index(self):
        self.assertEqual(Run(tokens(tie=True)).c.values[0]["best"], [1])
        self.attack("the higher of two equal ones", self.claim(4, tie=True), ["lookup sum"])

    def test_indices_have_ranges(self):
        """A token beyond the vocabulary is a row of the next table: the relation accepts it, V1 does not."""
        self.attack("another token", tokens, ["embedding"], after=lambda run: run.c.values[0].update(tokens=[0, 0]))
        c = tokens()
        Run(c)
        VOC, T, D = 5, 2, 3
        place = [[c.weights[d, c.pr.linears[0].public[1].q + t] for d in range(D)] for t in range(T)]
        c.values[0]["tokens"][0] = VOC  # = position 0's row of the position table

        def tamper(d):
            def f(row):
                row.update(requantize_row(place[0][d] + place[0][d], 8))
            return f

        fill = c.fill

        def forged(w):
            c.values[0]["tokens"][0] = 0
            fill(w)
            c.values[0]["tokens"][0] = VOC

        c.fill = forged
        self.attack("token = VOC without V1's range", c, [], {("x", (d, 0), 0): tamper(d) for d in range(D)})
        with self.assertRaises(Refused):
            check_values(c.pr, c.values)
        check_values(c.pr, Run(tokens()).c.values)

    def test_argmax_beyond_the_logits(self):
        """No row has theta^V: refused by the relation, whatever D and M are, and by V1."""
        run = Run(tokens(), after=lambda r: r.c.values[0].update(best=[6]))
        self.assertIn("selection", run.violated())
        self.assertFalse(run.accepted())
        with self.assertRaises(Refused):
            check_values(run.pr, run.c.values)


class Lanes(Attacks):
    def test_lookups(self):
        self.attack("not the table's value, first lane", lanes, ["lookup sum"], one("h", (0,), lambda r: r.update(L2=r["L2"] ^ 1)))
        self.attack("not the table's value, second lane", lanes, ["lookup sum"], one("h", (1,), lambda r: r.update(L5=r["L5"] ^ 1)))
        forge = lambda column: lambda run: run.add(column, run.c.T["h"], (0,), -run.lookup_sum())
        self.attack("J_1 forged", lanes, ["J0"], one("h", (0,), lambda r: r.update(L2=r["L2"] ^ 1)), forge("J0"))
        self.attack("J_2 forged", lanes, ["J1"], one("h", (0,), lambda r: r.update(L5=r["L5"] ^ 1)), forge("J1"))
        self.attack("J on rows without a lookup counts nothing", lanes, [], after=lambda run: run.add("J0", run.c.T["x"], (0,), 5))

    def test_both_lanes_are_bound(self):
        self.attack("first lane", lanes, ["fc1"], one("h", (0,), lambda r: r.update(L0=r["L0"] ^ 1)))
        self.attack("second lane", lanes, ["fc1"], one("h", (0,), lambda r: r.update(L3=r["L3"] ^ 1)))

    def test_committed_ports(self):
        add = lambda name, i, d: lambda run: run.set_short(name, i, run.shorts[name][1][i] + d)
        self.attack("another committed input", lanes, ["input"], after=add("X_input", 2, 1))
        self.attack("another committed output", lanes, ["fc2"], after=add("X_output", 6, 1))
        for position in (0, 1, 2 + 6, 15):
            self.attack("positions that are no tensor", lanes, [], after=add("X_input", position, 5))
