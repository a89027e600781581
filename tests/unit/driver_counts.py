#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The driver itself: how outputs are counted, and that a fall of the number of executed tests fails. usage: driver_counts.py"""
import os
import pathlib
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOLS))
import run_tests  # noqa: E402

FAILED = []
CMOCKA = "[==========] Running 3 test(s).\nSKIP: ort: missing\n[==========] 3 test(s) run.\n[  PASSED  ] 2 test(s).\n[  SKIPPED ] 1 test(s), listed below:\n"
COUNTS = [  # output, exit code, passed, failed, skipped
    (CMOCKA, 0, 2, 0, 1),
    (CMOCKA.replace("[  PASSED  ] 2", "[  PASSED  ] 1"), 1, 1, 1, 1),
    (CMOCKA, 139, 2, 1, 1),  # died afterwards, as when leaks are found
    ("[==========] Running 3 test(s).\nSegmentation fault\n", 139, 0, 1, 0),
    ("done\n", 0, 1, 0, 0),
    ("broken\n", 1, 0, 1, 0),
    ("SKIP: chromium: no chromium on the path\n", 77, 0, 0, 1),
    ("", 77, 0, 0, 1),
    ("SKIP: shared: x not found\n", 0, 1, 0, 1),  # a part of it was left out
    ("SKIP: shared: x\n7 passed, 0 failed, 1 skipped\n", 0, 7, 0, 1),
    ("7 passed, 2 failed\n", 1, 7, 2, 0),
    ("7 passed, 0 failed\n", 1, 7, 1, 0),
]
TESTS = """add_test(a "sh" "-c" "echo 5 passed, 0 failed")
set_tests_properties(a PROPERTIES LABELS "one")
add_test(b "sh" "-c" "if [ -n \\"$SKIP_B\\" ]; then echo SKIP: ort: not here; exit 77; fi")
set_tests_properties(b PROPERTIES LABELS "two" SKIP_RETURN_CODE "77")
"""


def expect(condition, what):
    if not condition:
        FAILED.append(what)
        print(f"FAIL: {what}; repro: python3 {sys.argv[0]}")


def drive(folder, *args, **env):
    base = {k: v for k, v in os.environ.items() if k not in ("WHET_REQUIRE", "SKIP_B")}
    done = subprocess.run([sys.executable, str(TOOLS / "run_tests.py"), str(folder), "--counts", str(folder / "counts"), *args],
                          capture_output=True, text=True, env={**base, **env}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def main():
    for text, code, *want in COUNTS:
        have = run_tests.count(text, code)
        expect([have["passed"], have["failed"], have["skipped"]] == want, f"{text!r} with exit {code} counts as {have}, wanted {want}")
        expect(bool(have["skips"]) == bool(want[2]), f"reasons of {text!r}: {have['skips']}")
    with tempfile.TemporaryDirectory(prefix="whet-driver-") as name:
        folder = pathlib.Path(name)
        (folder / "CTestTestfile.cmake").write_text(TESTS)
        code, out = drive(folder, "--update-counts")
        expect(code == 0 and "6 passed, 0 failed, 0 skipped" in out, f"two tests that pass: exit {code}: {out}")
        expect((folder / "counts").read_text().splitlines()[1:] == ["one 5", "two 1"], f"counts: {(folder / 'counts').read_text()}")
        code, out = drive(folder, WHET_REQUIRE="shared")
        expect(code == 0, f"the same number of tests: exit {code}: {out}")
        code, out = drive(folder, SKIP_B="1")
        expect(code == 0 and "5 passed, 0 failed, 1 skipped" in out and "ort: not here" in out, f"a skip: exit {code}: {out}")
        code, out = drive(folder, SKIP_B="1", WHET_REQUIRE="shared")
        expect(code == 1 and "group two: 0 tests executed, 1 expected" in out, f"a fall: exit {code}: {out}")
        code, out = drive(folder, "--group", "one", WHET_REQUIRE="shared")
        expect(code == 0, f"one group alone: exit {code}: {out}")
        (folder / "counts").write_text("one 6\n")
        code, out = drive(folder, WHET_REQUIRE="shared")
        expect(code == 1 and "group one: 5 tests executed, 6 expected" in out, f"fewer cases: exit {code}: {out}")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
