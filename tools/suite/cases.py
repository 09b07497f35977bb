"""The test cases of the `onnx` package: models with inputs and the outputs that are right."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test import loader

# The stored families, in the order of the table.
STORED = ("pytorch-converted", "pytorch-operator", "simple", "light")
# Where the package keeps them, if under another name.
FOLDERS = {"light": "real"}
# A function's body in place of the function: the same test of the same operator.
EXPANDED = re.compile(r"_expanded(_ver\d+)?$")


@dataclasses.dataclass
class Case:
    """One model. `sets` holds pairs of inputs and outputs, each an array by name, or nothing where the file has no tensor."""

    name: str
    family: str
    path: Path
    operator: str
    rtol: float
    atol: float
    sets: list


def collect(folder, light):
    """Every case; models that the package makes are written below `folder`. Without `light`, not those models."""
    found = node_cases(folder)
    for family in STORED:
        if light or family != "light":
            found += stored_cases(family)
    return found


def node_cases(folder):
    """The generated tests, one operator each."""
    folder.mkdir(parents=True, exist_ok=True)
    tests = loader.load_node_model_tests()
    operators = {test.name: operator_of(test.model) for test in tests}
    found = []
    for test in tests:
        path = folder / f"{test.name}.onnx"
        path.write_bytes(test.model.SerializeToString())
        operator = operators.get(EXPANDED.sub("", test.name), operators[test.name])
        sets = [(named(test.model.graph.input, inputs), named(test.model.graph.output, outputs)) for inputs, outputs in test.data_sets]
        found.append(Case(test.name, "node", path, operator, test.rtol, test.atol, sets))
    return found


def operator_of(model):
    """The operator that a test of one node is about; of several nodes, the last that is no constant."""
    names = [f"{node.domain}:{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type for node in model.graph.node]
    kept = [name for name in names if name not in ("Constant", "Identity")]
    return (kept or names)[-1]


def stored_cases(family):
    """Models that lie in the package with the tensors of one or more runs."""
    found = []
    for test in sorted(loader.load_model_tests(kind=FOLDERS.get(family, family)), key=lambda test: test.name):
        if family == "light":
            path = Path(loader.DATA_DIR) / "light" / test.url.rsplit("/", 1)[1]
            sets = [light_set(path)]
        else:
            path = Path(test.model_dir) / "model.onnx"
            sets = [stored_set(path, run) for run in sorted(path.parent.glob("test_data_set_*"))]
        found.append(Case(test.name, family, path, "", test.rtol, test.atol, sets))
    return found


def stored_set(path, folder):
    model = onnx.load(path, load_external_data=False)
    read = lambda kind, infos: named(infos, [tensor(folder / f"{kind}_{i}.pb", info) for i, info in enumerate(infos) if (folder / f"{kind}_{i}.pb").exists()])
    given = {initializer.name for initializer in model.graph.initializer}
    return read("input", [info for info in model.graph.input if info.name not in given]), read("output", list(model.graph.output))


def tensor(path, info):
    """A stored tensor; `None` for a sequence or an optional value."""
    if info.type.WhichOneof("value") != "tensor_type":
        return None
    return onnx.TensorProto.FromString(path.read_bytes())


def light_set(path):
    """The package's own inputs for its `light` models, and the outputs that it stores."""
    model = onnx.load(path)
    given = {initializer.name for initializer in model.graph.initializer}
    inputs = {}
    for info in model.graph.input:
        if info.name not in given:
            shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            inputs[info.name] = (np.arange(count).reshape(shape) / count).astype(np.float32)
    stored = [tensor(path.with_name(f"{path.stem}_output_{i}.pb"), info) for i, info in enumerate(model.graph.output)]
    return inputs, named(model.graph.output, stored)


def named(infos, values):
    """Arrays by the names of the graph's inputs or outputs."""
    return {info.name: array(value) for info, value in zip(infos, values)}


def array(value):
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value if isinstance(value, (np.ndarray, np.generic)) else None
