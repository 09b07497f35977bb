"""The EZKL worker: runs EZKL's Python functions for a parent process, one request at a time.

    python -I -B worker.py HOME_DIR

Requests come as JSON lines on standard input. Responses go as JSON lines to what was standard output: the worker keeps a private copy of that descriptor and
points standard output at standard error, since EZKL prints to it. Standard error is a log pipe that the parent must drain. HOME_DIR is where EZKL may keep
caches; nothing is written to the user's home.

    {"id": 1, "op": "prove", "args": {...}}
    {"id": 1, "ok": true, "result": {...}, "rss_peak_kb": 0, "cpu_ms": 0.0, "wall_ms": 0.0}
    {"id": 1, "ok": false, "error": {"kind": "panic", "message": "...", "detail": "..."}, "rss_peak_kb": ...}

`id` is null in the answer to a line that has no usable id. Error kinds:

    protocol  the request is not one of those below; nothing was done
    value     EZKL refused a parameter
    runtime   EZKL or the system reported an error, or a file is missing
    panic     a Rust panic inside EZKL

`detail` holds what EZKL logged during the request: some causes are only there. An error leaves the worker usable. EZKL holds the interpreter lock while it
computes, so the worker notices the end of its parent only between requests; a parent that wants to stop a running one kills the process.

Python 3.9 or newer, standard library and ezkl only. POSIX only.
"""

import asyncio
import collections
import json
import logging
import os
import platform
import resource
import signal
import stat
import sys
import time
import traceback

PROTOCOL = 1
MAX_LINE = 64 * 1024 * 1024
MAX_MESSAGE = 4096
LOG_LINES = 16
LOG_LINE_CHARS = 512

# What EZKL says when the proof is to blame. Everything else that verify raises is an error: no verdict was reached.
INVALID_PROOF = (
    "The constraint system is not satisfied",
    "Multi-opening proof was invalid",
    "Transcript error",
    "Provided instances do not match the circuit",
    "[pfsys] failed to load the proof",
)

RUN_ARGS_REQUIRED = (
    "input_visibility",
    "output_visibility",
    "param_visibility",
    "input_scale",
    "param_scale",
    "scale_rebase_multiplier",
    "logrows",
    "num_inner_cols",
    "decomp_base",
    "decomp_legs",
)
RUN_ARGS_OPTIONAL = (
    "bounded_log_lookup",
    "check_mode",
    "disable_freivalds",
    "epsilon",
    "ignore_range_check_inputs_outputs",
    "lookup_range",
    "rebase_frac_zero_constants",
    "variables",
)
SETTINGS_REPORTED = (
    "num_rows",
    "total_assignments",
    "total_const_size",
    "model_instance_shapes",
    "model_input_scales",
    "model_output_scales",
    "required_lookups",
    "required_range_checks",
    "einsum_params",
    "num_blinding_factors",
    "version",
)


class ProtocolError(Exception):
    """The request is malformed."""


class Log(logging.Handler):
    """Keeps the last warnings and errors of one request."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = collections.deque(maxlen=LOG_LINES)

    def emit(self, record):
        text = "".join(c if c.isprintable() else " " for c in record.getMessage())
        self.lines.append(f"{record.levelname} {record.name}: {text[:LOG_LINE_CHARS]}")


# --- arguments -------------------------------------------------------------------------------------------------------


class Args:
    """Takes arguments out of a request by name and type, and refuses what is left over."""

    def __init__(self, raw):
        if not isinstance(raw, dict):
            raise ProtocolError("args is not an object")
        self.raw = dict(raw)
        self.files = []

    def _take(self, name):
        if name not in self.raw:
            raise ProtocolError(f"missing argument {name!r}")
        return self.raw.pop(name)

    def path(self, name):
        value = self._take(name)
        if not isinstance(value, str) or not os.path.isabs(value) or "\0" in value:
            raise ProtocolError(f"argument {name!r} is not an absolute path")
        return value

    def file(self, name):
        """The path of a file that must be there. EZKL panics on some that are not."""
        value = self.path(name)
        self.files.append((name, value))
        return value

    def flag(self, name):
        value = self._take(name)
        if not isinstance(value, bool):
            raise ProtocolError(f"argument {name!r} is not a boolean")
        return value

    def object(self, name):
        value = self._take(name)
        if not isinstance(value, dict):
            raise ProtocolError(f"argument {name!r} is not an object")
        return value

    def done(self):
        """Called after the last argument: all are known to be well-formed before anything is done."""
        if self.raw:
            raise ProtocolError(f"unknown argument {sorted(self.raw)[0]!r}")
        for name, path in self.files:
            with open(path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise RuntimeError(f"{name} {path} is not a regular file")


def run_args(ezkl, raw):
    unknown = set(raw) - set(RUN_ARGS_REQUIRED) - set(RUN_ARGS_OPTIONAL)
    if unknown:
        raise ProtocolError(f"unknown run argument {sorted(unknown)[0]!r}")
    out = ezkl.PyRunArgs()
    for name in RUN_ARGS_REQUIRED:
        if name not in raw:
            raise ProtocolError(f"missing run argument {name!r}")
    for name, value in raw.items():
        if name == "lookup_range":
            value = tuple(value)
        elif name == "variables":
            value = [tuple(pair) for pair in value]
        setattr(out, name, value)
    return out


def fresh(*paths):
    """Remove older outputs: a file that exists afterwards was written by this request."""
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def size(path):
    n = os.stat(path).st_size
    if n == 0:
        raise RuntimeError(f"EZKL left {path} empty")
    return n


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def awaited(call):
    """Run an EZKL function that needs a running event loop."""

    async def run():
        return await call()

    return asyncio.run(run())


# --- operations ------------------------------------------------------------------------------------------------------


def op_hello(ezkl, args):
    args.done()
    return {
        "protocol": PROTOCOL,
        "python": platform.python_version(),
        "ezkl": getattr(ezkl, "__version__", None),
        "pid": os.getpid(),
    }


def canonical(settings):
    """EZKL writes these lists in the random order of a hash set, and the circuit's columns follow them: unsorted, one model has several verifying keys."""
    for name in ("required_lookups", "required_range_checks"):
        settings[name].sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    settings["timestamp"] = 0
    return settings


def op_settings(ezkl, args):
    model, out, chosen = args.file("model"), args.path("settings"), run_args(ezkl, args.object("run_args"))
    args.done()
    fresh(out)
    if ezkl.gen_settings(model=model, output=out, py_run_args=chosen) is not True:
        raise RuntimeError("gen_settings did not succeed")
    return report(out)


def report(out):
    """Rewrite a settings file in canonical form and tell what is in it."""
    settings = canonical(load(out))
    with open(out, "w", encoding="utf-8") as file:
        json.dump(settings, file, sort_keys=True)
        file.write("\n")
    result = {name: settings[name] for name in SETTINGS_REPORTED}
    chosen = settings["run_args"]
    result["logrows"] = chosen["logrows"]
    result["run_args"] = {name: chosen[name] for name in (*RUN_ARGS_REQUIRED, "lookup_range", "disable_freivalds")}
    for name, value in result["run_args"].items():
        if name.endswith("_visibility"):
            result["run_args"][name] = value.lower() if isinstance(value, str) else "other"
    return result


def op_calibrate(ezkl, args):
    """Settings as EZKL's users make them: default run arguments, then EZKL's own calibration on `data`."""
    model, data, out = args.file("model"), args.file("data"), args.path("settings")
    args.done()
    fresh(out)
    if ezkl.gen_settings(model=model, output=out) is not True:
        raise RuntimeError("gen_settings did not succeed")
    if ezkl.calibrate_settings(data, model, out, "resources") is not True:
        raise RuntimeError("calibrate_settings did not succeed")
    return report(out)


def op_compile(ezkl, args):
    model, settings, out = args.file("model"), args.file("settings"), args.path("compiled")
    args.done()
    fresh(out)
    if ezkl.compile_circuit(model=model, compiled_circuit=out, settings_path=settings) is not True:
        raise RuntimeError("compile_circuit did not succeed")
    return {"compiled_bytes": size(out)}


def op_setup(ezkl, args):
    compiled, srs, vk, pk = args.file("compiled"), args.file("srs"), args.path("vk"), args.path("pk")
    args.done()
    fresh(vk, pk)
    if ezkl.setup(model=compiled, vk_path=vk, pk_path=pk, srs_path=srs) is not True:
        raise RuntimeError("setup did not succeed")
    return {"vk_bytes": size(vk), "pk_bytes": size(pk)}


def op_witness(ezkl, args):
    source, compiled, out = args.file("input"), args.file("compiled"), args.path("witness")
    args.done()
    fresh(out)
    ezkl.gen_witness(data=source, model=compiled, output=out)
    # The returned dictionary lacks the rescaled values: read the file.
    witness = load(out)
    pretty = witness.get("pretty_elements") or {}
    return {
        "inputs": witness["inputs"],
        "outputs": witness["outputs"],
        "rescaled_inputs": pretty.get("rescaled_inputs"),
        "rescaled_outputs": pretty.get("rescaled_outputs"),
        "max_range_size": witness.get("max_range_size"),
        "min_lookup_inputs": int(witness.get("min_lookup_inputs") or 0),
        "max_lookup_inputs": int(witness.get("max_lookup_inputs") or 0),
    }


def op_prove(ezkl, args):
    witness, compiled, pk = args.file("witness"), args.file("compiled"), args.file("pk")
    srs, out = args.file("srs"), args.path("proof")
    args.done()
    fresh(out)
    made = ezkl.prove(witness=witness, model=compiled, pk_path=pk, proof_path=out, srs_path=srs)
    size(out)
    return {"instances": made["instances"], "proof": made["proof"], "proof_bytes": len(made["proof"]) // 2 - 1}


def op_verify(ezkl, args):
    proof, settings, vk, srs = args.file("proof"), args.file("settings"), args.file("vk"), args.file("srs")
    reduced = args.flag("reduced_srs")
    args.done()
    try:
        verdict = ezkl.verify(proof_path=proof, settings_path=settings, vk_path=vk, srs_path=srs, reduced_srs=reduced)
    except RuntimeError as error:
        message = str(error)
        if any(known in message for known in INVALID_PROOF):
            return {"valid": False, "reason": message[:MAX_MESSAGE]}
        raise
    if verdict is not True:
        return {"valid": False, "reason": "EZKL's verifier said no"}
    return {"valid": True}


def op_verifier_sol(ezkl, args):
    vk, settings, srs = args.file("vk"), args.file("settings"), args.file("srs")
    sol, abi, reusable = args.path("sol"), args.path("abi"), args.flag("reusable")
    args.done()
    fresh(sol, abi)
    try:
        awaited(
            lambda: ezkl.create_evm_verifier(
                vk_path=vk, settings_path=settings, sol_code_path=sol, abi_path=abi, srs_path=srs, reusable=reusable
            )
        )
    except RuntimeError as error:
        # EZKL writes the source, then calls a compiler only for the ABI. `no_solc` makes that last step fail.
        if "[eth]" not in str(error) or not os.path.exists(sol):
            raise
    with open(sol, encoding="utf-8") as file:
        source = file.read()
    name = "Halo2VerifierReusable" if reusable else "Halo2Verifier"
    if f"contract {name} " not in source or not source.rstrip().endswith("}"):
        raise RuntimeError("EZKL left an incomplete Solidity verifier")
    return {"sol_bytes": len(source.encode()), "contract": name}


OPS = {
    "hello": op_hello,
    "settings": op_settings,
    "calibrate": op_calibrate,
    "compile": op_compile,
    "setup": op_setup,
    "witness": op_witness,
    "prove": op_prove,
    "verify": op_verify,
    "verifier_sol": op_verifier_sol,
}


# --- measuring -------------------------------------------------------------------------------------------------------


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass


def rss_peak_kb():
    """The peak of this request where the system can reset it (Linux), else of the process so far."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


# --- requests --------------------------------------------------------------------------------------------------------


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def parse(line):
    """Return (id, op, args). A ProtocolError from here carries the id, or None, as its second argument."""
    if line is None:
        raise ProtocolError(f"line longer than {MAX_LINE} bytes", None)
    try:
        request = json.loads(line, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON line: {error}", None) from None
    if not isinstance(request, dict):
        raise ProtocolError("request is not an object", None)
    ident = request.get("id")
    if not isinstance(ident, int) or isinstance(ident, bool):
        raise ProtocolError("id is not an integer", None)
    if set(request) != {"id", "op", "args"}:
        raise ProtocolError("a request has exactly id, op and args", ident)
    if not isinstance(request["op"], str):
        raise ProtocolError("op is not a string", ident)
    return ident, request["op"], request["args"]


def kind_of(error):
    if isinstance(error, ProtocolError):
        return "protocol"
    if type(error).__name__ == "PanicException":
        return "panic"
    if isinstance(error, (ValueError, TypeError, OverflowError)):
        return "value"
    return "runtime"


def answer(ezkl, log, line):
    """Return (response, whether to go on)."""
    log.lines.clear()
    reset_peak()
    ident, go_on = None, True
    wall, cpu = time.monotonic(), time.process_time()
    try:
        ident, op, raw = parse(line)
        if op == "exit":
            Args(raw).done()
            result, go_on = {}, False
        elif op not in OPS:
            raise ProtocolError(f"unknown op {op[:64]!r}")
        elif isinstance(ezkl, BaseException):
            raise RuntimeError(f"ezkl cannot be imported: {ezkl}")
        else:
            result = OPS[op](ezkl, Args(raw))
        response = {"id": ident, "ok": True, "result": result}
    except BaseException as error:  # PanicException derives from BaseException
        if isinstance(error, ProtocolError) and len(error.args) == 2:
            ident = error.args[1]
        message = str(error.args[0]) if isinstance(error, ProtocolError) else str(error)
        failure = {"kind": kind_of(error), "message": message[:MAX_MESSAGE] or type(error).__name__}
        if log.lines:
            failure["detail"] = "\n".join(log.lines)
        response = {"id": ident, "ok": False, "error": failure}
    response["rss_peak_kb"] = rss_peak_kb()
    response["cpu_ms"] = round((time.process_time() - cpu) * 1000, 3)
    response["wall_ms"] = round((time.monotonic() - wall) * 1000, 3)
    return response, go_on


def lines(fd):
    """Yield request lines; None stands for one that is too long, which is skipped."""
    parts, held, skipping = [], 0, False
    while True:
        chunk = os.read(fd, 1 << 16)
        if not chunk:
            return  # an unfinished last line is nobody's request
        while chunk:
            head, newline, chunk = chunk.partition(b"\n")
            held += len(head)
            if held > MAX_LINE and not skipping:
                skipping = True
                parts.clear()
            if not skipping:
                parts.append(head)
            if newline:
                yield None if skipping else b"".join(parts)
                parts, held, skipping = [], 0, False


def send(fd, response):
    data = memoryview(json.dumps(response, allow_nan=False).encode() + b"\n")
    while data:
        data = data[os.write(fd, data) :]


def no_solc(home):
    """Put a compiler that always fails where EZKL looks for solc: else it would download one and run it."""
    folder = os.path.join(home, ".svm", "0.8.20")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "solc-0.8.20")
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho 'not a compiler: the worker only wants the source' >&2\nexit 1\n")
    os.chmod(temporary, 0o755)
    os.replace(temporary, path)


def prepare(home):
    os.makedirs(home, exist_ok=True)
    # The caller's EZKL_* settings would change key formats: none is inherited.
    for name in [name for name in os.environ if name.startswith("EZKL_")]:
        del os.environ[name]
    os.environ["HOME"] = home
    os.environ["EZKL_REPO_PATH"] = os.path.join(home, ".ezkl")
    os.environ.pop("XDG_DATA_HOME", None)
    os.makedirs(os.environ["EZKL_REPO_PATH"], exist_ok=True)
    os.chdir(home)
    no_solc(home)


def private_descriptors():
    """Take standard input and output for the protocol; what EZKL reads and prints goes elsewhere from here on."""
    reader, writer = os.dup(0), os.dup(1)  # not inheritable
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reader, writer


def main(argv):
    if len(argv) != 2 or not os.path.isabs(argv[1]):
        sys.stderr.write("usage: worker.py HOME_DIR (absolute); started by zkinfer, not by hand\n")
        return 2
    home = argv[1]
    reader, writer = private_descriptors()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means
    log = Log()
    # Before the import: EZKL's logger remembers the levels. Not lower: a log call from one of its threads needs the interpreter lock.
    logging.basicConfig(level=logging.WARNING, handlers=[log])
    prepare(home)
    try:
        import ezkl
    except BaseException as error:
        ezkl = error
    try:
        for line in lines(reader):
            response, go_on = answer(ezkl, log, line)
            send(writer, response)
            if not go_on:
                break
    except BrokenPipeError:
        pass  # the parent is gone
    return 0


if __name__ == "__main__":
    try:
        STATUS = main(sys.argv)
    except BaseException:
        traceback.print_exc()
        STATUS = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STATUS)  # EZKL's runtime threads can crash an ordinary interpreter exit
