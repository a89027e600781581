#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests/cli/<command>/*.test: command lines with the exit code and texts that they must give.

A file is a list of cases, each in a scratch folder shared by the file:

    # what the case shows
    $ whet inspect missing.onnx
    exit 3
    err: missing.onnx          stderr contains this
    out: accuracy              stdout contains this
    out!: Traceback            stdout does not contain this
    json: rows.0.status = ok   stdout is JSON and the value at that path, as text, is this
    file: out/model.onnx       exists afterwards
    nofile: out/model.onnx     does not exist afterwards
    needs: shared              skipped with a reason without the shared folder (or: a runtime, root, archives)

`{shared}` and `{source}` stand for the folders; a `$` line is given to sh with whet first on PATH.
usage: run_cli.py WHET [COMMAND ...]
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent


def shared():
    place = os.environ.get("WHET_SHARED") or str(SOURCE.parent / "shared")
    return os.path.abspath(place) if os.path.exists(os.path.join(place, "README.md")) else None


def cases(path):
    case = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            case = {"what": line[1:].strip(), "line": number, "checks": [], "needs": []}
        elif line.startswith("$ "):
            if case is None or "command" in case:
                case = {"what": line, "line": number, "checks": [], "needs": []}
            case["command"] = line[2:]
            yield case
        elif line.strip():
            word, _, rest = line.partition(" ") if line.startswith("exit") else line.partition(":")
            if word == "needs":
                case["needs"].append(rest.strip())
            else:
                case["checks"].append((word, rest.strip()))


def lookup(value, path):
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def judge(check, want, code, out, err, folder):
    if check == "exit":
        return None if code == int(want) else f"exit code {code}, wanted {want}"
    if check in ("out", "err"):
        return None if want in (out if check == "out" else err) else f"std{check} does not contain '{want}'"
    if check in ("out!", "err!"):
        return None if want not in (out if check == "out!" else err) else f"std{check[:-1]} contains '{want}'"
    if check == "json":
        path, _, value = (p.strip() for p in want.partition("="))
        try:
            have = lookup(json.loads(out), path)
        except (ValueError, KeyError, IndexError, TypeError) as e:
            return f"no JSON value {path}: {e!r}"
        have = have if isinstance(have, str) else json.dumps(have)
        return None if have == value else f"{path} is '{have}', wanted '{value}'"
    if check in ("file", "nofile"):
        there = (folder / want).exists()
        return None if there == (check == "file") else f"{want} {'exists' if there else 'is missing'}"
    return f"unknown check '{check}'"


def main():
    whet = os.path.abspath(sys.argv[1])
    only = set(sys.argv[2:])
    share = shared()
    required = os.environ.get("WHET_REQUIRE", "").split(",")
    passed = failed = skipped = 0
    have = {"shared": share is not None, "root": os.geteuid() == 0}
    probe = subprocess.run([whet, "runtimes", "--json"], capture_output=True, text=True)
    have |= {r["name"]: r["available"] for r in json.loads(probe.stdout)["runtimes"]}
    with tempfile.NamedTemporaryFile(suffix=".tar", prefix="whet-cli-") as tar:  # the minimal build reads no archives
        probe = subprocess.run([whet, "data", "info", tar.name], capture_output=True, text=True)
        have["archives"] = "minimal build" not in probe.stderr
    for path in sorted(HERE.glob("*/*.test")):
        if only and path.parent.name not in only:
            continue
        with tempfile.TemporaryDirectory(prefix="whet-cli-") as name:
            folder = pathlib.Path(name)
            env = {**os.environ, "PATH": os.path.dirname(whet) + ":" + os.environ["PATH"], "COLUMNS": "80", "NO_COLOR": "1"}
            env["WHET_STORE"] = str(folder / "own.sqlite")  # never the user's
            env["WHET_SHARED"] = share or os.environ.get("WHET_SHARED", "")
            for case in list(cases(path)):
                missing = [n for n in case["needs"] if not have.get(n)]
                if missing:
                    where = f"{path.relative_to(SOURCE)}:{case['line']} {case['what']}"
                    if missing[0] in required:
                        failed += 1
                        print(f"{missing[0]} is required, but is missing: {where}")
                    else:
                        skipped += 1
                        print(f"SKIP: {missing[0]}: {where}")
                    continue
                command = case["command"].replace("{shared}", share or "").replace("{source}", str(SOURCE))
                try:
                    done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                          capture_output=True, timeout=240)
                    code, out, err = done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
                except subprocess.TimeoutExpired:
                    code, out, err = 124, "", "timed out after 240 s"
                faults = [f for f in (judge(c, w, code, out, err, folder) for c, w in case["checks"]) if f]
                if not any(c == "exit" for c, _ in case["checks"]):
                    faults.append("the case states no exit code")
                if not faults:
                    passed += 1
                    continue
                failed += 1
                print(f"{path.relative_to(SOURCE)}:{case['line']}: {case['what']}\n  $ {command}")
                for fault in faults:
                    print(f"  {fault}")
                print("  stdout: " + out[-1500:].replace("\n", "\n          "))
                print("  stderr: " + err[-1500:].replace("\n", "\n          "))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
