"""The generated part of docs/operators.md."""

import collections
import re

START, END = "<!-- made by `make suite` -->", "<!-- end -->"
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
        text.append("| " + " | ".join([f"`{family}`", *map(str, counts(members))]) + " |")
    text += ["", "### Models of the stored families that are not executed", ""]
    for family, members in families.items():
        if family != "node":
            text += [f"* `{r['case'].name}` ({family}, {r['level']}): {r['reason']}" for r in members if r["level"] != "executed"]
    text += ["", "### Operators", "", "| Operator | Tests | Read | Executed | Native | EZKL | Why not all |"]
    text.append("| --- | ---: | ---: | ---: | --- | --- | --- |")
    read = {name: members for name, members in operators.items() if counts(members)[1] > 0}
    for name, members in sorted(read.items(), key=lambda item: item[0].lower()):
        words = [verdict(proofs.get(backend, []), name) for backend in ("native", "ezkl")]
        text.append("| " + " | ".join([f"`{name}`", *map(str, counts(members)), *words, reasons(members)]) + " |")
    text += ["", "### Operators that are not read", "", "| Operator | Tests | Why |", "| --- | ---: | --- |"]
    for name, members in sorted(operators.items(), key=lambda item: item[0].lower()):
        if name not in read:
            text.append(f"| `{name}` | {len(members)} | {reasons(members)} |")
    text += refused(proofs)
    return "\n".join(text) + "\n"


def verdict(proofs, operator):
    """What became of an operator's model in the sample: nothing where none was in it."""
    problems = [problem for result, problem in proofs if result["operator"] == operator]
    if not problems:
        return ""
    return "proven" if None in problems else "refused"


def refused(proofs):
    """What the backends said about models that they did not prove."""
    text = []
    for backend, name in (("native", "the native backend"), ("ezkl", "EZKL")):
        tried = proofs.get(backend, [])
        bad = [(result, problem) for result, problem in tried if problem]
        text += ["", f"### Proven with {name}", "", f"{len(tried) - len(bad)} of {len(tried)} models that were tried."]
        if bad:
            text += ["", "| Model | Why not |", "| --- | --- |"]
            text += [f"| `{result['case'].name}` | {cell(problem)} |" for result, problem in bad]
    return text


def reasons(members):
    """Why cases are not executed, the most common reason first."""
    found = collections.Counter(short(r["reason"]) for r in members if r["reason"])
    return "; ".join(f"{count} × {reason}" for reason, count in found.most_common(4)) + ("; …" if len(found) > 4 else "")


def short(reason):
    """A reason without what differs from case to case."""
    reason = re.sub(r" \(node `[^`]*`\)", "", reason)
    reason = re.sub(r"^tensor `[^`]*` is an input", "an input", reason)
    reason = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from \S+ failed:", "", reason)
    reason = re.sub(r"[Nn]ode with name '[^']*'|Name:'[^']*'", "node", reason)
    reason = re.split(r"; |\. ", reason)[0]
    return cell(reason[:110])


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")
