"""Proves models of the suite with the program, on the suite's own inputs, and verifies what it wrote."""

import json
import os
import random
import signal
import subprocess

import numpy as np


def wants_constants(problem):
    """Whether a backend would go on if an operand were constant."""
    return "no constant" in problem or "the input decides" in problem


def key(result):
    """A case's name in the lists that are kept."""
    return f"{result['case'].family}/{result['case'].name}"


def able(results):
    """What can be proven at all: what is executed, and has inputs."""
    return [result for result in results if result["level"] == "executed" and result["answer"]["inputs"]]


def sample(results, count, seed, before):
    """Up to `count` groups in a seeded order: the models of one operator, or one stored model. In a group, those that were
    proven before come first, and then those of the fewest operators."""
    groups = {}
    for result in random.Random(seed).sample(results, len(results)):
        groups.setdefault(result["operator"] or key(result), []).append(result)
    for members in groups.values():
        members.sort(key=lambda result: (before.get(key(result), "") is not None, len(result["answer"]["operators"])))
    return list(groups.values())[:count]


def prove(program, backend, result, folder, limit):
    """Why there is no proof that verifies, or `None`."""
    case, answer = result["case"], result["answer"]
    inputs = case.sets[0][0]
    tensors = [inputs.get(info["name"]) for info in answer["inputs"]]
    if any(tensor is None for tensor in tensors):
        return "the package stores no tensor for an input"
    numbers = [np.asarray(tensor).astype(np.float64).ravel().tolist() for tensor in tensors]
    folder.mkdir(parents=True, exist_ok=True)
    file, bundle = folder / f"{case.name}.json", folder / f"{case.name}.bundle.json"
    file.write_text(json.dumps({"input_data": numbers}))
    # The TEST powers of tau are of every size; what is measured here is not for sale.
    model = ["--backend", backend, "--srs", "test", "--model", answer["canonical"], "--calibration", str(file)]
    problem = run([program, "prove", *model, "--input", str(file), "--out", str(bundle)], limit)
    problem = problem or run([program, "verify", str(bundle)], limit)
    # Where it lies is not what is wrong.
    return problem and problem.replace(f"{folder}/", "")


def predict(program, result, limit):
    """What a native proof would take, as `compile --predict` says it; or why that is not known."""
    command = [program, "compile", "--json", "--predict", "--model", result["answer"]["canonical"]]
    done = subprocess.run(command, text=True, capture_output=True, timeout=limit, check=False)
    return json.loads(done.stdout)["predict"] if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no word"])[-1]


def run(command, limit):
    """What the program says where it fails, or `None`. It is stopped with every process that it started."""
    process = subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"it takes longer than {limit} s"
    if process.returncode == 0:
        return None
    lines = [line for line in errors.splitlines() if line.strip()]
    return f"exit {process.returncode}: {lines[-1] if lines else 'no word'}"
