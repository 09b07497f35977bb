"""Drives the EZKL worker as its parent does, on the digits model. Run it with the Python that has ezkl installed:

    python -m unittest discover -s tests/python -v
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from onnx_file import perceptron

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "src" / "backend" / "ezkl_worker" / "worker.py"
MODEL = ROOT / "models" / "digits"
IMAGE = MODEL / "inputs" / "test-1243-is-7.json"

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
RUN_ARGS = {
    "input_visibility": "public",
    "output_visibility": "public",
    "param_visibility": "fixed",
    "input_scale": 4,
    "param_scale": 6,
    "scale_rebase_multiplier": 10,
    "logrows": 11,
    "num_inner_cols": 2,
    "decomp_base": 2040,
    "decomp_legs": 2,
}


def signed(le_hex):
    value = int.from_bytes(bytes.fromhex(le_hex), "little")
    return value if value <= R // 2 else value - R


class Worker:
    """One worker process and its two pipes."""

    def __init__(self, home, flags=("-I", "-B"), env=None):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, *flags, str(WORKER), str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            bufsize=0,
            env=env,
        )
        self.write_fd = self.process.stdin.fileno()
        self.answers = self.process.stdout
        self.ident = 0

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.write_fd, view) :]

    def read(self):
        line = self.answers.readline()
        if not line:
            self.log.seek(0)
            raise AssertionError(f"the worker left: {self.log.read()[-2000:]!r}")
        return json.loads(line)

    def call(self, op, **args):
        self.ident += 1
        self.write(json.dumps({"id": self.ident, "op": op, "args": args}).encode() + b"\n")
        answer = self.read()
        assert answer["id"] == self.ident, answer
        return answer

    def ok(self, op, **args):
        answer = self.call(op, **args)
        assert answer["ok"], answer
        return answer["result"]

    def hang_up(self):
        self.process.stdin.close()
        self.write_fd = None
        return self.process.wait(timeout=30)

    def close(self):
        if self.write_fd is not None:
            self.process.stdin.close()
        self.answers.close()
        self.process.kill()
        self.process.wait()
        self.log.close()


class Case(unittest.TestCase):
    """Makes keys and one proof once for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="zkinfer-worker-")
        cls.dir = Path(cls.folder.name)
        cls.home = cls.dir / "home"
        cls.srs = str(cls.dir / "kzg11.srs")
        # A random TEST SRS: nobody else ever uses it.
        code = "import ezkl, sys; ezkl.gen_srs(sys.argv[1], 11)"
        subprocess.run([sys.executable, "-c", code, cls.srs], check=True, stdout=subprocess.DEVNULL)
        cls.paths = {
            name: str(cls.dir / file)
            for name, file in {
                "settings": "settings.json",
                "compiled": "model.compiled",
                "vk": "vk.key",
                "pk": "pk.key",
                "witness": "witness.json",
                "proof": "proof.json",
                "sol": "Verifier.sol",
                "abi": "Verifier.abi",
            }.items()
        }
        worker = Worker(cls.home)
        try:
            cls.settings = worker.ok("settings", model=str(MODEL / "digits.onnx"), run_args=RUN_ARGS, **cls.some("settings"))
            worker.ok("compile", model=str(MODEL / "digits.onnx"), **cls.some("settings", "compiled"))
            cls.keys = worker.ok("setup", srs=cls.srs, **cls.some("compiled", "vk", "pk"))
            cls.witness = worker.ok("witness", input=str(IMAGE), **cls.some("compiled", "witness"))
            cls.proof = worker.ok("prove", srs=cls.srs, **cls.some("witness", "compiled", "pk", "proof"))
        finally:
            worker.close()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def some(cls, *names):
        return {name: cls.paths[name] for name in names}

    def setUp(self):
        self.worker = Worker(self.home)
        self.addCleanup(self.worker.close)

    def write(self, name, data):
        path = self.dir / name
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return str(path)

    def verify(self, **other):
        return self.worker.call("verify", **{"srs": self.srs, "reduced_srs": False, **self.some("proof", "settings", "vk"), **other})

    def assert_alive(self):
        self.assertTrue(self.worker.call("hello")["ok"])

    def assert_error(self, answer, kind, text=""):
        self.assertFalse(answer["ok"], answer)
        self.assertEqual(answer["error"]["kind"], kind, answer)
        self.assertIn(text, answer["error"]["message"])


class Pipeline(Case):
    def test_hello_names_versions(self):
        hello = self.worker.ok("hello")
        self.assertEqual(hello["protocol"], 1)
        self.assertEqual(hello["ezkl"], "23.0.5")
        self.assertEqual(hello["pid"], self.worker.process.pid)

    def test_settings_and_keys(self):
        self.assertEqual(self.settings["logrows"], RUN_ARGS["logrows"])
        self.assertLessEqual(self.settings["num_rows"] + 8, 1 << RUN_ARGS["logrows"])
        self.assertEqual(self.settings["model_instance_shapes"], [[1, 64], [1, 10]])
        self.assertEqual(self.keys["vk_bytes"], os.path.getsize(self.paths["vk"]))

    def test_settings_and_keys_are_the_same_every_time(self):
        # EZKL alone writes the range checks in a random order, and the verifying key follows it.
        model = str(MODEL / "digits.onnx")
        other = {name: str(self.dir / f"again-{name}") for name in ("settings", "compiled", "vk", "pk")}
        for _ in range(4):
            worker = Worker(self.home)
            self.addCleanup(worker.close)
            worker.ok("settings", model=model, run_args=RUN_ARGS, settings=other["settings"])
            worker.ok("compile", model=model, settings=other["settings"], compiled=other["compiled"])
            worker.ok("setup", srs=self.srs, **{name: other[name] for name in ("compiled", "vk", "pk")})
            for name in ("settings", "vk", "pk"):
                self.assertEqual(Path(other[name]).read_bytes(), Path(self.paths[name]).read_bytes(), name)

    def test_domain_is_base_to_the_legs(self):
        limit = RUN_ARGS["decomp_base"] ** RUN_ARGS["decomp_legs"]
        for value, admitted in ((limit - 1, True), (limit, False), (1 - limit, True), (-limit, False)):
            with self.subTest(value=value):
                # A hexadecimal string is the field element itself. The first pixel is 0 in every image, so its weights are 0 too.
                first = (value % R).to_bytes(32, "little").hex()
                source = self.write("limit.json", {"input_data": [[first] + ["00" * 32] * 63]})
                args = {"input": source, "witness": str(self.dir / "limit-witness.json"), **self.some("compiled")}
                answer = self.worker.call("witness", **args)
                self.assertEqual(answer["ok"], admitted, answer)
                if admitted:
                    self.assertEqual(signed(answer["result"]["inputs"][0][0]), value)

    def test_witness_is_the_image_and_the_right_digit(self):
        scale = 1 << self.settings["model_input_scales"][0]
        pixels = json.loads(IMAGE.read_text())["input_data"][0]
        self.assertEqual([signed(x) for x in self.witness["inputs"][0]], [round(p * scale) for p in pixels])
        scores = [signed(x) for x in self.witness["outputs"][0]]
        self.assertEqual(scores.index(max(scores)), 7)
        rescaled = [float(x) for x in self.witness["rescaled_outputs"][0]]
        for score, value in zip(scores, rescaled):
            self.assertAlmostEqual(score / (1 << self.settings["model_output_scales"][0]), value, places=5)

    def test_proof_carries_inputs_then_outputs(self):
        self.assertEqual(self.proof["proof_bytes"], 3072)
        self.assertEqual(self.proof["instances"], [self.witness["inputs"][0] + self.witness["outputs"][0]])

    def test_verify_accepts(self):
        self.assertEqual(self.verify()["result"], {"valid": True})

    def test_verify_with_the_516_byte_srs(self):
        with open(self.srs, "rb") as file:
            data = file.read()
        n = 1 << struct.unpack("<I", data[:4])[0]
        small = struct.pack("<I", 1) + data[4:132] + data[4 + 64 * n : 132 + 64 * n] + data[-256:]
        self.assertEqual(len(small), 516)
        self.assertEqual(self.verify(srs=self.write("small.srs", small))["result"], {"valid": True})

    def test_verifier_sol(self):
        path = Path(self.paths["sol"])
        path.write_text("an older file")
        made = self.worker.ok("verifier_sol", srs=self.srs, reusable=False, **self.some("vk", "settings", "sol", "abi"))
        self.assertEqual(made["contract"], "Halo2Verifier")
        self.assertIn("function verifyProof(", path.read_text())
        self.assertFalse(os.path.exists(self.paths["abi"]))

    def test_the_callers_environment_decides_nothing(self):
        # EZKL alone panics without HOME, and on formats that it does not know.
        worker = Worker(self.home, env={"EZKL_KEY_FORMAT": "nonsense", "EZKL_BUF_CAPACITY": "nonsense"})
        self.addCleanup(worker.close)
        args = {**self.some("witness", "compiled", "pk"), "proof": str(self.dir / "environment.json"), "srs": self.srs}
        self.assertEqual(worker.ok("prove", **args)["proof_bytes"], 3072)

    def test_nothing_outside_the_given_home(self):
        self.worker.ok("hello")
        self.assertTrue((self.home / ".ezkl").is_dir())


class Calibration(Case):
    def test_ezkls_own_choice_is_reported(self):
        out = str(self.dir / "calibrated.json")
        made = self.worker.ok("calibrate", model=str(MODEL / "digits.onnx"), data=str(MODEL / "calibration.json"), settings=out)
        self.assertEqual(made["logrows"], made["run_args"]["logrows"])
        self.assertEqual(made["run_args"]["decomp_base"], 16384)
        self.assertEqual(made["run_args"]["param_visibility"], "fixed")
        with open(out, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["num_rows"], made["num_rows"])

    def test_what_enters_lookups_is_reported(self):
        model = self.write("sigmoid.onnx", perceptron(1, "Sigmoid"))
        settings, compiled = str(self.dir / "sigmoid.json"), str(self.dir / "sigmoid.compiled")
        args = {**RUN_ARGS, "scale_rebase_multiplier": 1, "lookup_range": [-1000, 1000]}
        made = self.worker.ok("settings", model=model, settings=settings, run_args=args)
        self.assertEqual(len(made["required_lookups"]), 1)
        self.worker.ok("compile", model=model, settings=settings, compiled=compiled)
        source = self.write("ones.json", {"input_data": [[1.0, -1.0, 1.0, -1.0]]})
        seen = self.worker.ok("witness", input=source, compiled=compiled, witness=str(self.dir / "sigmoid-witness.json"))
        self.assertLess(seen["min_lookup_inputs"], seen["max_lookup_inputs"])


class Weights(Case):
    """Why weights are `fixed`: with any other visibility the verifying key does not tell models apart."""

    def key(self, seed, visibility):
        model = self.write("weights.onnx", perceptron(seed))
        paths = {name: str(self.dir / f"weights-{name}") for name in ("settings", "compiled", "vk", "pk")}
        args = {**RUN_ARGS, "param_visibility": visibility}
        self.worker.ok("settings", model=model, run_args=args, settings=paths["settings"])
        self.worker.ok("compile", model=model, settings=paths["settings"], compiled=paths["compiled"])
        self.worker.ok("setup", srs=self.srs, **{name: paths[name] for name in ("compiled", "vk", "pk")})
        return Path(paths["vk"]).read_bytes()

    def test_private_weights_are_bound_by_nothing(self):
        self.assertEqual(self.key(1, "private"), self.key(2, "private"))

    def test_fixed_weights_are_bound(self):
        self.assertNotEqual(self.key(1, "fixed"), self.key(2, "fixed"))


class InvalidProofs(Case):
    def changed(self, name, change):
        with open(self.paths["proof"], encoding="utf-8") as file:
            proof = json.load(file)
        change(proof)
        return self.verify(proof=self.write(name, proof))["result"]

    def test_flipped_byte_in_each_part(self):
        for at in (5, 1000, 2000, 3071):
            with self.subTest(at=at):
                verdict = self.changed("flipped.json", lambda p: p["proof"].__setitem__(at, p["proof"][at] ^ 1))
                self.assertFalse(verdict["valid"])
                self.assertTrue(verdict["reason"])

    def test_short_proof(self):
        self.assertFalse(self.changed("short.json", lambda p: p["proof"].pop())["valid"])

    def test_other_output(self):
        other = (1).to_bytes(32, "little").hex()
        self.assertFalse(self.changed("output.json", lambda p: p["instances"][0].__setitem__(-1, other))["valid"])

    def test_instance_that_is_no_field_element(self):
        self.assertFalse(self.changed("field.json", lambda p: p["instances"][0].__setitem__(0, "ff" * 32))["valid"])

    def test_no_instances(self):
        self.assertFalse(self.changed("none.json", lambda p: p["instances"].__setitem__(0, []))["valid"])

    def test_a_proof_that_is_not_json(self):
        self.assertFalse(self.verify(proof=self.write("text.json", b"hello"))["result"]["valid"])


class Errors(Case):
    def infer(self, value, **other):
        source = self.write("input.json", {"input_data": [[value] + [0.0] * 63]})
        return self.worker.call("witness", **{"input": source, "witness": str(self.dir / "bad-witness.json"), **self.some("compiled"), **other})

    def test_corrupt_vk_is_no_verdict(self):
        for data in (b"", b"\x09" * 200, Path(self.paths["vk"]).read_bytes()[:100]):
            with self.subTest(length=len(data)):
                self.assert_error(self.verify(vk=self.write("bad.key", data)), "runtime", "failed to load vk")
        self.assert_alive()

    def test_missing_file(self):
        self.assert_error(self.verify(proof=str(self.dir / "nowhere.json")), "runtime", "nowhere.json")
        self.assert_error(self.verify(proof=str(self.dir)), "runtime")

    def test_out_of_domain_input_has_a_reason(self):
        answer = self.infer(1e9)
        self.assert_error(answer, "runtime")
        said = answer["error"]["message"] + answer["error"].get("detail", "")
        self.assertIn("decomposition error", said)
        self.assertIn("too large", said)
        self.assertFalse((self.dir / "bad-witness.json").exists())

    def test_panic_is_reported_and_survived(self):
        self.assert_error(self.infer(3e38), "panic")
        self.assertTrue(self.infer(0.5)["ok"])

    def test_srs_too_small_is_a_panic(self):
        srs = str(self.dir / "kzg6.srs")
        subprocess.run([sys.executable, "-c", "import ezkl, sys; ezkl.gen_srs(sys.argv[1], 6)", srs], check=True, stdout=subprocess.DEVNULL)
        args = {**self.some("witness", "compiled", "pk"), "proof": str(self.dir / "no-proof.json"), "srs": srs}
        self.assert_error(self.worker.call("prove", **args), "panic")
        self.assert_alive()

    def test_a_changed_witness_is_proven_and_the_proof_is_worthless(self):
        with open(self.paths["witness"], encoding="utf-8") as file:
            witness = json.load(file)
        witness["outputs"][0][0] = (1).to_bytes(32, "little").hex()
        proof = str(self.dir / "worthless.json")
        args = {**self.some("compiled", "pk"), "witness": self.write("changed.json", witness), "proof": proof, "srs": self.srs}
        self.assertTrue(self.worker.call("prove", **args)["ok"])
        self.assertFalse(self.verify(proof=proof)["result"]["valid"])

    def test_a_short_witness_is_an_error(self):
        with open(self.paths["witness"], encoding="utf-8") as file:
            witness = json.load(file)
        witness["inputs"][0].pop()
        args = {**self.some("compiled", "pk"), "witness": self.write("short.json", witness), "proof": str(self.dir / "no.json")}
        self.assertFalse(self.worker.call("prove", srs=self.srs, **args)["ok"])
        self.assert_alive()

    def test_inputs_that_make_ezkl_panic(self):
        for data in ([], [[True] * 64]):
            source = self.write("panic.json", {"input_data": data})
            args = {"input": source, "witness": str(self.dir / "bad-witness.json"), **self.some("compiled")}
            self.assertFalse(self.worker.call("witness", **args)["ok"], data)
            self.assert_alive()

    def test_wrong_length(self):
        source = self.write("short-input.json", {"input_data": [[0.0] * 63]})
        args = {"input": source, "witness": str(self.dir / "bad-witness.json"), **self.some("compiled")}
        self.assert_error(self.worker.call("witness", **args), "runtime", "63")

    def test_not_an_onnx_file(self):
        model = self.write("model.onnx", b"not a model")
        args = {"model": model, "settings": str(self.dir / "other.json"), "run_args": RUN_ARGS}
        self.assert_error(self.worker.call("settings", **args), "runtime")
        self.assertFalse((self.dir / "other.json").exists())

    def test_refused_run_arguments(self):
        base = {"model": str(MODEL / "digits.onnx"), "settings": str(self.dir / "other.json")}
        for change, kind in (
            ({"param_visibility": "secret"}, "value"),
            ({"logrows": -1}, "value"),
            ({"logrows": "11"}, "value"),
            ({"colour": 1}, "protocol"),
        ):
            with self.subTest(change=change):
                self.assert_error(self.worker.call("settings", run_args={**RUN_ARGS, **change}, **base), kind)
        fewer = {name: value for name, value in RUN_ARGS.items() if name != "decomp_legs"}
        self.assert_error(self.worker.call("settings", run_args=fewer, **base), "protocol", "decomp_legs")


class Protocol(Case):
    def line(self, data):
        self.worker.write(data + b"\n")
        return self.worker.read()

    def test_malformed_lines(self):
        for data, ident in (
            (b"{", None),
            (b"", None),
            (b"\xff\xfe", None),
            (b"[" * 100_000, None),
            (b"[]", None),
            (b'{"id": "1", "op": "hello", "args": {}}', None),
            (b'{"id": 7, "op": "hello"}', 7),
            (b'{"id": 8, "op": "hello", "args": []}', 8),
            (b'{"id": 9, "op": "hello", "args": {"x": NaN}}', None),
            (b'{"id": 10, "op": "get_srs", "args": {}}', 10),
            (b'{"id": 11, "op": "hello", "args": {"extra": 1}}', 11),
            (b'{"id": 12, "op": "setup", "args": {}}', 12),
            (b'{"id": 13, "op": "verify", "args": {"proof": "relative.json"}}', 13),
        ):
            with self.subTest(line=data[:60]):
                answer = self.line(data)
                self.assert_error(answer, "protocol")
                self.assertEqual(answer["id"], ident)
        self.assert_alive()

    def test_huge_line_is_refused(self):
        block = b" " * (1 << 20)
        for _ in range(65):
            self.worker.write(block)
        answer = self.line(b"")
        self.assert_error(answer, "protocol", "longer than")
        self.assertIsNone(answer["id"])
        self.assert_alive()

    def test_end_of_input_ends_the_worker(self):
        self.assert_alive()
        self.assertEqual(self.worker.hang_up(), 0)

    def test_end_of_input_after_a_panic(self):
        source = self.write("huge.json", {"input_data": [[3e38] * 64]})
        args = {"input": source, "witness": str(self.dir / "bad-witness.json"), **self.some("compiled")}
        self.assert_error(self.worker.call("witness", **args), "panic")
        self.assertEqual(self.worker.hang_up(), 0)

    def test_a_parent_that_dies_during_a_request(self):
        args = {**self.some("witness", "compiled", "pk"), "proof": str(self.dir / "nobodys.json"), "srs": self.srs}
        self.worker.write(json.dumps({"id": 1, "op": "prove", "args": args}).encode() + b"\n")
        self.worker.answers.close()
        self.assertEqual(self.worker.hang_up(), 0)

    def test_a_python_without_ezkl(self):
        worker = Worker(self.home, flags=("-I", "-B", "-S"))  # no site-packages
        self.addCleanup(worker.close)
        self.assert_error(worker.call("hello"), "runtime", "ezkl cannot be imported")
        self.assertEqual(worker.hang_up(), 0)

    def test_exit(self):
        self.assertEqual(self.worker.ok("exit"), {})
        self.assertEqual(self.worker.process.wait(timeout=30), 0)

    def test_wrong_command_line(self):
        done = subprocess.run([sys.executable, str(WORKER)], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)

    def test_every_answer_has_its_cost(self):
        answer = self.worker.call("hello")
        for name in ("rss_peak_kb", "cpu_ms", "wall_ms"):
            self.assertGreaterEqual(answer[name], 0)
        self.assertGreater(answer["rss_peak_kb"], 1000)


del Case  # or unittest runs it as a test of its own

if __name__ == "__main__":
    unittest.main()
