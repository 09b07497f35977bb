"""Writes the ONNX file of a small perceptron, so that tests can have models that differ in their weights alone."""

import random
import struct


def varint(number):
    out = b""
    while True:
        byte, number = number & 127, number >> 7
        out += bytes([byte | (128 if number else 0)])
        if not number:
            return out


def field(number, content):
    """A protobuf field: an integer, or bytes and text."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name, dims, numbers):
    head = b"".join(field(1, dim) for dim in dims)
    return head + field(2, 1) + field(8, name) + field(9, struct.pack(f"<{len(numbers)}f", *numbers))


def value(name, dims):
    shape = b"".join(field(1, field(1, dim)) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def node(operator, inputs, output):
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(3, output) + field(4, operator)


def perceptron(seed, activation="Relu"):
    """4 inputs, 3 hidden neurons, 2 outputs."""
    draw = random.Random(seed).uniform
    first = tensor("w", [4, 3], [draw(-1, 1) for _ in range(12)])
    second = tensor("v", [3, 2], [draw(-1, 1) for _ in range(6)])
    nodes = [node("MatMul", ["x", "w"], "h"), node(activation, ["h"], "a"), node("MatMul", ["a", "v"], "y")]
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + field(5, first) + field(5, second)
    graph += field(11, value("x", [1, 4])) + field(12, value("y", [1, 2]))
    return field(1, 7) + field(7, graph) + field(8, field(1, "") + field(2, 13))
