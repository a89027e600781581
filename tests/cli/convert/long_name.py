# SPDX-License-Identifier: Apache-2.0
"""Writes an ONNX file of two nodes, the value between them named by 70,000 letters. usage: long_name.py FILE"""
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


def node(given, made):
    return field(1, field(1, given) + field(2, made) + field(3, made) + field(4, "Relu"))


def value(number, name):
    shape = b"".join(field(1, field(1, d)) for d in (1, 3, 4, 4))
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))


long = "n" * 70000
graph = node("x", long) + node(long, "y") + field(2, "g") + value(11, "x") + value(12, "y")
with open(sys.argv[1], "wb") as f:
    f.write(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
