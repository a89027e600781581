#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records the latency traces of tests/data/recorded_latency.csv: `whet bench` of a runtime with itself, 5 to 10 processes
of 5 blocks each (as many rounds as the bench took).

A recording is of ONNX Runtime on a network, the second row being the tests' plug-in `slow` with a share of nothing: the same
runtime under another name. With --busy, a neighbour works for 3 ms of every 20. Of each block the first runs are kept, in order,
as whole ns. usage: record_traces.py OUT.csv NAME MODEL.onnx [--busy] [--build build] [--threads 2] [--runs 24]
(appends; the file's header is written if it is new)
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

NEIGHBOUR = """
import time
while True:
    end = time.monotonic() + 0.003
    while time.monotonic() < end: pass
    time.sleep(0.017)
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("name")
    p.add_argument("model")
    p.add_argument("--busy", action="store_true")
    p.add_argument("--build", default="build")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=24)
    a = p.parse_args()
    build = os.path.abspath(a.build)
    with tempfile.TemporaryDirectory() as folder:
        ort = os.path.join(build, "plugins", "ort.so")
        os.symlink(ort, os.path.join(folder, "ort.so"))
        os.symlink(os.path.join(build, "tests", "slow_plugin", "slow.so"), os.path.join(folder, "slow.so"))
        env = dict(os.environ, WHET_PLUGINS=folder, WHET_SLOW_INNER=ort, WHET_SLOW_SHARE="0")
        out = os.path.join(folder, "r.json")
        neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) if a.busy else None
        try:
            subprocess.run([os.path.join(build, "whet"), "bench", a.model, "--runtime", "slow,ort", "--threads", str(a.threads),
                            "--iterations", str(25 * a.runs), "--min-time", "4", "--quiet", "--no-store", f"--json={out}"], check=True, env=env,
                           stdout=subprocess.DEVNULL)
        finally:
            if neighbour:
                neighbour.kill()
        rows = json.load(open(out))["rows"]
    new = not os.path.exists(a.out)
    with open(a.out, "a") as f:
        if new:
            f.write("recording,row,round,block,ns...\n")
        for letter, row in zip("ab", rows):
            for s in row["samples"]:
                if s["round"] < 10:
                    f.write(f"{a.name},{letter},{s['round']},{s['block']}," + ",".join(map(str, s["ns"][:a.runs])) + "\n")


if __name__ == "__main__":
    main()
