#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What does whet's way of measuring (worker processes, stops, messages) add to an inference of 1 ms? At most 1 % is wanted.

1. The tests' fake runtime, whose run takes 1 ms by the clock, exactly: the median of `whet bench`, less 1 ms, is what is added.
2. The native engine on a network of about 1 ms: `whet bench` and a bare loop in one process (native_loop), in turns.

needs: a build with its tests, `ninja native_loop`, and for 2 a Python with numpy and onnx.   usage: overhead.py [--build build] [--rounds 5]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile


def whet(a, model, runtime, env=None, seconds=1):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "r.json")
        subprocess.run([os.path.join(a.build, "whet"), "bench", model, "--runtime", runtime, "--threads", "1", "--quick", "--min-time", str(seconds),
                        "--quiet", "--no-store", f"--json={out}"], check=True, env={**os.environ, **(env or {})}, timeout=120, stdout=subprocess.DEVNULL)
        doc = json.load(open(out))
    row = doc["rows"][0]
    if row["status"] != "ok":
        sys.exit(f"overhead: {row['status']}")
    return row["latency"], doc["settings"]["cpus"]


def exact(a, folder):
    model = os.path.join(folder, "spin.fake")
    with open(model, "w") as f:
        f.write("fake\nspin 1000\n")
    lat, _ = whet(a, model, "fake", {"WHET_PLUGINS": os.path.join(os.path.abspath(a.build), "tests", "fake_plugins")})
    added = lat["p50"] - 1
    print(f"a run of 1 ms by the clock: median {lat['p50']:.6f} ms (n={lat['n']}), added {added * 1000:.2f} us = {added * 100:.3f} %", flush=True)
    return added


def in_turns(a, folder):
    import infer_peers
    model = infer_peers.networks(folder)[0]
    ratios, ours, bare = [], [], []
    for i in range(a.rounds):
        lat, cpus = whet(a, model, "native")
        loop = subprocess.Popen([os.path.join(a.build, "tests", "native_loop"), model, "--batch", "1", "--threads", "1"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, preexec_fn=lambda c=cpus: os.sched_setaffinity(0, c))
        loop.stdout.readline()
        times = []
        for n in (200, 1000):
            loop.stdin.write(f"{n}\n")
            loop.stdin.flush()
            times = [int(t) / 1e6 for t in loop.stdout.readline().split()]
        loop.stdin.close()
        loop.wait()
        ours.append(lat["p50"])
        bare.append(statistics.median(times))
        ratios.append(ours[-1] / bare[-1])
    print(f"{os.path.basename(model)}, native, 1 thread: whet bench {statistics.median(ours):.4f} ms, bare loop {statistics.median(bare):.4f} ms, "
          f"ratio {statistics.median(ratios):.4f} (rounds {min(ratios):.4f} to {max(ratios):.4f})", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        added = exact(a, folder)
        in_turns(a, folder)
    return 0 if added <= 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
