#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/train_numbers.json: what PyTorch makes of a few optimiser steps, losses and rates (tests/unit/train/
test_train_numbers.c makes the same). Weights and gradients come from formulas that both sides compute. needs: torch, numpy

TensorFlow 1's RMSProp and the Dice loss, which PyTorch lacks, are written out here with PyTorch's operators.
"""
import json
import pathlib
import warnings

import numpy as np
import torch
import torch.nn.functional as F

ROWS, COLUMNS, STEPS = 3, 4, 5


def start():
    return torch.tensor([np.sin(i + 1.0) for i in range(ROWS * COLUMNS)], dtype=torch.float64).reshape(ROWS, COLUMNS)


def gradient(batch):
    return torch.tensor([1.5 * np.cos(0.7 * i + 1.3 * batch) for i in range(ROWS * COLUMNS)], dtype=torch.float64).reshape(ROWS, COLUMNS)


def rate(step):
    return 0.1 / (1 + step)


class TfRmsProp:
    def __init__(self, params, alpha, eps, momentum):
        self.w, self.alpha, self.eps, self.mu = params[0], alpha, eps, momentum
        self.s, self.b = torch.ones_like(self.w), torch.zeros_like(self.w)
        self.param_groups = [{}]

    def step(self):
        with torch.no_grad():
            self.s.mul_(self.alpha).addcmul_(self.w.grad, self.w.grad, value=1 - self.alpha)
            self.b.mul_(self.mu).add_(self.w.grad / (self.s + self.eps).sqrt())
            self.w.sub_(self.param_groups[0]["lr"] * self.b)


def run(settings, make, clip=None, accumulate=1, ema=None):
    w = torch.nn.Parameter(start())
    optimizer = make([w])
    average, weights, averages = w.detach().clone(), [], []
    for step in range(STEPS):
        w.grad = sum(gradient(step * accumulate + k) for k in range(accumulate)) / accumulate
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        if clip:
            clip([w])
        optimizer.step()
        weights.append(w.detach().flatten().tolist())
        if ema:
            torch.optim.swa_utils.get_ema_multi_avg_fn(ema(step))([average], [w.detach()], step)
            averages.append(average.flatten().tolist())
    case = {"settings": settings, "weights": weights}
    if ema:
        case["averages"] = averages
    return case


def optimizers():
    o, u = torch.optim, torch.nn.utils
    sgd = {"optimizer": "sgd", "momentum": 0.9, "nesterov": 0, "weight_decay": 0.0}

    def plain(p):
        return o.SGD(p, lr=1, momentum=0.9)
    return [
        run({"optimizer": "sgd", "momentum": 0.9, "nesterov": 1, "weight_decay": 0.01}, lambda p: o.SGD(p, lr=1, momentum=0.9, nesterov=True, weight_decay=0.01)),
        run({"optimizer": "adam", "weight_decay": 0.05}, lambda p: o.Adam(p, lr=1, weight_decay=0.05)),
        run({"optimizer": "adamw", "weight_decay": 0.05, "beta1": 0.8}, lambda p: o.AdamW(p, lr=1, betas=(0.8, 0.999), weight_decay=0.05)),
        run({"optimizer": "rmsprop"}, lambda p: o.RMSprop(p, lr=1)),
        run({"optimizer": "rmsprop", "momentum": 0.9, "alpha": 0.9, "weight_decay": 0.02, "epsilon": 1e-3},
            lambda p: o.RMSprop(p, lr=1, momentum=0.9, alpha=0.9, weight_decay=0.02, eps=1e-3)),
        run({"optimizer": "rmsprop", "centered": 1, "epsilon": 0.01}, lambda p: o.RMSprop(p, lr=1, centered=True, eps=0.01)),
        run({"optimizer": "rmsprop", "centered": 1, "momentum": 0.5, "epsilon": 0.01},
            lambda p: o.RMSprop(p, lr=1, centered=True, momentum=0.5, eps=0.01)),
        run({"optimizer": "rmsprop", "epsilon_inside": 1, "momentum": 0.9, "alpha": 0.9}, lambda p: TfRmsProp(p, 0.9, 1e-3, 0.9)),
        run({**sgd, "clip_norm": 1.5}, plain, clip=lambda p: u.clip_grad_norm_(p, 1.5)),
        run({**sgd, "clip_value": 0.8}, plain, clip=lambda p: u.clip_grad_value_(p, 0.8)),
        run({**sgd, "accumulate": 3}, plain, accumulate=3),
        run({**sgd, "accumulate": 2, "clip_norm": 1.0, "ema_decay": 0.9, "ema_warmup": 0}, plain, accumulate=2,
            clip=lambda p: u.clip_grad_norm_(p, 1.0), ema=lambda step: 0.9),
        run({"optimizer": "adamw", "weight_decay": 0.05, "ema_decay": 0.3}, lambda p: o.AdamW(p, lr=1, weight_decay=0.05),
            ema=lambda step: min(0.3, (2 + step) / (11 + step))),
        run({"optimizer": "rmsprop", "accumulate": 2, "momentum": 0.9, "ema_decay": 0.999},
            lambda p: o.RMSprop(p, lr=1, momentum=0.9), accumulate=2, ema=lambda step: min(0.999, (2 + step) / (11 + step))),
    ]


def dice(logits, labels, smooth):
    n, classes = logits.shape[:2]
    p, flat = logits.softmax(1).reshape(n, classes, -1), labels.reshape(n, -1)
    counts = (flat != -100)
    hot = F.one_hot(flat.clamp(min=0), classes).permute(0, 2, 1) * counts[:, None]
    p = p * counts[:, None]
    above = 2 * (p * hot).sum((0, 2)) + smooth
    return (1 - above / (p.sum((0, 2)) + hot.sum((0, 2)) + smooth)).mean()


def loss(settings, shape, labels, weights=None):
    size = int(np.prod(shape))
    x = torch.tensor([2 * np.sin(1.7 * i) for i in range(size)], dtype=torch.float64).reshape(shape).requires_grad_()
    y = torch.tensor(labels).reshape([shape[0], *shape[2:]])
    w = torch.tensor(weights, dtype=torch.float64) if weights else None
    kind, value = settings.get("loss", "ce"), 0
    if kind != "dice":
        value = F.cross_entropy(x, y, weight=w, label_smoothing=settings.get("label_smoothing", 0))
    if kind != "ce":
        value = value + (settings["dice_weight"] if kind == "ce+dice" else 1) * dice(x, y, settings["dice_smooth"])
    value.backward()
    case = {"settings": settings, "shape": shape, "labels": labels, "loss": value.item(), "gradient": x.grad.flatten().tolist()}
    return {**case, "weights": weights} if weights else case


def losses():
    labels, masks, w = [0, 2, -100, 1, 2], [0, 1, 2, 2, -100, 1, 0, 0, 1, 2, 2, 2], [0.2, 1.5, 1.0]
    flat, image = [5, 3], [2, 3, 2, 3]
    return [
        loss({}, flat, labels), loss({"label_smoothing": 0.1}, flat, labels), loss({}, flat, labels, w),
        loss({"label_smoothing": 0.2}, flat, labels, w), loss({"label_smoothing": 0.1}, image, masks, w),
        loss({"loss": "dice", "dice_smooth": 1.0}, image, masks), loss({"loss": "dice", "dice_smooth": 0.0}, flat, labels),
        loss({"loss": "ce+dice", "dice_weight": 0.5, "dice_smooth": 1e-3, "label_smoothing": 0.1}, image, masks, w),
    ]


def schedules():
    made = []
    for power, lr, steps in ((1.0, 0.4, 10), (0.9, 0.05, 25), (2.0, 0.1, 7)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
        schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps, power=power)
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            schedule.step()
        made.append({"power": power, "lr": lr, "rates": rates})
    return made


def rounded(x):
    if isinstance(x, dict):
        return {k: v if k == "settings" else rounded(v) for k, v in x.items()}
    return [rounded(v) for v in x] if isinstance(x, list) else float(f"{x:.8g}") if isinstance(x, float) else x


def main():
    warnings.simplefilter("ignore")
    numbers = {"torch": torch.__version__.split("+")[0], "optimizers": optimizers(), "losses": losses(), "polynomial": schedules()}
    path = pathlib.Path(__file__).with_name("train_numbers.json")
    lines = []
    for key, value in numbers.items():
        rows = ",\n  ".join(json.dumps(rounded(v)) for v in value) if isinstance(value, list) else None
        lines.append(f" {json.dumps(key)}: [\n  {rows}]" if rows else f" {json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
