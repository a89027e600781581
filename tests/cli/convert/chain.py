# SPDX-License-Identifier: Apache-2.0
"""Writes an ONNX file of a chain of Sigmoid. usage: chain.py NODES FILE"""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tiny_onnx import field, model, value  # noqa: E402

n = int(sys.argv[1])
nodes = b"".join(field(1, field(1, f"v{i}") + field(2, f"v{i + 1}") + field(3, f"node_{i}") + field(4, "Sigmoid")) for i in range(n))
with open(sys.argv[2], "wb") as f:
    f.write(model(nodes + field(2, "g") + field(11, value("v0", (1, 4))) + field(12, value(f"v{n}", (1, 4)))))
