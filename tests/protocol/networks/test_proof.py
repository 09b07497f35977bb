"""Whole proofs in bytes: the verifier of N8 accepts them, and nothing that differs (V1 to V7)."""

import json
import unittest
from pathlib import Path

import circuits
from encoding import encode
from field import R
from program import Refused
from proof import Prover
from protocol import G1, Reader, g1_sum, verify, word
from vectors import CIRCUITS, hostile, load, show
from verifier import Invalid, point_bytes

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "networks"


class Proofs(unittest.TestCase):
    def accepted(self, *arguments):
        try:
            return verify(*arguments)
        except (Refused, Invalid):
            return None

    def test_recorded_proofs_verify_with_their_challenges(self):
        """tests/fixtures/networks, made by vectors.py: one circuit per family."""
        paths = sorted(FIXTURES.glob("*.json"))
        self.assertEqual({p.stem for p in paths}, set(CIRCUITS))
        for path in paths:
            arguments, challenges = load(path)
            with self.subTest(path.stem):
                self.assertEqual({k: show(v) for k, v in verify(*arguments).items()}, challenges)
                self.assertEqual(arguments[1], encode(CIRCUITS[path.stem]().pr))

    def test_proofs_of_the_rust_prover_verify(self):
        """tests/fixtures/networks/rust, made by crates/prover/examples/network_vectors.rs."""
        paths = sorted((FIXTURES / "rust").glob("*.json"))
        self.assertTrue(paths)
        for path in paths:
            arguments, challenges = load(path)
            with self.subTest(path.stem):
                self.assertEqual({k: show(v) for k, v in verify(*arguments).items()}, challenges)

    def test_recorded_verdicts_on_programs(self):
        """The Rust tests read the same file: both call the same programs canonical."""
        self.assertEqual(json.loads((FIXTURES / "hostile" / "programs.json").read_text()), hostile())

    def test_a_prover_makes_what_verifies(self):
        verify(*Prover(circuits.bilinear(), seed=2).prove())

    def test_schnorr_equations(self):
        """D could be the difference of two models, D_s that of two tensors: accepted when the equation is dropped."""
        c = circuits.tokens()
        other = {k: v + (k[1] == c.pr.linears[0].public[0].q) for k, v in c.weights.items()}
        forged = Prover(c).prove(other=other)
        self.assertIsNone(self.accepted(*forged))
        verify(*forged, without=("D",))
        forged = Prover(circuits.lanes()).prove(moved=1)
        self.assertIsNone(self.accepted(*forged))
        self.assertIsNone(self.accepted(*forged, ("D",)))
        verify(*forged, without=("D_s",))

    def test_nothing_else_verifies(self):
        vk, program, srs, statements, proof = load(FIXTURES / "lanes-committed.json")[0]
        self.assertTrue(self.accepted(vk, program, srs, statements, proof))
        model, context, sides = statements[0]
        other = point_bytes(g1_sum([(1, Reader(sides[0]).point()), (1, G1)]))
        rest = statements[1:]
        for what, changed in (("context", (model, context[::-1], sides)), ("input", (model, context, [other, sides[1]])),
                              ("output", (model, context, [sides[0], other])), ("side missing", (model, context, sides[:1]))):
            with self.subTest(what):
                self.assertIsNone(self.accepted(vk, program, srs, [changed] + rest, proof))
        self.assertIsNone(self.accepted(vk, program, srs, rest, proof))
        self.assertIsNone(self.accepted(vk, program, srs, statements[::-1], proof))
        self.assertIsNone(self.accepted(vk, program + b"\0", srs, statements, proof))
        swapped = vk[:132] + vk[100:132] + vk[164:]
        self.assertIsNone(self.accepted(swapped, program, srs, statements, proof))  # another digest of the fixed bytes
        fixed = point_bytes(g1_sum([(1, Reader(vk[-64:]).point()), (1, G1)]))
        self.assertIsNone(self.accepted(vk[:-64] + fixed, program, srs, statements, proof))  # another table
        for word_ in range(0, len(proof) // 32, 17):
            bad = bytearray(proof)
            bad[32 * word_ + 31] ^= 1
            self.assertIsNone(self.accepted(vk, program, srs, statements, bytes(bad)), word_)
        self.assertIsNone(self.accepted(vk, program, srs, statements, proof + bytes(32)))
        self.assertIsNone(self.accepted(vk, program, srs, statements, proof[:-32]))
        alias = bytearray(proof)
        alias[-32:] = word(int.from_bytes(proof[-32:], "big") + R)
        self.assertIsNone(self.accepted(vk, program, srs, statements, bytes(alias)))

    def test_the_length_is_that_of_the_specification(self):
        c = circuits.lanes()
        pr, proof = c.pr, load(FIXTURES / "lanes-committed.json")[0][4]
        l, cc, t, products = 11, 2, 1, 0
        points = (pr.ell + pr.nx + 1) + (pr.ell + 1 + pr.nj + pr.nr + 0 + 1 + 2 * products) + 4 + t + 2 + 2 * cc + (l - 4) + 2
        NE = (pr.ell + pr.nx + 1) + (pr.ell + 1 + pr.nj + pr.nr + 0 + 1) + 3 + 1 + 1 + 1 + cc
        scalars = 1 + 3 * l + NE + 8 + 2 * (l - 3) + t + 2 + 2 * cc
        self.assertEqual(len(proof), 64 * points + 32 * scalars)


if __name__ == "__main__":
    unittest.main()
