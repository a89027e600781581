#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes or checks the first code block of docs/cli/<command>.md: the output of `whet <command> --help`.

usage: update_cli_docs.py WHET [--check]
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```text\n(.*?)```", re.S)


def help_of(whet, *args):
    return subprocess.run([whet, *args], capture_output=True, text=True, check=True, env={"COLUMNS": "80"}).stdout


def main():
    whet, check = sys.argv[1], "--check" in sys.argv[2:]
    names = re.findall(r"^  ([a-z-]+) ", help_of(whet, "help"), re.M)
    passed = failed = 0
    for name in names:
        page = ROOT / "docs" / "cli" / f"{name}.md"
        block = "```text\n" + help_of(whet, name, "--help") + "```"
        text = page.read_text() if page.exists() else f"# whet {name}\n\n{block}\n"
        match = BLOCK.search(text)
        wide = [line for line in block.splitlines() if len(line) > 80]
        if wide:
            print(f"whet {name} --help: a line of {len(wide[0])} columns: {wide[0]}")
            failed += 1
        new = text.replace(match.group(0), block) if match else text + "\n" + block + "\n"
        if not check:
            page.write_text(new)
        elif not page.exists() or new != text:
            print(f"docs/cli/{name}.md does not show `whet {name} --help`: run tools/update_cli_docs.py {whet}")
            failed += 1
            continue
        passed += 1
    if check:
        for page in sorted((ROOT / "docs" / "cli").glob("*.md")):
            if page.stem not in names:
                print(f"docs/cli/{page.name}: there is no such command")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
