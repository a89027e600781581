#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A study over a runtime that misbehaves in every way, and one that is interrupted at several moments: the good rows are
measured and stored, the bad one is a row with its reason, nothing is left running, a second start goes on.

The runtime is the tests' fake plug-in (tests/backends/fake_plugin.c), told by environment variables what to do.
usage: hostile_study.py WHET FAKE_PLUGINS [SEED]
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from study_steps import draw_set

WHET = pathlib.Path(sys.argv[1]).resolve()
PLUGINS = pathlib.Path(sys.argv[2]).resolve()
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
FAILED = []


def expect(condition, what):
    if not condition:
        FAILED.append(what)
        print(f"FAIL: {what}\nrepro: python3 {sys.argv[0]} {WHET} {PLUGINS} {SEED}")


def left_running(mark):
    """Processes, beside this one, whose environment holds the mark."""
    found = []
    for p in pathlib.Path("/proc").iterdir():
        try:
            if p.name.isdigit() and int(p.name) != os.getpid() and mark.encode() in (p / "environ").read_bytes():
                found.append((int(p.name), (p / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")))
        except OSError:
            pass
    return found


def nothing_left(env, what):
    for _ in range(50):
        found = left_running("WHET_TEST_MARK=" + env["WHET_TEST_MARK"])
        if not found:
            return
        time.sleep(0.1)
    expect(False, f"{what}: left running: {found}")


def study(tmp, name, model, **settings):
    path = tmp / f"{name}.json"
    path.write_text(json.dumps({"model": str(model), "out": str(tmp / name), "data": str(tmp / "set"), "threads": 1, "eval": False,
                                "bench": {"min_time": 0.05, "iterations": 20, "warmup": 0.01, "time_limit": 2}, **settings}))
    return path


TRICKS = {  # what the fake runtime does -> its row's status
    "abort": "runtime failed: crash: signal 6",
    "abort-run 3": "runtime failed: crash: signal 6",
    "hang-open": "runtime failed: time: no answer within 2 s",
    "hang": "runtime failed: time: no answer within 2 s",
    "garbage 30": "parity failed",  # it works, and computes something else
    "link": "runtime failed: the process wrote into the worker's link",
    "stray": "parity failed",
    "error": "unsupported: operator 'Fake' is not known",
    "eat": "runtime failed: memory",
}


def hostile_rows(tmp, env, model):
    sanitized = os.environ.get("WHET_SANITIZED") == "1"  # then there is no limit of memory
    for trick, want in TRICKS.items():
        if trick == "eat" and sanitized:
            continue
        name = trick.replace(" ", "-")
        bench = {"min_time": 0.05, "iterations": 20, "warmup": 0.01, "time_limit": 2}
        if trick == "eat":
            bench.update(memory_limit=300, time_limit=60)
        path = study(tmp, name, model, runtimes=["native", "fake"], bench=bench)
        begin = time.monotonic()
        p = subprocess.run([str(WHET), "study", str(path), "--quick"], capture_output=True, text=True, timeout=120,
                           env={**env, "WHET_FAKE_ANY": trick, "WHET_FAKE_PICTURE": "1", "WHET_FAKE_PIDS": str(tmp / "pids")})
        expect(p.returncode == 1, f"{trick}: exit {p.returncode}: {p.stderr[-300:]}")
        expect(time.monotonic() - begin < 90, f"{trick}: took {time.monotonic() - begin:.0f} s")
        nothing_left(env, trick)
        result = tmp / name / "result.json"
        rows = json.loads(result.read_text())["rows"] if result.exists() else []
        got = [r["status"] for r in rows]
        expect(len(got) == 2 and got[0] == "ok" and rows[0]["latency"]["p50"] > 0, f"{trick}: the good row: {got}")
        expect(len(got) == 2 and got[1].startswith(want), f"{trick}: wanted '{want}', got {got[1:]}")
        expect("\x80" not in p.stdout and "noise" not in p.stdout + p.stderr, f"{trick}: the runtime's noise reached the terminal")
    path = study(tmp, "version", model, runtimes=["native", "fake"])
    p = subprocess.run([str(WHET), "study", str(path), "--quick"], capture_output=True, text=True, timeout=120,
                       env={**env, "WHET_FAKE_ANY": "good", "WHET_FAKE_PICTURE": "1", "WHET_FAKE_VERSION": "9.0"})
    rows = json.loads((tmp / "version/result.json").read_text())["rows"]
    expect(p.returncode == 1 and rows[0]["status"] == "ok" and rows[1]["status"].startswith("runtime missing: Fake 9.0 is installed"),
           f"wrong version: exit {p.returncode}, {[r['status'] for r in rows]}")


def listens(p):
    """Waits until the program's own handler is there: on a busy machine a signal may come before its first line."""
    while p.poll() is None:
        caught = [line.split()[1] for line in pathlib.Path(f"/proc/{p.pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
        if caught and int(caught[0], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.005)


def interrupted(tmp, env, model, rng):
    """A study of two sets of rows, cut again and again at random moments until it comes through."""
    path = study(tmp, "cut", model, runtimes=["native"], threads=[1, 2], eval=True,
                 bench={"min_time": 0.3, "iterations": 20, "warmup": 0.05, "time_limit": 30})
    command = [str(WHET), "study", str(path), "--quick"]
    done, cuts, reused = None, 0, 0
    for attempt in range(12):
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        if attempt < 8:
            listens(p)
            try:
                p.wait(0.02 + rng.random() * (0.6 + 0.4 * attempt))
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGTERM if attempt % 2 else signal.SIGINT)
        begin = time.monotonic()
        out, err = p.communicate(timeout=60)
        expect(time.monotonic() - begin < 20 or p.returncode == 0, f"an interruption took {time.monotonic() - begin:.1f} s")
        expect(p.returncode in (0, 130), f"cut at a random moment: exit {p.returncode}: {err[-300:]}")
        nothing_left(env, f"cut {attempt}")
        if p.returncode == 0:
            done = json.loads((tmp / "cut/result.json").read_text())
            reused = sum(s["state"] == "reused" for s in done["steps"])
            break
        cuts += 1
        expect("the same command goes on" in err or "interrupted" in err, f"the message: {err[-300:]}")
    expect(done is not None, "the study came through in the end")
    if done is not None:
        expect([r["status"] for r in done["rows"]] == ["ok", "ok"], f"rows: {[r['status'] for r in done['rows']]}")
        expect(done["data"]["test_reads"] <= 2, f"no row reads the test split twice: {done['data']['test_reads']}")
    expect(not (tmp / "cut" / "interrupted").exists(), "what was kept is gone when it is done, with its folder")
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    expect(again.returncode == 0 and "nothing to do" in again.stderr, f"a further start: {again.stderr[-200:]}")
    print(f"study cut {cuts} times, {reused} steps were there at the last start")


def interrupted_bench(tmp, env, model):
    """`whet bench`: whole rounds are kept and taken up."""
    out = tmp / "bench.json"
    command = [str(WHET), "bench", str(model), "--runtime", "native", "--threads", "1", "--quick", "--min-time", "3", f"--json={out}"]
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    time.sleep(3.2)  # a round takes 1.6 s
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=60)
    expect(p.returncode == 130 and not out.exists(), f"bench interrupted: exit {p.returncode}: {err[-200:]}")
    kept = list((tmp / "home").glob("**/interrupted/bench-*.json"))
    nothing_left(env, "bench")
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    expect(again.returncode == 0 and out.exists(), f"the second start: exit {again.returncode}: {again.stderr[-200:]}")
    if kept:
        expect("going on with round" in again.stderr, f"the second start goes on: {again.stderr[-300:]}")
    rounds = sorted({s["round"] for s in json.loads(out.read_text())["rows"][0]["samples"]}) if out.exists() else []
    expect(len(rounds) >= 3 and rounds == list(range(len(rounds))), f"rounds: {rounds}")
    expect(not list((tmp / "home").glob("**/interrupted/bench-*.json")), "nothing is kept when it is done")


def main():
    with tempfile.TemporaryDirectory(prefix="whet-hostile-") as scratch:
        tmp = pathlib.Path(scratch)
        env = dict(os.environ, WHET_HOME=str(tmp / "home"), NO_COLOR="1", WHET_PLUGINS=str(PLUGINS), WHET_TEST_MARK=f"{os.getpid()}-{SEED}")
        draw_set(tmp / "set", 320, 50)
        trained = subprocess.run([str(WHET), "train", "--model", "lenet", "--data", str(tmp / "set"), "--epochs", "1", "--out", str(tmp / "m"),
                                  "--quiet"], capture_output=True, text=True, env=env, timeout=120)
        expect(trained.returncode == 0, f"training: {trained.stderr[-300:]}")
        model = tmp / "m/model.onnx"
        hostile_rows(tmp, env, model)
        interrupted(tmp, env, model, random.Random(SEED))
        interrupted_bench(tmp, env, model)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
