#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training throughput and peak memory, the step alone (forward, backward, optimiser): whet and PyTorch's float32 modes in turn.

Each round runs every candidate once in a process of its own, in an order shuffled per round; shown are the medians over the
rounds and the ratio to PyTorch's best float32 mode; memory is the process's peak (VmHWM) and how far the steps raised it.
needs: torch; timm for the 224x224 networks (--with-compile is for the two small ones alone). usage: train_speed.py WHET [--model resnet20] [--rounds 5]
"""
import argparse
import json
import random
import statistics
import subprocess
import sys

BATCH = {"resnet20": 128, "resnet32": 128, "cifar-convnet": 64, "mobilenetv2": 16, "resnet50": 8, "efficientnet-b0": 8, "vit-tiny-16": 16}
TIMM = {"mobilenetv2": "mobilenetv2_100", "resnet50": "resnet50", "efficientnet-b0": "efficientnet_b0", "vit-tiny-16": "vit_tiny_patch16_224"}

TORCH = r"""
import sys, time, statistics, torch, torch.nn as nn, torch.nn.functional as F
model, batch, steps, threads, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
sys.path.insert(0, sys.argv[6])
side = 32
def peak():
    return [int(x.split()[1]) / 1024 for x in open("/proc/self/status") if x.startswith("VmHWM")][0]
if sys.argv[7] != "-":
    lib = torch.library.Library("torchvision", "DEF")  # torchvision of the registry may lack its CPU operators; timm asks for two
    for d in ("nms", "qnms"):
        try:
            lib.define(d + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:
            pass
    import timm
    m, side = timm.create_model(sys.argv[7], num_classes=10), 224
elif model.startswith("resnet"):
    from train_parity import ResNet
    m = ResNet((int(model[6:]) - 2) // 6)
else:
    m = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10))
x, y = torch.randn(batch, 3, side, side), torch.randint(0, 10, (batch,))
before = peak()
m.train()
if mode != "plain":
    m, x = m.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
o = torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
run = torch.compile(m) if mode == "compiled" else m
ms = []
for i in range(steps + 2):
    t = time.perf_counter()
    o.zero_grad(set_to_none=True)
    F.cross_entropy(run(x), y).backward()
    o.step()
    if i >= 2:
        ms.append((time.perf_counter() - t) * 1e3)
print(statistics.median(ms), peak(), peak() - before)
"""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("whet")
    p.add_argument("--model", default="resnet20", choices=sorted(BATCH))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--no-compile", action="store_true", help="leave out torch.compile, which needs a C++ compiler and time")
    p.add_argument("--with-compile", action="store_true", help="torch.compile for the 224x224 networks too, where it is off")
    p.add_argument("--skip-torch", action="store_true", help="whet alone")
    a = p.parse_args()
    batch, here = BATCH[a.model], str(__import__("pathlib").Path(__file__).resolve().parent)
    modes = ["plain", "channels_last"] + ([] if a.no_compile or (a.model in TIMM and not a.with_compile) else ["compiled"])
    modes = [] if a.skip_torch else modes

    def whet():
        out = subprocess.run([a.whet, "train", "--model", a.model, "--batch", str(batch), "--bench-steps", str(a.steps), "--threads",
                              str(a.threads), "--json", "--quiet"], check=True, capture_output=True, text=True).stdout
        doc = json.loads(out)
        return doc["median_ms"], doc["peak_mb"], doc["peak_mb"] - doc["before_mb"]

    def torch(mode):
        out = subprocess.run([sys.executable, "-c", TORCH, a.model, str(batch), str(a.steps), str(a.threads), mode, here,
                              TIMM.get(a.model, "-")], check=True,
                             capture_output=True, text=True).stdout
        return tuple(float(x) for x in out.split()[-3:])

    runs = {"whet": whet, **{f"torch {m}": (lambda m=m: torch(m)) for m in modes}}
    times = {name: [] for name in runs}
    memory = {}
    rng = random.Random(1)
    for _ in range(a.rounds):
        for name in rng.sample(list(runs), len(runs)):
            took = runs[name]()
            times[name].append(took[0])
            memory[name] = took[1:]
    medians = {name: statistics.median(t) for name, t in times.items()}
    for name, t in times.items():
        print(f"{name:22s} median {medians[name]:8.1f} ms/step  {batch * 1e3 / medians[name]:8.1f} img/s  "
              f"rounds {min(t):.1f} to {max(t):.1f} ms  peak {memory[name][0]:.0f} MB, by the steps {memory[name][1]:.0f} MB")
    if a.skip_torch:
        return
    best = min((m, n) for n, m in medians.items() if n != "whet")
    ratios = sorted(b / w for w, b in zip(times["whet"], times[best[1]], strict=True))
    print(f"throughput of whet / {best[1]}: {best[0] / medians['whet']:.2f} (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
