# SPDX-License-Identifier: Apache-2.0
"""Extended: IRs that whet writes, judged by OpenVINO where a Python has it: they load, compute what this engine computes, have no
Transpose more than the graph had, and integer convolutions where the graph is quantised.

usage: check_openvino.py CONVERTER SCRATCH [WORD]   (CONVERTER IN OUT.xml f32|f16 INPUT.npy OUTPUT.npy; see
test_openvino_write.c; WORD: only sources whose name has it). The Python is this one, or the one named by WHET_PYTHON.
"""
import os
import subprocess
import sys

from checking import find_shared, other_python, skip_for

skip = skip_for("pyopenvino")

NETS = ["resnet", "mobilenetv2", "efficientnet", "convnext", "vit", "deeplab", "unet"]
ZOO = ["lenet", "cifar-convnet", "resnet20", "mobilenetv2", "efficientnet-b0", "vit-tiny-16", "resnet50"]


def sources(shared):
    """(name, file, input, kinds)"""
    for net in NETS:
        folder = os.path.join(shared, "interop", "pytorch", net)
        for kind in ("legacy", "dynamo"):
            yield f"{net}/{kind}", os.path.join(folder, kind + ".onnx"), os.path.join(folder, "input.npy"), ("f32", "f16")
        quantised = os.path.join(shared, "interop", "onnx", net, "qdq_u8s8.onnx")
        if os.path.exists(quantised):
            yield f"{net}/qdq_u8s8", quantised, os.path.join(folder, "input.npy"), ("int8",)
        for kind in ("fp32", "fp16", "int8"):
            folder = os.path.join(shared, "interop", "openvino", net)
            yield f"{net}/ir-{kind}", os.path.join(folder, kind + ".xml"), os.path.join(folder, "input.npy"), ("int8" if kind == "int8" else "f32",)
    for net in ZOO:
        yield f"zoo/{net}", "zoo:" + net, None, ("f32", "f16")


def transposes(model):
    return sum(1 for op in model.get_ops() if op.get_type_name() == "Transpose")


def integer_layers(compiled):
    """Convolutions and products of the executed graph: (integer, all)."""
    n = whole = 0
    for op in compiled.get_runtime_model().get_ops():
        info = op.get_rt_info()
        kind = str(info["layerType"].astype(str)) if hasattr(info["layerType"], "astype") else str(info["layerType"])
        if kind not in ("Convolution", "FullyConnected", "MatMul", "Deconvolution"):
            continue
        precision = info["runtimePrecision"]
        precision = str(precision.astype(str)) if hasattr(precision, "astype") else str(precision)
        whole += 1
        n += precision.lower() in ("i8", "u8")
    return n, whole


def check(ov, np, core, converter, scratch, name, source, given, kind):
    out = os.path.join(scratch, "check_openvino.xml")
    x_path, y_path = given or os.path.join(scratch, "check_openvino_x.npy"), os.path.join(scratch, "check_openvino_y.npy")
    if not given and os.path.exists(x_path):
        os.unlink(x_path)
    done = subprocess.run([converter, source, out, "f16" if kind == "f16" else "f32", x_path, y_path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip(), ""
    x, want = np.load(x_path), np.load(y_path)
    model = core.read_model(out)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2})
    got = compiled([x])[0]
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"output is {got.dtype}{got.shape}, not {want.dtype}{want.shape}", ""
    top = float(np.abs(want).max())
    off = float(np.abs(got - want).max()) / (top or 1)
    cosine = float((got.astype("f8") * want).sum() / np.sqrt((got.astype("f8") ** 2).sum() * (want.astype("f8") ** 2).sum()))
    said = f"off by {off:.2g}, cosine {cosine:.5f}"
    if source.endswith(".onnx"):
        before, after = transposes(core.read_model(source)), transposes(model)
        said += f", Transposes {before} -> {after}"
        if after > before:
            return f"{after} Transposes where OpenVINO's own reading has {before}", said
    if kind == "int8":
        n, whole = integer_layers(compiled)
        said += f", {n} of {whole} layers in integers"
        if not cosine >= 0.998:
            return f"cosine {cosine:.5f}", said
        if n * 2 < whole:
            return f"only {n} of {whole} convolutions and products run in integers", said
    elif not off <= (1e-4 if kind == "f32" else 2e-3):
        return f"output differs by {off:.3g}", said
    return None, said


def main():
    other_python("WHET_PYTHON")
    try:
        import numpy as np
        import openvino as ov
    except ImportError as error:
        skip(f"{error}; name a Python with openvino in WHET_PYTHON")
    shared, failed, n = find_shared(skip), 0, 0
    core = ov.Core()
    for name, source, given, kinds in sources(shared):
        if len(sys.argv) > 3 and sys.argv[3] not in name:
            continue
        for kind in kinds:
            try:
                fault, said = check(ov, np, core, sys.argv[1], sys.argv[2], name, source, given, kind)
            except RuntimeError as error:
                fault, said = "OpenVINO: " + str(error).strip().splitlines()[-1], ""
            n += 1
            failed += fault is not None
            print(f"{'FAILED: ' if fault else ''}{name} as {kind}: {said}{'; ' + fault if fault else ''}", flush=True)
    print(f"{n - failed} of {n} files accepted")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
