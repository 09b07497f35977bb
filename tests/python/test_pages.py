"""That the counts of docs/operators.md cannot differ from the suite's lists without a word."""

import sys
import types
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "suite"))

import pages  # noqa: E402


def case(name):
    return types.SimpleNamespace(family="node", name=name)


class Counts(unittest.TestCase):
    CASES = [case("a"), case("b"), case("c"), case("d")]
    KNOWN = {"node/a": "refused", "node/b": "read", "simple/x": "refused"}

    def test_a_row_of_other_counts_is_named(self):
        right = "| `node` | 4 | 3 | 2 |"
        self.assertEqual(pages.stale(f"text\n{right}\n", self.CASES, self.KNOWN), [])
        for other in ["| `node` | 4 | 3 | 3 |", "| `node` | 4 | 4 | 2 |", "| `node` | 5 | 3 | 2 |", ""]:
            (line,) = pages.stale(other, self.CASES, self.KNOWN)
            self.assertIn(right, line)

    def test_a_case_that_gets_worse_is_another_count(self):
        worse = self.KNOWN | {"node/c": "refused"}
        self.assertEqual(len(pages.stale("| `node` | 4 | 3 | 2 |", self.CASES, worse)), 1)


if __name__ == "__main__":
    unittest.main()
