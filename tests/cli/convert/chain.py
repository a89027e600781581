# SPDX-License-Identifier: Apache-2.0
"""Writes an ONNX file of a chain of Sigmoid. usage: chain.py NODES FILE"""
import sys


def field(number, data):
    """Length-delimited, or a number."""
    def varint(n):
        out = b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(data)) + data


def value(number, name):
    shape = b"".join(field(1, field(1, d)) for d in (1, 4))
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))


n = int(sys.argv[1])
nodes = b"".join(field(1, field(1, f"v{i}") + field(2, f"v{i + 1}") + field(3, f"node_{i}") + field(4, "Sigmoid")) for i in range(n))
graph = nodes + field(2, "g") + value(11, "v0") + value(12, f"v{n}")
with open(sys.argv[2], "wb") as f:
    f.write(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
