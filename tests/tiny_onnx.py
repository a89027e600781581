# SPDX-License-Identifier: Apache-2.0
"""A model of a few bytes for scripts that need one: y = relu(x), 1x3x8x8, as ONNX."""


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tiny_model():
    def value(name):
        shape = b"".join(field(1, field(1, d)) for d in (1, 3, 8, 8))
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))
    graph = field(1, field(1, "x") + field(2, "y") + field(4, "Relu")) + field(2, "g") + field(11, value("x")) + field(12, value("y"))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))
