#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A store of many runs: how long listing, finding, comparing and showing take. The runs are made up (4 rows of 400 samples each).

usage: many_runs.py WHET [--runs 10000] [--rows 4] [--keep FILE]; the limit is 1 s for list and compare, exit 1 if one is over it."""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

LIMIT = 1.0


def make_run(number, n_rows, rng):
    rows = []
    for i in range(n_rows):
        ms = 0.5 * (1 + i) * rng.uniform(0.98, 1.02)
        blocks = [{"round": r, "block": b, "probe": 1.0, "slow": False, "runs_per_sample": 1,
                   "ns": [int(1e6 * ms * rng.uniform(0.97, 1.03)) for _ in range(20)]} for r in range(5) for b in range(4)]
        rows.append({"id": f"r{i}", "model": f"net{number % 20}.onnx", "path": f"/data/net{number % 20}.onnx", "sha256": f"{number % 20:064x}",
                     "runtime": ["native", "ort", "openvino", "litert"][i % 4], "runtime_version": "1.0", "precision": "f32", "batch": 1 + i // 4,
                     "threads": 2, "mode": "default", "status": "ok", "size_bytes": 1000000 + number, "verdict": "ok",
                     "settings": {"threads": "2", "optimisation": "all"}, "accuracy": None, "memory": {"delta_bytes": 50000000 + 1000 * number},
                     "latency": {"p50": ms, "p50_low": ms * 0.99, "p50_high": ms * 1.01, "n": 400}, "img_per_s": 1e3 / ms, "samples": blocks})
    day, second = divmod(number, 86400)
    return {"time": f"2026-{1 + day % 12:02d}-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z", "study": f"study{number % 7}" if number % 3 == 0 else None,
            "tags": ["nightly"] if number % 100 == 0 else [],
            "document": {"schema_version": 1, "kind": "study" if number % 3 == 0 else "bench", "started": f"run {number}", "rows": rows,
                         "context": {"program": "whet", "machine": {"host": "box", "cpu": "any"}}, "summary": f"net{number % 20}.onnx: native is as fast as it was"}}


def timed(what, words, env, limit, tries=3):
    best = 1e9
    for _ in range(tries):
        start = time.perf_counter()
        done = subprocess.run(words, env=env, capture_output=True)
        best = min(best, time.perf_counter() - start)
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.decode()}")
    print(f"| {what} | {best:.3f} s |{'' if limit is None or best < limit else '  OVER ' + str(limit) + ' s'}")
    return limit is None or best < limit


def main():
    p = argparse.ArgumentParser()
    p.add_argument("whet")
    p.add_argument("--runs", type=int, default=10000)
    p.add_argument("--rows", type=int, default=4)
    p.add_argument("--keep")
    a = p.parse_args()
    whet, rng, good = os.path.abspath(a.whet), random.Random(1), True
    with tempfile.TemporaryDirectory(prefix="whet-many-") as folder:
        store = os.path.abspath(a.keep) if a.keep else os.path.join(folder, "many.sqlite")
        env = {**os.environ, "WHET_STORE": store, "NO_COLOR": "1"}
        spent = 0.0
        for first in range(0, a.runs, 500):
            path = os.path.join(folder, "part.json")
            runs = [make_run(n, a.rows, rng) for n in range(first, min(first + 500, a.runs))]
            pathlib.Path(path).write_text(json.dumps({"whet_export": 1, "runs": runs}))
            start = time.perf_counter()
            subprocess.run([whet, "results", "import", path, "-q"], env=env, check=True, stdout=subprocess.DEVNULL)
            spent += time.perf_counter() - start
        print(f"{a.runs} runs of {a.rows} rows, {os.path.getsize(store) / 1e6:.0f} MB, imported in {spent:.1f} s\n\n| command | best of 3 |\n| --- | --- |")
        results = [whet, "results"]
        for what, words in (("results list (all)", [*results, "list"]), ("results list --json", [*results, "list", "--json"]),
                            ("results list --tag nightly", [*results, "list", "--tag", "nightly"]), ("results list --model net7.onnx", [*results, "list", "--model", "net7.onnx"]),
                            ("results list --study study3 --limit 10", [*results, "list", "--study", "study3", "--limit", "10"]),
                            ("results show latest", [*results, "show", "latest"]), ("results where", [*results, "where"]),
                            ("compare 8 28", [whet, "compare", "8", "28"]), ("compare latest~20 latest", [whet, "compare", "latest~20", "latest"]),
                            ("compare nightly nightly --gate all", [whet, "compare", "nightly", "nightly", "--gate", "all"]),
                            ("results tag 5000 x", [*results, "tag", str(a.runs // 2), "x"])):
            good &= timed(what, words, env, LIMIT)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
