# SPDX-License-Identifier: Apache-2.0
"""Extended: frozen graphs and SavedModels that whet writes, loaded and run by TensorFlow.

usage: check_tensorflow.py WHET MAKER SCRATCH [NAME ...]   (MAKER NETWORK OUT.onnx writes a network of the zoo; see test_tensorflow.c)
PyTorch's networks of ../shared/interop against their stored outputs, the zoo's with seeded weights against whet's own, each
as graph (import_graph_def) and as SavedModel (serving_default): at most 1e-4 of the largest value; no Transpose in convolutional
networks; equal bytes when written twice. The Python is this one, or WHET_PYTHON_TF, or WHET_PYTHON.
"""
import filecmp
import json
import os
import subprocess
import sys

from checking import find_shared, other_python, skip_for

skip = skip_for("pytensorflow")

ZOO = ["lenet", "cifar-convnet", "resnet20", "resnet32", "resnet44", "resnet56", "resnet50", "mobilenetv2", "efficientnet-b0", "vit-tiny-16"]
BOUND = 1e-4


def call(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError((done.stderr or done.stdout).strip()[:400])
    return done.stdout


def run_graph(tf, path, x):
    g = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        g.ParseFromString(file.read())
    used = {i.lstrip("^").split(":")[0] for n in g.node for i in n.input}
    ends = [n.name + ":0" for n in g.node if n.name not in used and n.op not in ("Const", "Placeholder")]
    with tf.Graph().as_default() as graph:
        tf.compat.v1.import_graph_def(g, name="")
        feeds = [n.name + ":0" for n in g.node if n.op == "Placeholder"]
        with tf.compat.v1.Session(graph=graph) as session:
            y = session.run(ends, {feeds[0]: x})[0]
    return y, sum(n.op == "Transpose" for n in g.node)


def run_saved_model(tf, path, x):
    f = tf.saved_model.load(path).signatures["serving_default"]
    return list(f(**{next(iter(f.structured_input_signature[1])): tf.constant(x)}).values())[0].numpy()


def nets(np, shared, whet, maker, scratch, only):
    for name in sorted(os.listdir(os.path.join(shared, "interop", "pytorch"))):
        folder = os.path.join(shared, "interop", "pytorch", name)
        if only and name not in only:
            continue
        yield name, os.path.join(folder, "legacy.onnx"), np.load(os.path.join(folder, "input.npy")), np.load(os.path.join(folder, "output.npy"))
    for name in ZOO:
        if only and "zoo/" + name not in only:
            continue
        source, given, made = (os.path.join(scratch, "tf_zoo" + e) for e in (".onnx", "_x.npy", "_y.npy"))
        call(maker, name, source)
        shape = json.loads(call(whet, "inspect", source, "--json"))["inputs"][0]["shape"].split("x")
        x = np.random.default_rng(3).standard_normal([int(d) if d.isdigit() else 1 for d in shape]).astype(np.float32)
        np.save(given, x)
        call(whet, "run", source, given, "-o", made)
        yield "zoo/" + name, source, x, np.load(made)


def check(np, tf, whet, scratch, name, source, x, want):
    faults = []
    x = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
    for ext in (".pb", ".savedmodel"):
        out, again = os.path.join(scratch, "check_tf" + ext), os.path.join(scratch, "check_tf_again" + ext)
        call(whet, "convert", source, "-o", out)
        call(whet, "convert", source, "-o", again)
        inner = "saved_model.pb" if ext == ".savedmodel" else ""
        if not filecmp.cmp(os.path.join(out, inner).rstrip("/"), os.path.join(again, inner).rstrip("/"), shallow=False):
            faults.append(f"{ext}: written twice, two files")
        if ext == ".pb":
            y, transposes = run_graph(tf, out, x)
            if transposes and "vit" not in name:
                faults.append(f"{transposes} Transposes in the graph")
        else:
            y = run_saved_model(tf, out, x)
        y = y.transpose(0, 3, 1, 2) if y.ndim == 4 and y.shape != want.shape else y
        difference = np.abs(y - want).max() / np.abs(want).max()
        if not difference <= BOUND:
            faults.append(f"{ext}: TensorFlow's output differs by {difference:.3g}")
        print(f"{name}{ext}: {difference:.2g}", flush=True)
    return faults


def main():
    other_python("WHET_PYTHON_TF", "WHET_PYTHON")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        import numpy as np
        import tensorflow as tf
    except ImportError as error:
        skip(f"{error}; name a Python with tensorflow in WHET_PYTHON_TF")
    whet, maker, scratch, failed, n = sys.argv[1], sys.argv[2], sys.argv[3], 0, 0
    for name, source, x, want in nets(np, find_shared(skip), whet, maker, scratch, sys.argv[4:]):
        n += 1
        try:
            faults = check(np, tf, whet, scratch, name, source, x, want)
        except Exception as error:  # TensorFlow's own types differ between versions
            faults = [f"{type(error).__name__}: {str(error)[:300]}"]
        for fault in faults:
            print(f"FAILED: {name}: {fault}")
        failed += bool(faults)
    print(f"{n - failed} of {n} networks accepted")
    return 1 if failed or not n else 0


if __name__ == "__main__":
    sys.exit(main())
