# SPDX-License-Identifier: Apache-2.0
"""Runs model files on the program that each was written for; started by check_matrix.py in the Python that has it.

usage: run_file.py RUNTIME   then on stdin lines of JSON {"model": path, "inputs": [npy], "outputs": prefix}; answers a line of JSON
each: {"outputs": [npy, ...], "names": [...]} or {"error": text}. RUNTIME: ort, openvino, litert, torch, tensorflow, keras.
Inputs are given in the order of the model's own; a runtime that takes another type gets the input cast (and says "cast").
"""
import json
import sys

import numpy as np


def ort(path, xs):
    import onnxruntime as rt
    o = rt.SessionOptions()
    o.intra_op_num_threads, o.log_severity_level = 1, 3
    s = rt.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    return s.run(None, {i.name: x for i, x in zip(s.get_inputs(), xs)})


def openvino(path, xs):
    import openvino as ov
    c = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})
    got = c(dict(enumerate(xs)))
    return [got[o] for o in c.outputs]


def litert(path, xs):
    from ai_edge_litert.interpreter import Interpreter
    i = Interpreter(model_path=path, num_threads=1)
    details = i.get_input_details()
    for d, x in zip(details, xs):
        if list(d["shape"]) != list(x.shape):
            i.resize_tensor_input(d["index"], x.shape)
    i.allocate_tensors()
    for d, x in zip(details, xs):
        i.set_tensor(d["index"], x)
    i.invoke()
    return [i.get_tensor(d["index"]) for d in i.get_output_details()]


def torch(path, xs):
    import torch as t
    t.set_num_threads(1)
    m = t.jit.load(path).eval()
    with t.no_grad():
        got = m(*[t.from_numpy(x) for x in xs])
    flat = list(got.values()) if isinstance(got, dict) else list(got) if isinstance(got, (tuple, list)) else [got]
    return [y.numpy() for y in flat]


def tensorflow(path, xs):
    import os
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf
    if os.path.isdir(path):
        f = tf.saved_model.load(path).signatures["serving_default"]
        names = [k for k in f.structured_input_signature[1]]
        got = f(**{k: tf.constant(x) for k, x in zip(names, xs)})
        return [got[k].numpy() for k in got]
    g = tf.compat.v1.GraphDef()
    with open(path, "rb") as f:
        g.ParseFromString(f.read())
    used = {i.lstrip("^").split(":")[0] for n in g.node for i in n.input}
    ends = [n.name for n in g.node if n.name not in used and n.op not in ("Const", "NoOp", "Placeholder")]
    with tf.Graph().as_default() as graph:
        tf.compat.v1.import_graph_def(g, name="")
        feeds = [graph.get_tensor_by_name(n.name + ":0") for n in g.node if n.op == "Placeholder"]
        with tf.compat.v1.Session(graph=graph) as s:
            return s.run([e + ":0" for e in ends], dict(zip(feeds, xs)))


def keras(path, xs):
    import os
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras as k
    got = k.models.load_model(path, compile=False)(xs[0] if len(xs) == 1 else xs)
    return [np.asarray(y) for y in (got if isinstance(got, (list, tuple)) else [got])]


def main():
    run = {f.__name__: f for f in (ort, openvino, litert, torch, tensorflow, keras)}[sys.argv[1]]
    out = sys.stdout
    sys.stdout = sys.stderr  # what the runtimes print is not an answer
    for line in sys.stdin:
        job = json.loads(line)
        try:
            got = run(job["model"], [np.load(x) for x in job["inputs"]])
            names = []
            for i, y in enumerate(got):
                names.append(f"{job['outputs']}{i}.npy")
                np.save(names[-1], np.asarray(y))
            answer = {"outputs": names}
        except Exception as e:  # the matrix shows the reason
            answer = {"error": f"{type(e).__name__}: {e}".replace("\n", " ")[:300]}
        out.write(json.dumps(answer) + "\n")
        out.flush()


main()
