"""Runs canonical files with ONNX Runtime and compares with the outputs that the package stores."""

import numpy as np
import onnx.reference
import onnxruntime

onnxruntime.set_default_logger_severity(4)
# How far a number of this type is from what it stands for: the canonical graph computes all of them in float32.
STEP = {"float16": 2.0**-9, "bfloat16": 2.0**-6}
# Floats of so few bits that the canonical graph rounds to them: its numbers are exactly theirs.
FEW_BITS = ("float8", "float4")
# Integers of fewer bits than a byte are bytes in the canonical graph.
BYTES = {"int4": "int8", "int2": "int8", "uint4": "uint8", "uint2": "uint8"}
# Canonical masks have a number in place of minus infinity.
MASKED = -1e37


def execute(case, report):
    """Why the canonical file does not compute the stored outputs, or `None`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(report["canonical"], options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        session = Reference(report["canonical"])
    except Exception as error:  # noqa: BLE001 — whatever it raises is why
        return f"ONNX Runtime does not load it: {first_line(error)}"
    for inputs, outputs in case.sets:
        problem = run(session, case, inputs, outputs)
        if problem:
            return problem
    return None


class Reference:
    """ONNX's own evaluator, for types that ONNX Runtime has no kernel for."""

    def __init__(self, path):
        self.evaluator = onnx.reference.ReferenceEvaluator(path)
        graph = self.evaluator.proto_.graph
        self.infos = [[Info(info) for info in infos] for infos in (graph.input, graph.output)]

    def get_inputs(self):
        return self.infos[0]

    def get_outputs(self):
        return self.infos[1]

    def run(self, names, feeds):
        return self.evaluator.run(names, feeds)


class Info:
    """A tensor as ONNX Runtime describes one."""

    def __init__(self, info):
        self.name = info.name
        self.type = f"tensor({onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type).name})"


def run(session, case, inputs, outputs):
    feeds = {}
    for info in session.get_inputs():
        value = inputs.get(info.name)
        if value is None:
            return f"the package stores no tensor for the input {info.name}"
        feeds[info.name] = np.asarray(value).astype(dtype(info.type)).reshape(np.shape(value))
    try:
        made = session.run(None, feeds)
    except Exception as error:  # noqa: BLE001
        return f"ONNX Runtime does not run it: {first_line(error)}"
    for info, found in zip(session.get_outputs(), made):
        problem = differs(outputs.get(info.name), found, case)
        if problem:
            return f"{info.name} {problem}"
    return None


def differs(expected, found, case):
    """How a tensor differs from the stored one beyond the suite's tolerance, or `None`."""
    if expected is None:
        return "is not stored by the package"
    expected = np.asarray(expected)
    if expected.shape != found.shape:
        return f"has the shape {found.shape}, not {expected.shape}"
    if expected.dtype.name in BYTES:
        expected = expected.astype(BYTES[expected.dtype.name])
    few_bits = expected.dtype.name.startswith(FEW_BITS)
    floating = expected.dtype.kind == "f" or expected.dtype.name in STEP or few_bits
    if not floating:
        return unlike(expected, found, expected == found) if expected.dtype == found.dtype else f"holds {found.dtype}"
    rtol = 0 if few_bits else max(case.rtol, STEP.get(expected.dtype.name, 0))
    # What float32 does not hold differs, and so does what is only nearly NaN.
    found, expected = (np.where(x < MASKED, -np.inf, x) for x in (found.astype(np.float64), expected.astype(np.float64)))
    return unlike(expected, found, np.isclose(found, expected, rtol=rtol, atol=max(case.atol, 1e-7), equal_nan=True))


def unlike(expected, found, close):
    """Words about the first number that is another, or `None`."""
    if np.all(close):
        return None
    at = np.argmin(close)
    return f"has {found.flat[at]:.7g} where {expected.flat[at]:.7g} is stored"


def dtype(name):
    """NumPy's type for ONNX Runtime's `tensor(float)`."""
    name = name.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(name, name))


def first_line(error):
    return str(error).strip().splitlines()[0][:200]
