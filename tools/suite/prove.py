"""Proves models of the suite with the program, on the suite's own inputs, and verifies what it wrote."""

import json
import random
import subprocess

import numpy as np

# A proof that takes longer is not waited for.
LIMIT_SECONDS = 180


def sample(results, count, seed):
    """At most one model per operator or stored family and operators, in a seeded order."""
    chosen, seen = [], set()
    for result in random.Random(seed).sample(results, len(results)):
        key = result["operator"] or tuple(result["answer"]["operators"])
        if key not in seen and len(chosen) < count:
            seen.add(key)
            chosen.append(result)
    return chosen


def prove(program, backend, result, folder):
    """Why there is no proof that verifies, or `None`."""
    case, answer = result["case"], result["answer"]
    inputs = case.sets[0][0]
    tensors = [inputs.get(info["name"]) for info in answer["inputs"]]
    if not tensors or any(tensor is None for tensor in tensors):
        return "it has no inputs"
    numbers = [np.asarray(tensor).astype(np.float64).ravel().tolist() for tensor in tensors]
    folder.mkdir(parents=True, exist_ok=True)
    file, bundle = folder / f"{case.name}.json", folder / f"{case.name}.bundle.json"
    file.write_text(json.dumps({"input_data": numbers}))
    # The TEST powers of tau are of every size; what is measured here is not for sale.
    model = ["--backend", backend, "--srs", "test", "--model", answer["canonical"], "--calibration", str(file)]
    problem = run([program, "prove", *model, "--input", str(file), "--out", str(bundle)])
    problem = problem or run([program, "verify", str(bundle)])
    # Where it lies is not what is wrong.
    return problem and problem.replace(f"{folder}/", "")


def run(command):
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it takes longer than {LIMIT_SECONDS} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"exit {done.returncode}: {lines[-1] if lines else 'no word'}"
