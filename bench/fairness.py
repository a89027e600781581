#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does `whet bench` measure what a runtime's own users measure?

One network, each runtime on a file of its own format, equal threads, CPUs and precision:
    ONNX Runtime, LiteRT   against a loop of at most 20 lines in the official Python binding (bench/loops/*.py)
    OpenVINO               against its benchmark_app -hint none -nstreams 1
A process's median differs from the next one's by several percent on a shared machine, and `whet bench` takes three to nine of
them; so in each round the other is started --processes times as well, half of them before whet and half after it, which also takes
out a drift. Every process is a fresh one, on the same CPUs. Printed are the medians over all rounds, and the median of the rounds'
ratios with an interval (bootstrap over rounds); the aim is within 3 %. The network is written by bench/make_models.py of the shared
folder and converted by whet.

needs: ../shared (or WHET_SHARED), a build, the runtimes installed (`whet runtimes`), and a Python with numpy, onnx and the
runtimes' packages: this one, or WHET_PYTHON.   usage: fairness.py [--build build] [--rounds 6] [--processes 4] [--only ort ...] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = os.environ.get("WHET_PYTHON") or sys.executable
FILES = {"ort": ".onnx", "litert": ".tflite", "openvino": ".xml"}


class Missing(Exception):
    pass


def run(command, cpus=None):
    pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, preexec_fn=pin)
    if p.returncode:
        raise Missing((p.stderr.strip() or p.stdout.strip() or "failed").splitlines()[-1])
    return p.stdout


def network(a):
    """The files, one a format; kept in the build folder."""
    folder = pathlib.Path(a.build, "bench-models")
    folder.mkdir(parents=True, exist_ok=True)
    onnx = folder / f"{a.net}_b1.onnx"
    if not onnx.exists():
        shared = pathlib.Path(os.environ.get("WHET_SHARED") or HERE.parent.parent / "shared")
        run([PYTHON, shared / "bench/make_models.py", folder, "--only", a.net])
    for end in (".tflite", ".xml"):
        if not onnx.with_suffix(end).exists():
            run([a.whet, "convert", onnx, onnx.with_suffix(end), "--quiet"])
    return onnx


def whet(a, runtime, path):
    """Median in ms, and the CPUs that were used."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "r.json")
        run([a.whet, "bench", path, "--runtime", runtime, "--threads", a.threads, "--quick", "--min-time", a.seconds, "--quiet", "--no-store", f"--json={out}"]
            + a.settings.get(runtime, []))
        doc = json.load(open(out))
    row = doc["rows"][0]
    if row["status"] != "ok":
        raise Missing(row["status"])
    return row["latency"]["p50"], doc["settings"]["cpus"], row["runtime_version"]


def other(a, runtime, path, cpus):
    """Median in ms by the runtime's own means."""
    if runtime != "openvino":
        times = run([PYTHON, HERE / "loops" / f"{runtime}.py", path, a.threads, a.seconds], cpus)
        return statistics.median(float(t) for t in times.split()) / 1e6
    text = run([pathlib.Path(PYTHON).parent / "benchmark_app", "-m", path, "-d", "CPU", "-hint", "none", "-nstreams", 1, "-nthreads", a.threads,
                "-nireq", 1, "-api", "sync", "-infer_precision", "f32", "-t", max(1, round(a.seconds))], cpus)
    found = re.search(r"Median:\s*([\d.]+) ms", text)
    if not found:
        raise Missing("benchmark_app printed no median")
    return float(found.group(1))


def interval(ratios, rng):
    if len(ratios) < 3:
        return min(ratios), max(ratios)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


def compare(a, runtime, onnx, rng):
    path = onnx.with_suffix(FILES[runtime])
    ours, theirs, version = [], [], ""
    _, cpus, version = whet(a, runtime, path)  # warms the page cache, tells the CPUs
    for _ in range(a.rounds):
        before = [other(a, runtime, path, cpus) for _ in range(a.processes // 2)]
        ours.append(whet(a, runtime, path)[0])
        theirs.append(before + [other(a, runtime, path, cpus) for _ in range(a.processes - len(before))])
    ratios = [w / statistics.median(o) for w, o in zip(ours, theirs)]
    low, high = interval(ratios, rng)
    return {"runtime": runtime, "version": version, "file": path.name, "threads": a.threads, "whet_ms": statistics.median(ours),
            "other_ms": statistics.median(sum(theirs, [])), "ratio": statistics.median(ratios), "low": low, "high": high, "whet": ours, "other": theirs}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--net", default="mbv2")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=6)
    p.add_argument("--processes", type=int, default=4)
    p.add_argument("--seconds", type=float, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", nargs="*", choices=list(FILES), default=list(FILES))
    p.add_argument("--json", help="add the result to this file, one line a runtime")
    a = p.parse_args()
    a.whet, a.settings = os.path.join(a.build, "whet"), {"openvino": ["--precision", "f32"]}
    rng, worst = random.Random(a.seed), 0.0
    print(f"{'runtime':26} {'whet ms':>9} {'own ms':>9} {'ratio':>7}  interval", flush=True)
    onnx = network(a)
    for runtime in a.only:
        try:
            r = compare(a, runtime, onnx, rng)
        except Missing as e:
            print(f"{runtime:26} {e}", flush=True)
            worst = 1.0
            continue
        worst = max(worst, abs(r["ratio"] - 1))
        name = f"{runtime} {r['version']}"
        print(f"{name:26} {r['whet_ms']:9.3f} {r['other_ms']:9.3f} {r['ratio']:7.3f}  {r['low']:.3f} to {r['high']:.3f}", flush=True)
        if a.json:
            with open(a.json, "a") as f:
                f.write(json.dumps(r) + "\n")
    return 0 if worst <= 0.03 else 1


if __name__ == "__main__":
    sys.exit(main())
