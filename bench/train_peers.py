#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training throughput of resnet20 (batch 128) and cifar-convnet (batch 64): the step alone, native and PyTorch in turns.

Each round is a process of its own for each side: a warm-up, then N steps (forward, loss, backward, SGD with momentum).
PyTorch runs float32, plain and channels last; the better of the two is its figure. Printed are medians and the ratio.
needs: a build with build/whet, and a Python with torch (--torch-python; without one only the native side is timed)
usage: train_peers.py [--whet build/whet] [--torch-python python3] [--threads 2] [--rounds 5] [--steps 10] [NET ...]
"""
import argparse, json, statistics, subprocess

TORCH = r'''
import sys, time, torch, torch.nn as nn
net, batch, steps, threads, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "cl"
torch.set_num_threads(threads); torch.set_flush_denormal(True); torch.manual_seed(0)
class Block(nn.Module):
    def __init__(s, i, o, st):
        super().__init__()
        s.a, s.b = nn.Conv2d(i, o, 3, st, 1, bias=False), nn.BatchNorm2d(o)
        s.c, s.d, s.st, s.o = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), st, o
    def forward(s, x):
        y = s.d(s.c(torch.relu(s.b(s.a(x)))))
        if s.st > 1: x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, s.o // 4, s.o // 4))
        return torch.relu(x + y)
if net == "resnet20":
    parts, i = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for o, st in ((16, 1), (32, 2), (64, 2)):
        for k in range(3): parts.append(Block(i, o, st if k == 0 else 1)); i = o
    m = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
else:
    m = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10))
x, y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
if last: m, x = m.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
o = torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.9)
def step():
    o.zero_grad(set_to_none=True); nn.functional.cross_entropy(m(x), y).backward(); o.step()
for _ in range(2): step()
for _ in range(steps):
    t = time.perf_counter(); step(); print((time.perf_counter() - t) * 1e3)
'''


def native(a, net, batch):
    cmd = [a.whet, "train", "--model", net, "--batch", str(batch), "--bench-steps", str(a.steps), "--threads", str(a.threads), "--json"]
    return json.loads(subprocess.check_output(cmd))["ms"]


def torch(a, net, batch, form):
    cmd = [a.torch_python, "-c", TORCH, net, str(batch), str(a.steps), str(a.threads), form]
    return [float(t) for t in subprocess.check_output(cmd, text=True).split()]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("nets", nargs="*", default=["resnet20", "cifar-convnet"])
    a.add_argument("--whet", default="build/whet")
    a.add_argument("--torch-python", default="")
    for name, value in (("threads", 2), ("rounds", 5), ("steps", 10)):
        a.add_argument("--" + name, type=int, default=value)
    a = a.parse_args()
    sizes = {"resnet20": 128, "cifar-convnet": 64}
    for net in a.nets:
        batch = sizes[net]
        sides = {"native": lambda: native(a, net, batch)}
        if a.torch_python:
            sides["torch"] = lambda: torch(a, net, batch, "plain")
            sides["torch channels last"] = lambda: torch(a, net, batch, "cl")
        times = {k: [] for k in sides}
        for _ in range(a.rounds):
            for k, run in sides.items():
                times[k] += run()
        rate = {k: batch / statistics.median(t) * 1e3 for k, t in times.items()}
        print(f"{net:14s} batch {batch} threads {a.threads}: " +
              ", ".join(f"{k} {statistics.median(t):.1f} ms a step (min {min(t):.1f}), {rate[k]:.0f} img/s" for k, t in times.items()), end="")
        peers = [v for k, v in rate.items() if k != "native"]
        print(f"; native / best of torch {rate['native'] / max(peers):.2f}" if peers else "", flush=True)


if __name__ == "__main__":
    main()
