#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch without a compiler as a runtime of whet: whet bench net.pt --runtime exec:'python3 examples/runtimes/torch_eager.py'

FILE.py has to define model(), which gives an nn.Module (eager); any other file is read by torch.jit.load (TorchScript).
Free dimensions of a network that takes pictures come from --size. The protocol is in docs/exec-runtime.md."""
import json
import mmap
import os
import runpy
import sys

import numpy as np
import torch

replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print must not lie between the replies
NAMES = {torch.float32: "f32", torch.float64: "f64", torch.int64: "s64", torch.int32: "s32", torch.int8: "s8", torch.uint8: "u8", torch.bool: "bool"}
net, x, places, outputs = None, None, None, []


def hello(q):
    return {"protocol": 1, "name": "PyTorch", "version": torch.__version__.split("+")[0], "formats": ["torchscript"],
            "settings": {"threads": "integer >= 1", "denormals": ["keep", "zero"]}}


def open_model(q):
    global net
    torch.set_num_threads(int(q["settings"].get("threads", 1)))
    torch.set_flush_denormal(q["settings"].get("denormals", "zero") == "zero")
    path = q["path"]
    net = runpy.run_path(path)["model"]() if path.endswith(".py") else torch.jit.load(path, map_location="cpu")
    net.eval()
    tensors = list(net.parameters()) + list(net.buffers())
    weights = next((t for t in tensors if t.ndim in (2, 4)), None)  # of the first layer
    channels = -1 if weights is None else weights.shape[1]
    dims = [-1, channels] if weights is not None and weights.ndim == 2 else [-1, channels, -1, -1]
    return {"inputs": [{"name": "x", "dtype": "f32", "dims": dims}], "outputs": [{"name": "y", "dtype": "f32", "dims": []}]}


def forward():
    with torch.inference_mode():
        y = net(x)
    y = y["out"] if isinstance(y, dict) else y[0] if isinstance(y, (tuple, list)) else y
    return y.contiguous()


def prepare(q):
    global x
    x = torch.zeros(q["inputs"][0])
    y = forward()
    return {"outputs": [{"name": "y", "dtype": NAMES[y.dtype], "dims": list(y.shape)}]}


def map_memory(q):
    global x, places
    memory = mmap.mmap(q["fd"], q["size"])
    i, o = q["inputs"][0], q["outputs"][0]
    x = torch.from_numpy(np.frombuffer(memory, np.float32, i["bytes"] // 4, i["offset"]).reshape(x.shape))
    places = np.frombuffer(memory, np.uint8, o["bytes"], o["offset"])
    return {}


def run(q):
    places[:] = forward().numpy().reshape(-1).view(np.uint8)
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
