#!/usr/bin/env python3
"""Exports a model from PyTorch, Keras and scikit-learn with the real exporter of each, proves it and verifies the proof.

    run.py                  all three
    run.py keras sklearn    some of them

Each has a virtual environment of its own in the cache directory, with what its file of requirements pins by hash.
PyTorch's wheels take CUDA libraries: 4 GB.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["torch", "keras", "sklearn"]


def main():
    names = sys.argv[1:] or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        sys.exit(f"no exporter {', '.join(unknown)}: there are {', '.join(NAMES)}")
    for name in names:
        python = environment(name)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([python, ROOT / f"tools/exporters/{name}_export.py"], cwd=folder, check=True)
            model = ["--model", "model.onnx", "--calibration", "samples.json"]
            zkinfer(folder, "prove", *model, "--input", "input.json", "--out", "answer.bundle.json")
            zkinfer(folder, "verify", "answer.bundle.json")
        print(f"{name}: exported, proven and verified", flush=True)


def environment(name):
    """A virtual environment with the packages of an exporter."""
    cache = os.environ.get("ZKINFER_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zkinfer"
    folder = Path(cache) / "exporters" / name
    requirements = Path(__file__).with_name(f"{name}.txt")
    marker = folder / "installed"
    if not marker.exists() or marker.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin/python", "-I", "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "--no-deps"]
        subprocess.run([*pip, "--only-binary=:all:", "-r", requirements], check=True)
        marker.write_text(requirements.read_text())
    return folder / "bin/python"


def zkinfer(folder, *arguments):
    program = os.environ.get("ZKINFER", ROOT / "target/debug/zkinfer")
    subprocess.run([program, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main()
