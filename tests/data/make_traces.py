#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the latency traces of tests/data: two rows measured in turns, 3 processes x 4 blocks x 25 runs, whole ns.

quiet    a is 1.25 times as fast as b, 0.5 % noise
noisy    the same, but each block is slowed by up to 40 % (both rows alike) and single runs by up to 3 times
drifting both rows become 30 % slower from the first block to the last
stolen   equal rows; now and then the hypervisor takes the CPU for some milliseconds
Deterministic: a fixed linear congruential generator.
"""
import os

state = 12345


def uniform():
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return (state >> 11) / 2**53


def bell():
    return sum(uniform() for _ in range(12)) - 6


def run(kind, row, round_, block):
    base = 400_000 if kind == "stolen" or row == "a" else 500_000
    x = base * (1 + 0.005 * bell())
    if kind == "noisy":
        x *= slow[round_, block] * (1 + 2 * uniform() if uniform() < 0.1 else 1 + 0.05 * abs(bell()))
    if kind == "drifting":
        x *= 1 + 0.3 * (round_ * 4 + block) / 11
    if kind == "stolen" and uniform() < 0.03:
        x += 2_000_000 + 6_000_000 * uniform()
    return int(x)


for kind in ("quiet", "noisy", "drifting", "stolen"):
    slow = {(r, b): 1 + 0.4 * uniform() for r in range(3) for b in range(4)}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"latency_{kind}.csv")
    with open(path, "w") as f:
        f.write("row,round,block,ns...\n")
        for r in range(3):
            for b in range(4):
                for row in "ab":
                    f.write(f"{row},{r},{b}," + ",".join(str(run(kind, row, r, b)) for _ in range(25)) + "\n")
