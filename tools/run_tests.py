#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests that CTest knows, two at a time, counts per group, and lists skips with their reasons.

usage: run_tests.py BUILD [--group unit,ops] [--jobs 2] [--counts FILE] [--update-counts] [--exclude GROUP,...]

The number of executed tests per group is compared with tests/expected_counts.txt when WHET_REQUIRE is set: a fall fails.
A program counts by its last "N passed, N failed[, N skipped]" line, else a cmocka program by its tests, else as one:
skipped if it exits with 77, and each "SKIP: " line of one that passes is a part that was left out.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

SKIPPED = 77
KINDS = "passed", "failed", "skipped"
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", re.M)


def listing(build):
    text = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True, text=True).stdout
    for test in json.loads(text)["tests"]:
        props = {p["name"]: p["value"] for p in test.get("properties", [])}
        if "command" not in test:
            continue
        yield {"name": test["name"], "command": test["command"], "group": (props.get("LABELS") or ["other"])[0],
               "cwd": props.get("WORKING_DIRECTORY", "."), "timeout": float(props.get("TIMEOUT", 300)),
               "env": dict(e.split("=", 1) for e in props.get("ENVIRONMENT", [])),
               "serial": bool(props.get("RUN_SERIAL", False))}


def run(test):
    start = time.time()
    process = subprocess.Popen(test["command"], cwd=test["cwd"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env={**os.environ, **test["env"]}, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=test["timeout"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\ntimed out after {test['timeout']:.0f} s\n".encode()
        process.returncode = 124
    text = output.decode("utf-8", "replace")
    return {**test, "code": process.returncode, "output": text, "seconds": time.time() - start, **count(text, process.returncode)}


def count(text, code):
    ran = [int(n) for n in re.findall(r"^\[==========\].*?(\d+) test\(s\) run\.", text, re.M)]
    skips = re.findall(r"^SKIP: (.*)$", text, re.M)
    last = SUMMARY.findall(text)
    if last: # a program that counts its own cases
        passed, failed, skipped = (int(x or 0) for x in last[-1])
        skipped = max(skipped, len(skips))
    elif ran:
        passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test\(s\)\.", text, re.M))
        skipped = sum(int(n) for n in re.findall(r"^\[  SKIPPED \] (\d+) test\(s\)", text, re.M))
        failed = sum(ran) - passed - skipped
    elif code == SKIPPED:
        passed, failed, skipped = 0, 0, max(1, len(skips))
    else:
        passed, failed, skipped = int(code == 0), int(code != 0), len(skips)
    if code not in (0, SKIPPED) and failed <= 0:
        failed = 1
    if skipped and not skips:
        skips = ["no reason was given"]
    return {"passed": passed, "failed": failed, "skipped": skipped, "skips": skips}


def words():
    ap = argparse.ArgumentParser()
    ap.add_argument("build")
    ap.add_argument("--group", default="", help="only these groups, separated by commas")
    ap.add_argument("--exclude", default="", help="all but these")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--counts", default="tests/expected_counts.txt")
    ap.add_argument("--update-counts", action="store_true")
    args = ap.parse_args()
    args.group, args.exclude = (set(filter(None, names.split(","))) for names in (args.group, args.exclude))
    return args


def run_all(tests, jobs, log):
    """Results in the order of their ends; the ones that want the machine for themselves come last."""
    log.mkdir(exist_ok=True)
    done = []

    def note(result):
        done.append(result)
        (log / (result["name"] + ".txt")).write_text(result["output"])
        word = "FAILED" if result["failed"] else "ok    " if result["passed"] else "SKIP  "
        print(f"{word} {result['name']:<44} {result['passed']:4d} passed {result['skipped']:3d} skipped {result['seconds']:6.1f} s", flush=True)
        if result["failed"]:
            print("\n".join("    " + line for line in result["output"].splitlines()[-40:]), flush=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, t) for t in tests if not t["serial"]]):
            note(future.result())
    for test in tests:
        if test["serial"]:
            note(run(test))
    return done


def tally(done):
    """{group: {passed, failed, skipped}}, printed with the reasons of what was skipped."""
    totals = {}
    for r in done:
        g = totals.setdefault(r["group"], dict.fromkeys(KINDS, 0))
        for kind in KINDS:
            g[kind] += r[kind]
    print("\ngroup        passed  failed  skipped")
    for name, g in sorted(totals.items()):
        print(f"{name:<12} {g['passed']:6d}  {g['failed']:6d}  {g['skipped']:7d}")
    reasons = sorted({s for r in done for s in r["skips"]})
    if reasons:
        print("\nskipped because:")
        for reason in reasons:
            print("  " + reason)
    return totals


def fewer_than_expected(counts, executed, asked):
    """A line for each group that was asked for and executed fewer tests than the file says."""
    for line in counts.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        g, n = line.split()
        if asked(g) and executed.get(g, 0) < int(n):
            yield f"group {g}: {executed.get(g, 0)} tests executed, {n} expected (tests/expected_counts.txt)"


def main():
    args = words()
    start = time.time()
    everything = list(listing(args.build))
    unknown = (args.group | args.exclude) - {t["group"] for t in everything}
    asked = lambda g: (not args.group or g in args.group) and g not in args.exclude
    tests = [t for t in everything if asked(t["group"])]
    if unknown or not tests:
        print("no such group: " + ", ".join(sorted(unknown)) if unknown else "no tests found")
        return 1
    done = run_all(tests, args.jobs, pathlib.Path(args.build) / "test-logs")
    totals = tally(done)
    executed = {name: g["passed"] + g["failed"] for name, g in totals.items()}
    counts = pathlib.Path(args.counts)
    bad = [r for r in done if r["failed"]]
    fallen = []
    if args.update_counts:
        counts.write_text("# executed tests per group; a fall fails where WHET_REQUIRE is set\n" +
                          "".join(f"{g} {executed[g]}\n" for g in sorted(executed)))
    elif os.environ.get("WHET_REQUIRE") and counts.exists():
        fallen = list(fewer_than_expected(counts, executed, asked))
    for f in fallen:
        print("FAILED " + f)
    for r in bad:
        print(f"FAILED {r['name']}: again with: {' '.join(r['command'])}")
    passed, failed, skipped = (sum(g[kind] for g in totals.values()) for kind in KINDS)
    print(f"\nfinished in {time.time() - start:.0f} s")
    print(f"{passed} passed, {failed + len(fallen)} failed, {skipped} skipped")
    return 1 if bad or fallen else 0


if __name__ == "__main__":
    sys.exit(main())
