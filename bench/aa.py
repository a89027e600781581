#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are the verdicts of `whet bench` right? Live, on this machine, with ONNX Runtime.

20 comparisons of a runtime with itself (at most 1 may say better or worse), and 20 in which a busy-wait of 5 % hides in the
worker (at least 16 must say worse, none better). The second of the two runtimes is the plug-in `slow` of the tests' build
(tests/backends/slow_plugin.c): ONNX Runtime under another name, each run prolonged by the share that WHET_SLOW_SHARE says.
The two kinds are run in turns. With --json they are kept, and --resume counts what is there and does the rest.

needs: a build with its tests, ONNX Runtime installed, and a model: --model, or what bench/fairness.py makes.
usage: aa.py [--build build] [--model FILE] [--count 20] [--share 0.05] [--mode quick|default] [--json FILE [--resume]] [--minutes M]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import fairness

WANT = {"aa": "at most 1 better or worse", "shift": "at least 16 worse, none better"}


def one(a, kind, seed):
    """The verdict on `slow` against ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (("ort.so", a.ort), ("slow.so", a.slow)):
            os.symlink(os.path.abspath(path), os.path.join(folder, name))
        out = os.path.join(folder, "r.json")
        env = dict(os.environ, WHET_PLUGINS=folder, WHET_SLOW_INNER=os.path.abspath(a.ort), WHET_SLOW_SHARE=str(a.share if kind == "shift" else 0))
        command = [a.whet, "bench", a.model, "--runtime", "slow,ort", "--threads", str(a.threads), "--seed", str(seed), "--quiet", "--no-store", f"--json={out}"]
        p = subprocess.run(command + (["--quick"] if a.mode == "quick" else []), capture_output=True, text=True, timeout=600, env=env)
        if not os.path.exists(out):
            sys.exit(f"aa: {p.stderr.strip()}")
        doc = json.load(open(out))
    if not doc["comparisons"]:
        sys.exit(f"aa: {doc['rows'][0]['status']}; {doc['rows'][1]['status']}")
    c = doc["comparisons"][0]
    sign = 1 if c["a"] == "r0" else -1  # of slow against ort
    ratio, low, high = (c["ratio"], c["low"], c["high"]) if sign > 0 else (1 / c["ratio"], 1 / c["high"], 1 / c["low"])
    verdict = c["verdict"] if sign > 0 else {"better": "worse", "worse": "better"}.get(c["verdict"], c["verdict"])
    return {"kind": kind, "seed": seed, "verdict": verdict, "ratio": ratio, "low": low, "high": high, "seconds": doc["seconds"]}


def report(results, share):
    failed = False
    for kind, title in (("aa", "A against A"), ("shift", f"{share * 100:g} % busy-wait")):
        rows = [r for r in results if r["kind"] == kind]
        n = {v: sum(r["verdict"] == v for r in rows) for v in ("better", "worse", "same", "cannot tell")}
        half = sorted((r["high"] - r["low"]) / 2 / r["ratio"] for r in rows)
        wide = f", half interval {half[len(half) // 2] * 100:.1f} % (median)" if half else ""
        print(f"{title}: {len(rows)} comparisons: " + ", ".join(f"{k} {v}" for k, v in n.items()) + f"{wide}; wanted of 20: {WANT[kind]}")
        if kind == "aa":
            failed |= n["better"] + n["worse"] > max(1, len(rows) // 20)
        else:
            failed |= n["better"] > 0 or n["worse"] < 0.8 * len(rows)
    return 1 if failed else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--model")
    p.add_argument("--net", default="mbv2")
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--share", type=float, default=0.05)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--mode", choices=["quick", "default"], default="quick")
    p.add_argument("--json")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--minutes", type=float, default=60, help="start no further comparison after so long")
    a = p.parse_args()
    a.whet = os.path.join(a.build, "whet")
    a.ort, a.slow = os.path.join(a.build, "plugins", "ort.so"), os.path.join(a.build, "tests", "slow_plugin", "slow.so")
    for path in (a.whet, a.ort, a.slow):
        if not os.path.exists(path):
            sys.exit(f"aa: '{path}' is not there: build with the tests and the plug-ins")
    a.model = a.model or str(fairness.network(a))
    results = []
    if a.resume and a.json and os.path.exists(a.json):
        results = [json.loads(line) for line in open(a.json)]
    begin = time.monotonic()
    for i in range(a.count):
        for kind in ("aa", "shift"):
            if any(r["kind"] == kind and r["seed"] == i for r in results) or time.monotonic() - begin > a.minutes * 60:
                continue
            r = one(a, kind, i)
            results.append(r)
            print(f"{kind:5} {i:2}: {r['verdict']:11} {r['ratio']:.4f} ({r['low']:.4f} to {r['high']:.4f})", flush=True)
            if a.json:
                with open(a.json, "a") as f:
                    f.write(json.dumps(r) + "\n")
    return report(results, a.share)


if __name__ == "__main__":
    sys.exit(main())
