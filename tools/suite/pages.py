"""The counts of docs/operators.md, compared with the lists that they are of."""

import collections


def stale(text, cases, known):
    """Rows of the page's families that are not what the lists say: the page's counts are of these cases."""
    levels = {f"{case.family}/{case.name}": case.family for case in cases}
    found = []
    for family in dict.fromkeys(levels.values()):
        below = collections.Counter(level for name, level in known.items() if levels.get(name) == family)
        total = sum(each == family for each in levels.values())
        row = row_of(family, (total, total - below["refused"], total - below["refused"] - below["read"]))
        if row not in text.splitlines():
            found.append(f"docs/operators.md does not have what tools/suite/known.json says: {row}")
    return found


def row_of(family, numbers):
    return "| " + " | ".join([f"`{family}`", *map(str, numbers)]) + " |"
