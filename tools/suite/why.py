"""Classes of reasons why a test is not executed."""

import collections
import re

# The first whose pattern a reason matches.
CLASSES = (
    ("text enters or leaves", r"text"),
    ("a sequence or an optional value enters or leaves, or is not there", r"a sequence|is optional|stores no tensor"),
    ("random numbers are drawn", r"random numbers"),
    ("NaN or infinite numbers enter, leave or are constants", r"\b(nan|inf|NaN)\b"),
    ("floats are read as bits, or bits as floats", r"as bits"),
    ("how many numbers leave depends on what enters", r"size depends on what enters"),
    ("a picture file is unpacked", r"picture file"),
    ("a derivative is asked for", r"derivative"),
    ("a tensor has no elements", r"into \[0, 0, 0\]"),
    ("the stored output has a rounding error beyond the tolerance", r"has -?[\d.]+e-1\d where"),
)


def classify(reason):
    """The name of a reason's class."""
    return next((name for name, pattern in CLASSES if re.search(pattern, reason)), "other")


def table(results):
    """Rows of tests that are not executed, by class, with the operators that they are about."""
    counts, operators = collections.Counter(), collections.defaultdict(set)
    for result in results:
        if result["level"] != "executed":
            name = classify(result["reason"])
            counts[name] += 1
            operators[name].add(result["operator"].rsplit(":", 1)[-1] or "several")
    text = ["| Why | Tests | Of |", "| --- | ---: | --- |"]
    for name, count in counts.most_common():
        text.append(f"| {name} | {count} | {', '.join(f'`{operator}`' for operator in sorted(operators[name]))} |")
    return text
