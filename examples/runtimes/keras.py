#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keras as a runtime of whet: whet bench net.keras --runtime exec:'python3 examples/runtimes/keras.py'

Reads .keras and .h5 files and calls the network compiled by its backend (tf.function with TensorFlow). The protocol is in
docs/exec-runtime.md."""
import json
import mmap
import os
import sys

replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print must not lie between the replies
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]  # this file has Keras' name
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import keras  # noqa: E402

NAMES = {"float32": "f32", "float64": "f64", "float16": "f16", "int64": "s64", "int32": "s32", "int8": "s8", "uint8": "u8", "bool": "bool"}
call, inputs, arrays, shapes = None, [], {}, []


def tensors(list_, keep):
    return [{"name": t.name, "dtype": NAMES[str(t.dtype)], "dims": [-1 if d is None else d for d in t.shape] if keep else []} for t in list_]


def hello(q):
    return {"protocol": 1, "name": "Keras", "version": keras.__version__, "formats": ["keras"],
            "settings": {"threads": "integer >= 1", "denormals": ["zero"]}}


def open_model(q):
    global call, inputs
    threads = int(q["settings"].get("threads", 1))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    net = keras.models.load_model(q["path"], compile=False)
    inputs = net.inputs
    call = tf.function(lambda x: tf.nest.flatten(net(x if len(x) > 1 else x[0], training=False)))
    return {"inputs": tensors(inputs, True), "outputs": tensors(net.outputs, False)}


def prepare(q):
    global shapes
    shapes = q["inputs"]
    out = call([tf.zeros(s, t.dtype) for s, t in zip(shapes, inputs)])
    return {"outputs": [{"name": "output%d" % i, "dtype": NAMES[t.dtype.name], "dims": list(t.shape)} for i, t in enumerate(out)]}


def map_memory(q):
    memory = mmap.mmap(q["fd"], q["size"])
    for key in ("inputs", "outputs"):
        arrays[key] = [np.frombuffer(memory, np.uint8, p["bytes"], p["offset"]) for p in q[key]]
    return {}


def run(q):
    given = [a.view(t.dtype).reshape(s) for a, t, s in zip(arrays["inputs"], inputs, shapes)]
    for place, t in zip(arrays["outputs"], call([tf.convert_to_tensor(a) for a in given])):
        place[:] = np.ascontiguousarray(t.numpy()).reshape(-1).view(np.uint8)
    return {}


DO = {"hello": hello, "ping": lambda q: {}, "open": open_model, "prepare": prepare, "map": map_memory, "run": run}
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "bye":
        break
    try:
        reply = DO[request["do"]](request)
    except Exception as e:
        reply = {"error": f"{type(e).__name__}: {e}".splitlines()[0]}
    print(json.dumps({"id": request["id"], **reply}), file=replies, flush=True)
