#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Latency of resnet20 and cifar-convnet: the native engine and ONNX Runtime in turns, each in its own process.

Rounds go A B A B; each round times a block of runs of both; printed are the medians over all runs and the ratio of the
medians per round. Weights are random: for speed only; outputs are compared by the tests.
needs: pip install numpy onnx onnxruntime, and a build:   ninja -C build native_loop
usage: infer_peers.py [--build build] [--batch 1] [--threads 2] [--rounds 15] [--runs 200] [MODEL.onnx ...]
"""
import argparse, os, statistics, subprocess, sys, tempfile, time

PEER = r'''
import sys, time, numpy as np, onnxruntime as ort
path, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
o = ort.SessionOptions(); o.intra_op_num_threads = threads; o.inter_op_num_threads = 1
s = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
feed = {i.name: np.random.randn(*[batch if k == 0 or not isinstance(d, int) else d for k, d in enumerate(i.shape)]).astype(np.float32)
        for i in s.get_inputs()}
print("ready", flush=True)
for line in sys.stdin:
    t = []
    for _ in range(int(line)):
        a = time.perf_counter_ns(); s.run(None, feed); t.append(time.perf_counter_ns() - a)
    print(*t, flush=True)
'''


def networks(folder):
    """resnet20 (option B shortcuts are 1x1 convolutions, BatchNorm folded) and cifar-convnet as ONNX, random weights."""
    import numpy as np, onnx
    from onnx import helper as h, numpy_helper as nh, TensorProto as tp
    rng = np.random.default_rng(0)

    class Net:
        def __init__(self):
            self.nodes, self.init, self.n = [], [], 0

        def const(self, *shape):
            self.n += 1
            x = rng.standard_normal(shape) / max(1, np.prod(shape[1:])) ** 0.5
            self.init.append(nh.from_array(x.astype(np.float32), f"w{self.n}"))
            return f"w{self.n}"

        def op(self, kind, ins, **attrs):
            self.n += 1
            self.nodes.append(h.make_node(kind, ins, [f"t{self.n}"], **attrs))
            return f"t{self.n}"

        def conv(self, x, ic, oc, k, s, p):
            return self.op("Conv", [x, self.const(oc, ic, k, k), self.const(oc)], kernel_shape=[k, k], strides=[s, s], pads=[p] * 4)

        def save(self, y, name):
            g = h.make_graph(self.nodes, name, [h.make_tensor_value_info("x", tp.FLOAT, ["N", 3, 32, 32])],
                             [h.make_tensor_value_info(y, tp.FLOAT, ["N", 10])], self.init)
            path = os.path.join(folder, name + ".onnx")
            onnx.save(h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8), path)
            return path

    n = Net()
    x, ic = n.op("Relu", [n.conv("x", 3, 16, 3, 1, 1)]), 16
    for oc in (16, 32, 64):
        for b in range(3):
            s = 2 if b == 0 and oc > 16 else 1
            y = n.op("Relu", [n.conv(x, ic, oc, 3, s, 1)])
            y = n.conv(y, oc, oc, 3, 1, 1)
            x = n.op("Relu", [n.op("Add", [y, n.conv(x, ic, oc, 1, s, 0) if s > 1 else x])])
            ic = oc
    x = n.op("Flatten", [n.op("GlobalAveragePool", [x])])
    out = [n.save(n.op("Gemm", [x, n.const(10, 64), n.const(10)], transB=1), "resnet20")]
    n = Net()
    x = "x"
    for i, (ic, oc) in enumerate(((3, 32), (32, 64), (64, 64))):
        x = n.op("Relu", [n.conv(x, ic, oc, 3, 1, 0)])
        if i < 2:
            x = n.op("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = n.op("Relu", [n.op("Gemm", [n.op("Flatten", [x]), n.const(64, 1024), n.const(64)], transB=1)])
    out.append(n.save(n.op("Gemm", [x, n.const(10, 64), n.const(10)], transB=1), "cifar-convnet"))
    return out


def start(cmd):
    p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if p.stdout.readline().strip() != "ready":
        sys.exit(f"infer_peers: {cmd[0]} did not start")
    return p


def ask(p, runs):
    p.stdin.write(f"{runs}\n")
    p.stdin.flush()
    return [int(t) / 1e3 for t in p.stdout.readline().split()]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("models", nargs="*")
    a.add_argument("--build", default="build")
    for name, value in (("batch", 1), ("threads", 2), ("rounds", 15), ("runs", 200)):
        a.add_argument("--" + name, type=int, default=value)
    a.add_argument("--providers", default="all")
    a = a.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for path in a.models or networks(folder):
            size = [str(a.batch), str(a.threads)]
            peers = {"native": start([os.path.join(a.build, "tests", "native_loop"), path, "--batch", size[0], "--threads", size[1],
                                      "--providers", a.providers]),
                     "onnxruntime": start([sys.executable, "-c", PEER, path] + size)}
            times = {k: [] for k in peers}
            ratios = []
            for k, p in peers.items():
                ask(p, max(10, a.runs // 4))
            for _ in range(a.rounds):
                medians = {}
                for k, p in peers.items():
                    t = ask(p, a.runs)
                    times[k] += t
                    medians[k] = statistics.median(t)
                    time.sleep(0.02)  # spinning workers of the one come to rest before the other is timed
                ratios.append(medians["native"] / medians["onnxruntime"])
            for p in peers.values():
                p.stdin.close()
                p.wait()
            print(f"{os.path.basename(path):20s} batch {a.batch} threads {a.threads}: " +
                  ", ".join(f"{k} {statistics.median(t):.1f} us (min {min(t):.1f})" for k, t in times.items()) +
                  f"; native / onnxruntime {statistics.median(ratios):.2f} (rounds {min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
