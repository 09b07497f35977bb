#!/usr/bin/env python3
"""Exports a model from PyTorch, Keras and scikit-learn with the real exporter of each, proves it and verifies the proof.

    run.py                  all three
    run.py keras sklearn    some of them

After a model of tools/exporters/ goes the Python of docs/models.md, word for word.
Each has a virtual environment of its own in the cache directory, with what its file of requirements pins by hash.
PyTorch's wheels take CUDA libraries: 4 GB.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["torch", "keras", "sklearn"]
# PyTorch's requirements name wheels of one version of Python.
PYTHONS = {"torch": (3, 11)}
HEADINGS = {"torch": "## PyTorch", "keras": "## Keras", "sklearn": "## scikit-learn"}


def main():
    names = sys.argv[1:] or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        sys.exit(f"no exporter {', '.join(unknown)}: there are {', '.join(NAMES)}")
    for name in names:
        python = environment(name)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "export.py"
            script.write_text(program_of(name))
            subprocess.run([python, script], cwd=folder, check=True)
            model = ["--model", "model.onnx", "--calibration", "samples.json"]
            zkinfer(folder, "prove", *model, "--input", "input.json", "--out", "answer.bundle.json")
            zkinfer(folder, "verify", "answer.bundle.json")
        print(f"{name}: exported, proven and verified", flush=True)


def program_of(name):
    """What a reader of docs/models.md runs: a model, the inputs' files, the export."""
    page = (ROOT / "docs/models.md").read_text()
    common, *sections = page.split("\n## ")
    (section,) = (section for section in sections if f"## {section}".startswith(HEADINGS[name] + "\n"))
    parts = [python for text in (common, section) for python in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    if len(parts) != 2:
        sys.exit(f"docs/models.md has {len(parts)} blocks of Python for {name}, and not 2")
    return "\n".join([(ROOT / f"tools/exporters/{name}_export.py").read_text(), *parts])


def environment(name):
    """A virtual environment with the packages of an exporter."""
    cache = os.environ.get("ZKINFER_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zkinfer"
    folder = Path(cache) / "exporters" / name
    requirements = Path(__file__).with_name(f"{name}.txt")
    needed = PYTHONS.get(name, sys.version_info[:2])
    if sys.version_info[:2] != needed:
        print("missing: Python {}.{} for {}, this is {}.{}".format(*needed, name, *sys.version_info), file=sys.stderr)
        sys.exit(3)
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
