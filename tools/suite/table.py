"""The generated part of docs/operators.md."""

import collections
import re

import prove
import why
from pages import row_of

# What stands before and behind a generated part.
MADE = ("<!-- made by `make suite` -->", "<!-- end -->")
PREDICTED = ("<!-- predicted by tools/suite/run.py -->", "<!-- end of what is predicted -->")
LEVELS = ("executed", "read", "refused")


def counts(results):
    """Cases, those read, those executed."""
    levels = collections.Counter(result["level"] for result in results)
    return sum(levels.values()), levels["executed"] + levels["read"], levels["executed"]


def known(results):
    """The cases that are not executed, by name."""
    return {f"{r['case'].family}/{r['case'].name}": r["level"] for r in results if r["level"] != "executed"}


def summary(results):
    families = collections.defaultdict(list)
    for result in results:
        families[result["case"].family].append(result)
    lines = []
    for family, members in families.items():
        all_of_them, read, executed = counts(members)
        lines.append(f"{family}: {all_of_them} cases, {read} read, {executed} executed")
    return "\n".join(lines)


def page(results, proofs):
    text = ["", "### Families", "", "| Family | Cases | Read | Executed |", "| --- | ---: | ---: | ---: |"]
    families = collections.defaultdict(list)
    operators = collections.defaultdict(list)
    for result in results:
        families[result["case"].family].append(result)
        if result["case"].family == "node":
            operators[result["operator"]].append(result)
    for family, members in families.items():
        text.append(row_of(family, counts(members)))
    text += ["", "### Models of the stored families that are not executed", ""]
    for family, members in families.items():
        if family != "node":
            text += [f"* `{r['case'].name}` ({family}, {r['level']}): {r['reason']}" for r in members if r["level"] != "executed"]
    text += ["", "### Tests of single operators that are not executed", ""]
    text += why.table([result for result in results if result["case"].family == "node"])
    text += ["", "### Proven natively", ""] + [f"* {line}" for line in shares(results, proofs["native"])]
    text += ["", "### Operators", "", "| Operator | Tests | Read | Executed | Native | EZKL | Why not all |"]
    text.append("| --- | ---: | ---: | ---: | --- | --- | --- |")
    read = {name: members for name, members in operators.items() if counts(members)[1] > 0}
    for name, members in sorted(read.items(), key=lambda item: item[0].lower()):
        words = [verdict(members, proofs[backend]) for backend in ("native", "ezkl")]
        text.append("| " + " | ".join([f"`{name}`", *map(str, counts(members)), *words, reasons(members)]) + " |")
    text += ["", "### Operators that are not read", "", "| Operator | Tests | Why |", "| --- | ---: | --- |"]
    for name, members in sorted(operators.items(), key=lambda item: item[0].lower()):
        if name not in read:
            text.append(f"| `{name}` | {len(members)} | {reasons(members)} |")
    text += refused(results, proofs)
    return "\n".join(text) + "\n"


def predictions(found):
    """What proofs of models would take, as a table."""
    text = ["| Model | Weights | Rows | Most of them | Prove | Memory | Why it is not proven |", "| --- | ---: | ---: | --- | ---: | ---: | --- |"]
    for result, sketch in found:
        name = result["case"].name
        if isinstance(sketch, str):
            text.append(f"| `{name}` | | | | | | {cell(sketch)} |")
            continue
        most = max(sketch["tensors"], key=lambda tensor: tensor["rows"])
        took = sketch["prediction"]
        row = [f"`{name}`", f"{sketch['weights']:,}", f"{sketch['rows']:,}", f"{most['operator']} {most['dims']}: {most['rows']:,}"]
        row += [f"{took['prove_ms'] / 1e3:.0f} s", f"{took['peak_mb'] / 1e3:.1f} GB", cell("; ".join(sketch["limits"]))]
        text.append("| " + " | ".join(row) + " |")
    return "\n".join(text)


def verdict(members, proofs):
    """What became of the models of an operator: one that is proven speaks for it; nothing where none was tried."""
    if not prove.able(members):
        return "constant"
    problems = [proofs[prove.key(result)] for result in members if prove.key(result) in proofs]
    if not problems:
        return ""
    return "proven" if None in problems else "refused"


def shares(results, proofs):
    """How much of the table, and of the models that PyTorch wrote, the native backend proves."""
    operators = collections.defaultdict(list)
    for result in results:
        if result["case"].family == "node" and result["level"] != "refused":
            operators[result["operator"]].append(result)
    verdicts = collections.Counter(verdict(members, proofs) for members in operators.values())
    count = len(operators) - verdicts["constant"]
    share = f"{100 * verdicts['proven'] / count:.0f} %" if count else "none"
    lines = [f"operators proven natively, of the generated table: {verdicts['proven']} of {count} ({share})"]
    if verdicts["constant"]:
        lines[0] += f"; {verdicts['constant']} more have tests without an input alone, of which nothing is left to prove"
    stored = [result for result in results if result["case"].family in ("pytorch-converted", "pytorch-operator")]
    done = sum(proofs.get(prove.key(result), "") is None for result in stored)
    return [*lines, f"pytorch-converted and pytorch-operator proven natively: {done} of {len(stored)}"]


def tried(proofs):
    """How many of the models that a backend was ever tried on it proves."""
    return [f"models proven with {backend}: {sum(problem is None for problem in found.values())} of {len(found)} that were tried" for backend, found in proofs.items()]


def refused(results, proofs):
    """What the backends said about models that they did not prove."""
    text = []
    names = {prove.key(result): result for result in results}
    for backend, title in (("native", "the native backend"), ("ezkl", "EZKL")):
        tried = {name: problem for name, problem in proofs[backend].items() if name in names}
        bad = {name: problem for name, problem in sorted(tried.items()) if problem}
        text += ["", f"### Refused by {title}", "", f"{len(tried) - len(bad)} of {len(tried)} models that were tried are proven."]
        if bad:
            text += ["", "| Model | Operator | Why not |", "| --- | --- | --- |"]
            text += [f"| `{name}` | {names[name]['operator']} | {cell(problem)} |" for name, problem in bad.items()]
    return text


def reasons(members):
    """Why cases are not executed, the most common reason first."""
    found = collections.Counter(short(r["reason"]) for r in members if r["reason"])
    return "; ".join(f"{count} × {reason}" for reason, count in found.most_common(4)) + ("; …" if len(found) > 4 else "")


def short(reason):
    """A reason without what differs from case to case."""
    reason = re.sub(r" \(node `[^`]*`\)", "", reason)
    reason = re.sub(r"^tensor `[^`]*` is an (input|output)", r"an \1", reason)
    reason = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from \S+ failed:", "", reason)
    reason = re.sub(r"[Nn]ode with name '[^']*'|Name:'[^']*'", "node", reason)
    reason = re.split(r"; |\. ", reason)[0]
    return cell(reason[:110])


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")
