#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every option of ours in docs/coming-from/*.md is one that the named command has, and every command is one.
usage: coming_from.py WHET
"""
import pathlib
import re
import subprocess
import sys

WHET, DOCS = sys.argv[1], pathlib.Path(__file__).resolve().parents[2] / "docs" / "coming-from"
HELP = {}


def options(command):
    if command not in HELP:
        done = subprocess.run([WHET, command, "--help"], capture_output=True, text=True, timeout=60)
        HELP[command] = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)\b", done.stdout)) if done.returncode == 0 else None
    return HELP[command]


def wrong(cell, default):
    """Options in a cell of our column: those of the command in the same code span, else those of `whet bench`."""
    for span in re.findall(r"`([^`]+)`", cell):
        found = re.match(r"whet (\w+)", span)
        command = found.group(1) if found else default
        if options(command) is None:
            yield f"there is no command '{command}'"
            continue
        for option in re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", re.sub(r"exec:'[^']*'", "", span)):
            if option not in options(command):
                yield f"whet {command} has no option {option}"
        default = command if found else default


def main():
    checked, failed = 0, 0
    for path in sorted(DOCS.glob("*.md")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            cells = re.split(r"(?<!\\)\|", line)
            if len(cells) < 4 or set(line) <= set("|-"):
                continue
            checked += 1
            for what in wrong(cells[2], "bench"):
                failed += 1
                print(f"FAIL: {path.name}:{number}: {what}\nrepro: python3 {sys.argv[0]} {WHET}")
    print(f"{checked - failed} passed, {failed} failed")
    return 1 if failed or checked < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
