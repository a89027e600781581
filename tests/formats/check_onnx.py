# SPDX-License-Identifier: Apache-2.0
"""Extended: files that whet writes, judged by onnx.checker and ONNX Runtime where a Python has them.

usage: check_onnx.py CONVERTER SCRATCH   (CONVERTER IN OUT OPSET converts; see test_onnx_write.c)
The Python is this one, or the one named by WHET_PYTHON.
"""
import os
import subprocess
import sys

from checking import find_shared, onnx_packages, other_python, skip_for

skip = skip_for("pyonnx")

NETS = ["resnet", "mobilenetv2", "unet"]
OPSETS = [13, 17, 18, 21]


def run(ort, path, x, level):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def check(onnx, ort, np, converter, scratch, folder, kind, opset):
    source, out = os.path.join(folder, kind + ".onnx"), os.path.join(scratch, "check_onnx.onnx")
    done = subprocess.run([converter, source, out, str(opset)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    try:
        onnx.checker.check_model(out, full_check=True)
    except Exception as error:  # the checker's own exception types differ between versions
        return f"onnx.checker: {error}"
    x = np.load(os.path.join(folder, "input.npy"))
    want = np.load(os.path.join(folder, "output.npy"))
    levels = ort.GraphOptimizationLevel
    for level in (levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL):
        difference = np.abs(run(ort, out, x, level) - want).max() / np.abs(want).max()
        if not difference <= 1e-4:
            return f"ONNX Runtime's output differs by {difference:.3g}"
    return None


def main():
    other_python("WHET_PYTHON")
    np, onnx, ort = onnx_packages(skip, 3)
    shared, failed, n = find_shared(skip), 0, 0
    for net in NETS:
        for kind in ("legacy", "dynamo"):
            for opset in OPSETS:
                folder = os.path.join(shared, "interop", "pytorch", net)
                fault = check(onnx, ort, np, sys.argv[1], sys.argv[2], folder, kind, opset)
                n += 1
                if fault:
                    failed += 1
                    print(f"FAILED: {net}/{kind}.onnx as opset {opset}: {fault}")
    print(f"{n - failed} of {n} files accepted")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
