#!/usr/bin/env python3
"""Known-answer vectors of general networks: a proof, its statement and all challenges, under the TEST SRS.

    vectors.py DIRECTORY        writes one file per circuit, and DIRECTORY/hostile/programs.json: one changed byte each, and whether it is canonical
"""

import json
import random
import sys
from pathlib import Path

import attention
import circuits
from encoding import decode, encode
from program import Refused
from proof import Prover
from protocol import Table, verify, word

CIRCUITS = {
    "mlp": circuits.mlp, "convolutions": circuits.convolutions, "tree": circuits.tree, "product": circuits.bilinear,
    "tokens-argmax": circuits.tokens, "lanes-committed": circuits.lanes, "attention": lambda: attention.block(2),
    "two-levels": circuits.tokens,
}

TWO_LEVELS = {"two-levels": 1}


def show(v):
    if isinstance(v, list):
        return [show(x) for x in v]
    return "0x" + (v if isinstance(v, bytes) else word(v)).hex()


def record(build, rho2=0):
    vk, program, srs, statements, proof = Prover(build(), rho2=rho2).prove()
    return {
        "vk": show(vk),
        "program": show(program),
        "srs": {
            "id": show(srs.id),
            "g1": {str(j): show(list(p)) for j, p in srs.g1.items()},
            "g2": {str(j): show([p[0][1], p[0][0], p[1][1], p[1][0]]) for j, p in srs.g2.items()},  # imaginary parts first
        },
        "statements": [
            {"model_id": show(m), "context_id": show(x), "ports": [show(s) if isinstance(s, bytes) else s for s in sides]}
            for m, x, sides in statements
        ],
        "challenges": {k: show(v) for k, v in verify(vk, program, srs, statements, proof).items()},
        "proof": show(proof),
    }


def hostile(count=150):
    """{circuit: [[position, byte, canonical]]}: verdicts on programs with one changed byte."""
    rng, out = random.Random(9), {}
    for name, build in CIRCUITS.items():
        data = encode(build().pr)
        out[name] = []
        for _ in range(count):
            at = rng.randrange(len(data))
            bad = data[:at] + bytes([rng.choice((data[at] ^ 1, 0, 1, 2, 3, 127, 128, 254, 255))]) + data[at + 1 :]
            try:
                canonical = encode(decode(bad)) == bad
            except Refused:
                canonical = False
            out[name].append([at, bad[at], canonical])
    return out


def load(path):
    """(arguments of verify, recorded challenges)."""
    v = json.loads(Path(path).read_text())
    data = lambda text: bytes.fromhex(text[2:])
    srs, number = Table(), lambda text: int(text, 16)
    srs.id = data(v["srs"]["id"])
    srs.g1 = {int(j): tuple(map(number, p)) for j, p in v["srs"]["g1"].items()}
    g2 = {int(j): list(map(number, p)) for j, p in v["srs"]["g2"].items()}
    srs.g2 = {j: ((p[1], p[0]), (p[3], p[2])) for j, p in g2.items()}
    side = lambda s: data(s) if isinstance(s, str) else s
    statements = [(data(s["model_id"]), data(s["context_id"]), list(map(side, s["ports"]))) for s in v["statements"]]
    return (data(v["vk"]), data(v["program"]), srs, statements, data(v["proof"])), v["challenges"]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = Path(sys.argv[1]) / "hostile" / "programs.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(hostile(), separators=(",", ":")) + "\n")
    print(path)
    for name, build in CIRCUITS.items():
        path = Path(sys.argv[1]) / f"{name}.json"
        path.write_text(json.dumps(record(build, TWO_LEVELS.get(name, 0)), indent=1) + "\n")
        print(path)
