#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The loss of the first training steps against PyTorch: same initial weights, batches and rates.

The initial weights are the zoo's own, with --init torch PyTorch's: He's normal ones for the convolutions, N(0, 0.01) for the
classifier (Goyal et al., "Accurate, large minibatch SGD", 2017), as in the zoo. whet writes every batch and rate (--dump-batches) and its
losses (--log-steps); PyTorch then takes the same steps, once more in channels-last: what that differs from the first is rounding,
which a hot start amplifies (with a larger classifier PyTorch differs from itself by more than 1e-3 after five steps).
Exit 1 if a loss of whet differs by more than 1e-3 relative.
needs: torch, numpy; the CIFAR-10 folders. usage: train_parity.py WHET [--model resnet20] [--data cifar10] [--steps 20]
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.pad = (o - i) // 2 if stride > 1 else 0

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pad:  # option A: every other pixel, channels filled up with zeros
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = (16, 32, 64)
        for k, w in enumerate(widths):
            first = Block(widths[max(k - 1, 0)], w, 2 if k else 1)
            setattr(self, f"layer{k + 1}", nn.Sequential(first, *(Block(w, w, 1) for _ in range(n - 1))))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    kinds = {"F32": np.float32, "I64": np.int64}
    return {k: np.frombuffer(data[8 + size + v["data_offsets"][0]:8 + size + v["data_offsets"][1]], kinds[v["dtype"]])
            .reshape(v["shape"]) for k, v in header.items() if k != "__metadata__"}


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, x in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(x.tobytes() for x in tensors.values()))


def calm_weights(depth, path):
    torch.manual_seed(0)
    model = ResNet((depth - 2) // 6)
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight)
    nn.init.normal_(model.linear.weight, std=0.01)
    nn.init.zeros_(model.linear.bias)
    write_safetensors(path, {k: v.numpy() for k, v in model.state_dict().items() if v.dtype == torch.float32})


def load(model, weights):
    for name, t in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            t.copy_(torch.from_numpy(weights[name].copy()))


def torch_losses(depth, weights, dump, steps, layout):
    model = ResNet((depth - 2) // 6).train()
    load(model, weights)
    model = model.to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.4, momentum=0.9, nesterov=True, weight_decay=5e-4)
    losses = []
    for i in range(steps):
        x, y = np.load(dump / f"x_{i:05d}.npy"), np.load(dump / f"y_{i:05d}.npy")
        for group in optimizer.param_groups:
            group["lr"] = float(np.load(dump / f"lr_{i:05d}.npy"))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.from_numpy(x).to(memory_format=layout)), torch.from_numpy(y), label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    p = argparse.ArgumentParser()
    p.add_argument("whet")
    p.add_argument("--model", default="resnet20")
    p.add_argument("--data", default="cifar10")
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--init", choices=("torch", "whet"), default="whet")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    depth = int(a.model.removeprefix("resnet"))
    with tempfile.TemporaryDirectory(prefix="whet-parity-") as tmp:
        tmp = pathlib.Path(tmp)
        calm_weights(depth, tmp / "calm.safetensors")
        weights = ["--weights", tmp / "calm.safetensors"] if a.init == "torch" else []
        subprocess.run([a.whet, "train", "--model", a.model, "--data", a.data, "--out", tmp / "run", "--max-steps", str(a.steps),
                        "--dump-batches", tmp / "dump", "--log-steps", "--val", "none", "--epochs", "14", "--batch", "128", "--lr", "0.4",
                        "--schedule", "onecycle", "--warmup", "0.3", "--momentum", "0.9", "--nesterov", "--weight-decay", "5e-4",
                        "--decay-all", "--label-smoothing", "0.1", "--pad-crop", "4", "--hflip", "--threads", str(a.threads),
                        "--quiet", *weights], check=True, stdout=subprocess.DEVNULL)
        steps = [json.loads(line) for line in (tmp / "run" / "curves.jsonl").open()]
        losses = [s["loss"] for s in steps if s["kind"] == "step"]
        start = read_safetensors(tmp / "dump" / "init.safetensors")
        plain = torch_losses(depth, start, tmp / "dump", a.steps, torch.contiguous_format)
        last = torch_losses(depth, start, tmp / "dump", a.steps, torch.channels_last)
    worst = 0.0
    for i, (mine, ref, other) in enumerate(zip(losses, plain, last, strict=True)):
        worst = max(worst, abs(mine - ref) / ref)
        print(f"step {i:2d}  whet {mine:.6f}  torch {ref:.6f}  relative {abs(mine - ref) / ref:.1e}  torch to itself {abs(other - ref) / ref:.1e}")
    print(f"largest relative difference {worst:.2e}: {'ok' if worst <= 1e-3 else 'FAILED (allowed 1e-3)'}")
    return 0 if worst <= 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
