#!/usr/bin/env python3
"""ONNX's own backend suite against the reader: what is read, executed, and proven.

    run.py                      reads and executes every case and compares with tools/suite/known.json and with the counts of
                                docs/operators.md: no case may get worse
    run.py --sample 200         the same with a seeded part
    run.py --native 40          also proves models of 40 operators, and compares with tools/suite/proven.json
    run.py --native all --keep  notes in proven.json what was proven as it goes; with --missing, of operators without a proof
    run.py --write              compares, then writes docs/operators.md and known.json
    run.py --only light --predict --write   what native proofs of the image networks would take, into docs/benchmarks.md
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The versions of Python that requirements.txt has wheels for.
PYTHONS = ((3, 11), (3, 14))
KNOWN = ROOT / "tools/suite/known.json"
PROVEN = ROOT / "tools/suite/proven.json"
PAGE = ROOT / "docs/operators.md"
BENCHMARKS = ROOT / "docs/benchmarks.md"


def main():
    options = arguments()
    environment()
    # Only the environment has what these import.
    import cases
    import execute
    import pages
    import prove
    import read
    import table

    warnings.simplefilter("ignore")
    started = time.monotonic()
    work = ROOT / "target/suite"
    chosen = whole = cases.collect(work / "models", options.light)
    if options.only:
        chosen = [case for case in chosen if options.only in (case.family, case.operator) or options.only in case.name]
    if options.sample and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)
    answers = read.read_all(options.reader, chosen, work)
    results = []
    for case, answer in zip(chosen, answers):
        reason = answer.get("error")
        level = "refused" if reason else "read"
        if not reason:
            reason = execute.execute(case, answer)
            level = "read" if reason else "executed"
        results.append({"case": case, "answer": answer, "operator": case.operator, "level": level, "reason": reason})
        if options.only:
            print(f"{case.family} {case.name}: {level}{': ' + reason if reason else ''}")
    if options.predict:
        read_ones = [result for result in results if result["level"] != "refused"]
        text = table.predictions([(result, prove.predict(options.program, result, options.limit)) for result in read_ones])
        print(text)
        if options.write:
            put(BENCHMARKS, table.PREDICTED, f"\n{text}\n")
            return 0
    proofs = json.loads(PROVEN.read_text())
    lost = []
    for backend in ("native", "ezkl"):
        lost += prove_groups(prove, backend, results, proofs[backend], options, work)
    print(table.summary(results))
    if not options.sample and not options.only:
        print("\n".join([*table.shares(results, proofs["native"]), *table.tried(proofs)]))
    print(f"{len(results)} cases in {time.monotonic() - started:.0f} s")
    stale = [] if options.write else pages.stale(PAGE.read_text(), whole, json.loads(KNOWN.read_text()))
    worse = compare(results, lost + stale)
    if options.write:
        write(results, proofs, table)
    return worse


def prove_groups(prove, backend, results, before, options, work):
    """Proves models and notes in `before` what became of them; says which were proven before and are not now."""
    lost = []
    count, tries = {"native": (options.native, options.tries), "ezkl": (options.ezkl, 1)}[backend]
    for members in prove.sample(prove.able(results), count, options.seed, before):
        if options.missing and any(before.get(prove.key(result), "") is None for result in members):
            continue
        # The first that is proven speaks for its operator.
        for result in members[:tries]:
            name, problem = prove.key(result), attempt(prove, backend, result, options, work)
            print(f"{backend}: {name}: {problem or 'proven'}", flush=True)
            if problem and before.get(name, "") is None:
                lost.append(f"{name} was proven with {backend} and is not: {problem}")
            before[name] = problem
            if options.keep:
                note(backend, name, problem)
            if not problem:
                break
    return lost


def attempt(prove, backend, result, options, work):
    """Why a model is not proven, or `None`. Weights and places are inputs of tests and constants of models: where the backend
    says that it needs one to be constant, the test's own is."""
    import execute
    import read

    problem = prove.prove(options.program, backend, result, work / backend, options.limit)
    for which in (read.integers_but_first, read.all_but_first):
        if not problem or not prove.wants_constants(problem):
            break
        answer = read.read_known(options.reader, result["case"], which, work)
        if answer.get("inputs") and not execute.execute(result["case"], answer):
            problem = prove.prove(options.program, backend, result | {"answer": answer}, work / backend, options.limit)
    return problem


def note(backend, name, problem):
    """Keeps what became of one model; another run may be at work on others."""
    proofs = json.loads(PROVEN.read_text())
    proofs[backend][name] = problem
    PROVEN.write_text(json.dumps(proofs, indent=0, sort_keys=True) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--sample", type=int, metavar="N", help="take N of the cases")
    add("--seed", type=int, default=12, help="what samples are drawn from (default: %(default)s)")
    add("--light", action=argparse.BooleanOptionalAction, default=True, help="the models of `light` too, which take minutes")
    add("--only", metavar="TEXT", help="a family, an operator, or a part of a case's name; tells every case")
    add("--native", type=number, default=0, metavar="N", help="prove models of N operators with the native backend, or of all")
    add("--ezkl", type=number, default=0, metavar="N", help="prove models of N operators with EZKL, or of all")
    add("--tries", type=int, default=4, metavar="N", help="models of an operator that the native backend is tried on (default: %(default)s)")
    add("--limit", type=int, default=180, metavar="SECONDS", help="a proof that takes longer is not waited for (default: %(default)s)")
    add("--missing", action="store_true", help="of those, the operators of which nothing is proven")
    add("--keep", action="store_true", help="write tools/suite/proven.json as proofs are made")
    add("--predict", action="store_true", help="say what native proofs of the models would take, without making any")
    add("--write", action="store_true", help="write docs/operators.md and tools/suite/known.json; with --predict, docs/benchmarks.md")
    add("--reader", default=str(ROOT / "target/debug/examples/suite_read"), metavar="FILE", help="the built example suite_read")
    add("--program", default=str(ROOT / "target/debug/zkinfer"), metavar="FILE", help="the built program")
    options = parser.parse_args()
    if options.write and options.predict and options.only != "light":
        parser.error("what is predicted is written of `--only light`")
    if options.write and not options.predict and (options.sample or options.only or not options.light):
        parser.error("--write is about all cases")
    return options


def number(text):
    return sys.maxsize if text == "all" else int(text)


def environment():
    """Goes on in a virtual environment with what requirements.txt names, which it makes first."""
    requirements = Path(__file__).with_name("requirements.txt")
    cache = os.environ.get("ZKINFER_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zkinfer"
    folder = Path(cache) / "suite"
    python, marker = folder / "bin/python", folder / "installed"
    if Path(sys.prefix) == folder:
        return
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        print("missing: Python 3.11 to 3.14, this is {}.{}".format(*sys.version_info), file=sys.stderr)
        sys.exit(3)
    if not marker.exists() or marker.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-input"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        marker.write_text(requirements.read_text())
    os.execv(python, [str(python), "-B", *sys.argv])


def write(results, proofs, table):
    KNOWN.write_text(json.dumps(table.known(results), indent=0, sort_keys=True) + "\n")
    put(PAGE, table.MADE, table.page(results, proofs))


def put(page, marks, made):
    """Replaces what is between two marks of a page."""
    text = page.read_text()
    start, end = text.index(marks[0]) + len(marks[0]), text.index(marks[1])
    page.write_text(f"{text[:start]}\n{made}{text[end:]}")


def compare(results, lost):
    """Fails when a case is at a lower level than the committed lists have it."""
    known, order = json.loads(KNOWN.read_text()), ["refused", "read", "executed"]
    worse = list(lost)
    for result in results:
        name = f"{result['case'].family}/{result['case'].name}"
        before = known.get(name, "executed")
        if order.index(result["level"]) < order.index(before):
            worse.append(f"{name} was {before} and is {result['level']}: {result['reason']}")
    for line in worse:
        print(line)
    if not results:
        print("no case was looked at")
    # Counted by tools/test.
    print(f"{len(results) - len(worse)} cases are as good as docs/operators.md has them, {len(worse)} worse")
    return 1 if worse or not results else 0


if __name__ == "__main__":
    sys.exit(main())
