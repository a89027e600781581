# SPDX-License-Identifier: Apache-2.0
"""Writes three small ONNX files whose attributes make no sense."""
import pathlib
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tiny_onnx import field, model, value  # noqa: E402


def tensor(name, dims, values):
    return b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name) + field(9, struct.pack(f"<{len(values)}f", *values))


def node(op, inputs, attributes):
    body = b"".join(field(1, i) for i in inputs) + field(2, "y") + field(4, op)
    for name, v in attributes:
        kind = 2 if isinstance(v, int) else 3
        body += field(5, field(1, name) + (field(3, v) if kind == 2 else field(4, v)) + field(20, kind))
    return body


def write(name, nodes, tensors, x):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, t) for t in tensors)
    graph += field(11, value("x", x)) + field(12, field(1, "y") + field(2, field(1, field(1, 1))))
    with open(name, "wb") as f:
        f.write(model(graph))


write("resize.onnx", [node("Resize", ["x", "", "s"], [("mode", "nearest")])], [tensor("s", [4], [1, 1, float("inf"), 1])], [1, 3, 8, 8])
WEIGHTS = tensor("w", [4, 3, 3, 3], [1.0] * 108)
write("group.onnx", [node("Conv", ["x", "w"], [("group", 0)])], [WEIGHTS], [1, 3, 8, 8])
write("pad.onnx", [node("Conv", ["x", "w"], [("auto_pad", "FOO")])], [WEIGHTS], [1, 3, 8, 8])
