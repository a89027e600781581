# SPDX-License-Identifier: Apache-2.0
"""ONNX files for scripts that need some, by the standard library alone: the pieces of the protocol buffer, and the smallest model."""


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A number, or bytes or text with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def value(name, dims):
    """What an input or output is: f32 of these dimensions."""
    shape = b"".join(field(1, field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def model(graph, opset=17):
    return field(1, 8) + field(7, graph) + field(8, field(2, opset))


def tiny_model():
    """y = relu(x), 1x3x8x8"""
    ends = field(11, value("x", (1, 3, 8, 8))) + field(12, value("y", (1, 3, 8, 8)))
    return model(field(1, field(1, "x") + field(2, "y") + field(4, "Relu")) + field(2, "g") + ends, 13)
