#!/usr/bin/env python3
"""Exports a model from PyTorch, Keras and scikit-learn with the real exporter of each, proves it and verifies the proof.

    run.py                  all three
    run.py keras sklearn    some of them

Each has a virtual environment of its own in the cache directory, with the versions below. PyTorch comes from its own index,
whose wheels for processors alone are a tenth of the size.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TORCH = ["--index-url", os.environ.get("TORCH_INDEX", "https://download.pytorch.org/whl/cpu"), "--extra-index-url", "https://pypi.org/simple"]
PACKAGES = {
    "torch": [*TORCH, "torch==2.15.0", "onnxscript==0.7.2"],
    "keras": ["keras==3.15.1", "tensorflow-cpu==2.21.0", "tf2onnx==1.17.0"],
    "sklearn": ["scikit-learn==1.9.1", "skl2onnx==1.20.0"],
}


def main():
    names = sys.argv[1:] or list(PACKAGES)
    if unknown := [name for name in names if name not in PACKAGES]:
        sys.exit(f"no exporter {', '.join(unknown)}: there are {', '.join(PACKAGES)}")
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
    marker, wanted = folder / "installed", " ".join(PACKAGES[name])
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/python", "-I", "-m", "pip", "install", "--quiet", "--no-input", *PACKAGES[name]], check=True)
        marker.write_text(wanted)
    return folder / "bin/python"


def zkinfer(folder, *arguments):
    program = os.environ.get("ZKINFER", ROOT / "target/debug/zkinfer")
    subprocess.run([program, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main()
