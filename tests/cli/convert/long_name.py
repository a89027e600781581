# SPDX-License-Identifier: Apache-2.0
"""Writes an ONNX file of two nodes, the value between them named by 70,000 letters. usage: long_name.py FILE"""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tiny_onnx import field, model, value  # noqa: E402


def node(given, made):
    return field(1, field(1, given) + field(2, made) + field(3, made) + field(4, "Relu"))


long, dims = "n" * 70000, (1, 3, 4, 4)
with open(sys.argv[1], "wb") as f:
    f.write(model(node("x", long) + node(long, "y") + field(2, "g") + field(11, value("x", dims)) + field(12, value("y", dims))))
