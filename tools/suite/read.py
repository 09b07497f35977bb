"""Gives models to the reader, as files and with what an operator has to know beforehand written into them."""

import json
import subprocess

import numpy as np
import onnx
from onnx import numpy_helper

# Reasons that say: this would have to be known when the model is read.
OPEN = (
    "depend on the input",
    "depends on the input",
    "as the input decides",
    "neither sizes nor scales that are constant",
    "no part to crop that is constant",
    "is empty: its axis",
    "is in training mode",
)


def read_all(program, cases, folder):
    """The reader's answer for every case, in order. Tests give shapes, axes and pads as inputs, which models have as
    constants: where the reader says that it has to know one, the test's own are put in, as few as it takes."""
    answers = ask(program, cases, [case.path for case in cases], folder)
    for which in (integers_but_first, all_but_first, everything):
        again = [i for i, answer in enumerate(answers) if any(text in answer.get("error", "") for text in OPEN)]
        again = [i for i in again if len(cases[i].sets) == 1]
        paths = [with_constants(cases[i], which, folder) for i in again]
        for i, answer in zip(again, ask(program, [cases[i] for i in again], paths, folder)):
            answers[i] = answer | {"constants": which.__doc__}
    return answers


def read_known(program, case, which, folder):
    """The answer for one case, with some of its inputs as constants. Its canonical file lies beside that of the whole case, which
    another backend is still to prove."""
    return ask(program, [case], [with_constants(case, which, folder)], folder / which.__name__)[0]


def integers_but_first(index, value):
    """integers after the first input"""
    return index > 0 and value.dtype.kind in "iub"


def all_but_first(index, value):
    """all but the first input"""
    return index > 0


def everything(index, value):
    """all inputs"""
    return True


def with_constants(case, which, folder):
    """Writes the model with some of the test's inputs as its constants."""
    model = onnx.load(case.path)
    inputs = case.sets[0][0]
    infos = list(model.graph.input)
    for index, info in enumerate(infos):
        value = inputs.get(info.name)
        if value is not None and value.dtype != object and which(index, value):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), info.name))
            model.graph.input.remove(info)
    folder.joinpath("constants").mkdir(parents=True, exist_ok=True)
    path = folder / "constants" / f"{case.name}.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def ask(program, cases, paths, folder):
    """One run of the reader."""
    canonical = folder / "canonical"
    canonical.mkdir(parents=True, exist_ok=True)
    requests, answers = [], []
    for case, path in zip(cases, paths):
        file = canonical / f"{case.family}-{case.name}.onnx"
        requests.append({"model": str(path), "canonical": str(file), "dims": dims(case)})
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    run = subprocess.run([program], input=lines, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    for request, line in zip(requests, run.stdout.splitlines(), strict=True):
        answers.append(json.loads(line) | request)
    return answers


def dims(case):
    """Sizes for symbolic axes, from the test's inputs."""
    model = onnx.load(case.path, load_external_data=False) if case.family in ("node", "simple") else None
    sizes = {}
    for info in model.graph.input if model else ():
        value = case.sets[0][0].get(info.name)
        if value is None or info.type.WhichOneof("value") != "tensor_type":
            continue
        for axis, dim in enumerate(info.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value") and axis < value.ndim:
                sizes[dim.dim_param or f"{info.name}[{axis}]"] = value.shape[axis]
    return {name: int(size) for name, size in sizes.items() if size > 0}
