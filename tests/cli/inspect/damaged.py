# SPDX-License-Identifier: Apache-2.0
"""Writes three small ONNX files whose attributes make no sense."""
import struct


def field(number, payload):
    if isinstance(payload, int):
        return bytes([number << 3]) + varint(payload)
    if isinstance(payload, str):
        payload = payload.encode()
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def value(name, dims):
    shape = b"".join(field(1, field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def tensor(name, dims, values):
    return b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name) + field(9, struct.pack(f"<{len(values)}f", *values))


def node(op, inputs, attributes):
    body = b"".join(field(1, i) for i in inputs) + field(2, "y") + field(4, op)
    for name, v in attributes:
        kind = 2 if isinstance(v, int) else 3
        body += field(5, field(1, name) + (field(3, v) if kind == 2 else field(4, v)) + bytes([20 << 3 | 0]).replace(b"\xa0", b"\xa0\x01") + varint(kind))
    return body


def write(name, nodes, tensors, x):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, t) for t in tensors)
    graph += field(11, value("x", x)) + field(12, field(1, "y") + field(2, field(1, field(1, 1))))
    with open(name, "wb") as f:
        f.write(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17)))


write("resize.onnx", [node("Resize", ["x", "", "s"], [("mode", "nearest")])], [tensor("s", [4], [1, 1, float("inf"), 1])], [1, 3, 8, 8])
WEIGHTS = tensor("w", [4, 3, 3, 3], [1.0] * 108)
write("group.onnx", [node("Conv", ["x", "w"], [("group", 0)])], [WEIGHTS], [1, 3, 8, 8])
write("pad.onnx", [node("Conv", ["x", "w"], [("auto_pad", "FOO")])], [WEIGHTS], [1, 3, 8, 8])
