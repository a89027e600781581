# SPDX-License-Identifier: Apache-2.0
"""Extended: quantised, dynamic and 16-bit ONNX files written again by `whet convert`, and weights of 16 bits, judged by
onnx.checker (full) and ONNX Runtime with its optimisation off and on.

usage: check_convert.py WHET SCRATCH
The Python is this one, or the one named by WHET_PYTHON.
"""
import os
import subprocess
import sys

from checking import find_shared, onnx_packages, other_python, skip_for

skip = skip_for("pyonnx")

NETS = ["resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"]
# as the page of formats says: off the stored output by this much of its largest value, with ONNX Runtime's optimisation off
KINDS = {"qdq_u8s8": 2e-2, "qoperator": 2e-2, "dynamic": 1e-3, "fp16": 3e-3}
OPSETS = [13, 17, 21]


def run(ort, path, x, level):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0].type
    return session.run(None, {session.get_inputs()[0].name: x.astype("float16") if "float16" in wanted else x})[0]


def convert(whet, *args):
    return subprocess.run([whet, "convert", *args], capture_output=True, text=True, check=False)


def judge(mods, out, x, want, bound, integers):
    onnx, ort, np = mods
    try:
        onnx.checker.check_model(out, full_check=True)
    except Exception as error:  # the checker's own exception types differ between versions
        return f"onnx.checker: {error}"
    levels = ort.GraphOptimizationLevel
    for level in (levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL):
        try:
            y = run(ort, out, x, level).astype(np.float64)
        except Exception as error:
            return f"ONNX Runtime: {error}"
        if integers and level == levels.ORT_ENABLE_ALL:  # its integer kernels round elsewhere
            cosine = (y * want).sum() / np.sqrt((y * y).sum() * (want * want).sum())
            if not cosine >= 0.998:
                return f"ONNX Runtime's integer kernels: cosine {cosine:.5f}"
            continue
        difference = np.abs(y - want).max() / np.abs(want).max()
        if not difference <= bound:
            return f"ONNX Runtime's output differs by {difference:.3g}"
    return None


def main():
    other_python("WHET_PYTHON")
    np, onnx, ort = onnx_packages(skip, 4)
    whet, scratch, shared = sys.argv[1], sys.argv[2], find_shared(skip)
    out = os.path.join(scratch, "check_convert.onnx")
    n = failed = 0

    def tell(what, done, want_code, *rest):
        nonlocal n, failed
        n += 1
        fault = done.stderr.strip() if done.returncode != want_code else rest and judge((onnx, ort, np), out, *rest)
        if fault:
            failed += 1
            print(f"FAILED: {what}: {fault}")

    for net in NETS:
        source = os.path.join(shared, "interop", "onnx", net)
        torch = os.path.join(shared, "interop", "pytorch", net)
        x, plain = np.load(os.path.join(source, "input.npy")), np.load(os.path.join(torch, "output.npy")).astype(np.float64)
        for kind, bound in KINDS.items():
            path = os.path.join(source, kind + ".onnx")
            if not os.path.exists(path):  # ONNX Runtime's quantiser wrote what ONNX Runtime refuses
                continue
            want = plain if kind == "fp16" else np.load(os.path.join(source, kind + "_output.npy")).astype(np.float64)
            for opset in OPSETS:
                done = convert(whet, path, out, "--opset", str(opset))
                tell(f"{net}/{kind} as opset {opset}", done, 0, x, want, 5e-2 if net == "vit" and bound == 2e-2 else bound,
                     kind in ("qdq_u8s8", "qoperator"))
        for kind in ("legacy", "dynamo"):
            done = convert(whet, os.path.join(torch, kind + ".onnx"), out, "--precision", "f16", "--opset", "18")
            tell(f"{net}/{kind} with weights of 16 bits", done, 0, x, plain, 3e-3, False)
    print(f"{n - failed} of {n} files accepted")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
