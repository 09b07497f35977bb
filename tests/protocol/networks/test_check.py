"""N11: programs that are functions pass, and one change that makes them something else does not."""

import random
import unittest

import attention
import catalogue as cat
import circuits
from build import Circuit, alpha, theta
from check import Check
from model import Run
from program import Access, Linear, Refused, Term, Var
from witness import split

EXPS, GELU = attention.tables()
TEMPLATES = {
    "in": (cat.inputs, ()), "relu": (cat.relu, ()), "clamp": (cat.clamp, (-3, 200, 16)), "max": (cat.maximum4, ()), "div": (cat.divide, (4,)),
    "lin": (cat.requantize, (8, "lin")), "mix": (cat.requantize, (16, "mix")), "score": (cat.score, ()), "exp": (cat.exponential, (1, EXPS)),
    "recip": (cat.reciprocal, ()), "prob": (cat.multiply, (16, "prob", False)), "var": (cat.variance, (4,)), "root": (cat.inverse_root, (attention.NUM,)),
    "above": (cat.root_above, (attention.NUM,)), "norm": (cat.multiply, (16, "norm")), "act": (cat.function8, (2, GELU)),
    "z": (cat.requantize, (8, "z")), "emb": (cat.requantize, (8, "emb")), "cand": (cat.candidate, ()), "top": (cat.operand, ()),
    "ge": (cat.compare, ()), "where": (cat.choose, ()), "copy": (cat.copied, ()),
}


def check(c):
    return Check(c.pr, {k: v for k, v in TEMPLATES.items() if any(x.name == k for x in c.pr.kinds)}).run()


def chain(order=(0, 1)):
    """Two layers as one op with a layer axis: x[0] is the input, x[1] = h[0], output h[1]; `order` numbers the units."""
    rng = random.Random(3)
    c = Circuit("chain", [cat.inputs(), cat.relu()], R=2)
    x, h = c.tensor("x", "in", 2, 2), c.tensor("h", "relu", 2, 2)
    pin, pout = c.port("input", 2), c.port("output", 2, output=True)
    c.values[0]["input"] = [50, 70]
    over = [Var(2, theta(1), 1)]
    c.relation("input", [Access(x, "y", over)], [Term(pin, [Var(2, theta(1), 0)], -1)])
    c.relation("next", [Access(x, "y", over, offs=(1, 0)), Access(h, "y", over, -1)])
    c.relation("output", [Access(h, "y", over, offs=(1, 0))], [Term(pout, [Var(2, theta(1), 0)], -1)])
    q0 = c.take(4)
    z, hats = [], []
    for layer in range(2):
        e = 2 * order[layer]
        z.append(Access(h, "z", [Var(2, alpha(1), 1)], mono=alpha(e), offs=(layer, 0)))
        hats.append(Access(x, "y", [Var(2, theta(1), 1)], mono=(e, 0, q0 + 2 * layer), offs=(layer, 0)))
        for i in range(2):
            for j in range(2):
                c.weights[i, q0 + 2 * layer + j] = rng.randrange(60, 127)
    c.pr.linears.append(Linear("fc", z, hats, (q0, q0 + 4)))
    c.finish()

    def fill(w):
        """Solves the layers by iteration: a malformed f (blocks from R on) may make layer 0 read layer 1."""
        xs, hs = [c.values[0]["input"], c.guess], [None, None]
        weight = lambda block, q: c.weights.get((block, q), 0)
        for layer in range(2):
            hs[layer] = []
            for i in range(2):
                e = 2 * order[layer] + i
                z = sum(weight(e - 2 * order[u], q0 + 2 * u + j) * xs[u][j] for u in range(2) for j in range(2) if e >= 2 * order[u])
                row = cat.relu_row(z)
                w.set(h, (layer, i), 0, row)
                hs[layer].append(cat.value(row, 1, 2))
            if layer == 0 and c.follow:
                xs[1] = hs[0]
        for layer in range(2):
            for i in range(2):
                w.set(x, (layer, i), 0, split(xs[layer][i], 0, 1))
        c.values[0]["output"] = hs[1]

    c.fill, c.guess, c.follow = fill, [0, 0], order == (0, 1)
    return c


class Functions(unittest.TestCase):
    def test_the_circuits_are_functions(self):
        for build in (circuits.mlp, circuits.convolutions, circuits.tree, circuits.gather, circuits.bilinear, circuits.tokens, attention.block, lambda: attention.block(2), chain):
            c = build()
            with self.subTest(c.pr.name):
                self.assertEqual(check(c), [])

    def refused(self, what, build, change):
        c = build()
        change(c)
        with self.subTest(what):
            try:
                self.assertNotEqual(check(c), [])
            except Refused:
                pass

    @staticmethod
    def without(name):
        def change(c):
            for objects in (c.pr.relations, c.pr.linears, c.pr.products):
                objects[:] = [o for o in objects if o.name != name]
        return change

    def test_every_constraint_is_needed(self):
        for build in (circuits.mlp, circuits.convolutions, circuits.bilinear, circuits.tokens, attention.block):
            for o in build().pr.operations:
                if o.name not in ("squares", "output") or build is attention.block:
                    self.refused(f"{build.__name__} without {o.name}", build, self.without(o.name))

    def test_gates_and_lookups_are_the_templates(self):
        for kind, build in (("relu", circuits.mlp), ("max", circuits.convolutions), ("ge", circuits.tree), ("score", attention.block), ("root", attention.block)):
            self.refused(f"{kind} without a gate", build, lambda c: next(k for k in c.pr.kinds if k.name == kind).gates.pop())
        self.refused("act without its lookup", attention.block, lambda c: next(k for k in c.pr.kinds if k.name == "act").lookups.clear())

    def test_defining_accesses(self):
        first = lambda c, name: next(o for o in c.pr.relations if o.name == name).accesses[0]
        self.refused("2 y = x", circuits.mlp, lambda c: setattr(c.pr.relations[0].accesses[0], "coef", 2))
        self.refused("an index out of bounds is skipped", circuits.convolutions, lambda c: setattr(first(c, "window0"), "offs", (0, 1, 0)))
        self.refused("two entries under one power of theta", circuits.mlp, lambda c: setattr(c.pr.relations[0].accesses[0].vars[0], "mono", (0, 0, 0)))
        self.refused("the maximum of half of the past", attention.block, lambda c: setattr(first(c, "one maximum"), "tri", None))
        self.refused("somebody reads sel", attention.block, lambda c: c.relation("peek", [Access(c.T["sc"], "sel", [Var(1, theta(1), 0)])]))
        self.refused("a copy reads itself", circuits.gather, lambda c: c.pr.copies.update({(1, c.T["g"].at(0)): c.T["g"].at(0)}))
        self.refused("default rows are read", circuits.tree, lambda c: c.pr.copies.update({(1, c.T["ge"].at(0)): c.pr.P - 1}))
        self.refused("a copy reads what depends on it", circuits.tree, lambda c: c.pr.copies.update({(2, c.T["s"].at(0)): c.T["s"].at(2)}))
        self.refused("a hat outside of its segment", circuits.mlp, lambda c: setattr(c.pr.linears[0].hats[0], "mono", theta(9)))

    def test_cycles(self):
        def cycle(c):
            o = next(o for o in c.pr.relations if o.name == "next")
            o.accesses[1].offs = (1, 0)  # x[1] = h[1]
        self.refused("layer 1 reads itself", chain, cycle)

    def test_units_in_another_order_give_a_malformed_model_two_outputs(self):
        """Layer 0 has the greater exponents: with blocks of f beyond R it reads layer 1's input, which is layer 0's output."""
        self.assertNotEqual(check(chain((1, 0))), [])
        outputs = set()
        for guess in ([0, 0], [256, 256]):
            c = chain((1, 0))
            q1 = next(iter(c.pr.linears)).segment[0] + 2
            for (block, q) in list(c.weights):
                if q < q1:
                    c.weights[block, q] = 0  # layer 0 of the honest model is 0
            c.weights |= {(2, q1): 256, (3, q1 + 1): 256}  # f beyond R: layer 0 copies layer 1's input
            c.guess = guess
            run = Run(c)
            self.assertEqual(run.violated(), [])
            outputs.add(tuple(c.values[0]["output"]))
        self.assertEqual(len(outputs), 2)


if __name__ == "__main__":
    unittest.main()
