#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges who includes whom: a file may include strictly lower levels or its own folder (docs/ARCHITECTURE.md)."""
import pathlib
import re
import sys

LEVELS = {
    "base": 0,
    "wire": 1, "image": 1, "stats": 1, "kernels": 1,
    "tensor": 2, "store": 2,
    "ir": 3, "data": 3,
    "models": 4, "formats": 4, "exec": 4,
    "passes": 5, "eval": 5,
    "train": 6, "backend": 6, "convert": 6,
    "measure": 7,
    "report": 8, "compress": 8,
    "study": 9,
    "api": 10,
}
PUBLIC_FOR_ALL = {"whet/status.h", "whet/progress.h"}
PUBLIC_BY_FOLDER = {"backend": {"whet/sys/"}, "measure": {"whet/sys/"}, "api": {"whet/"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def judge_src(root, faults):
    for path in sorted((root / "src").rglob("*.[ch]")) + sorted((root / "src").rglob("*.def")):
        folder = path.relative_to(root / "src").parts[0]
        if folder not in LEVELS:
            faults.append(f"{path}: folder '{folder}' has no level")
            continue
        for number, target in includes(path):
            where = f"{path.relative_to(root)}:{number}"
            first = target.split("/")[0]
            if first == "whet":
                allowed = PUBLIC_BY_FOLDER.get(folder, set())
                if target not in PUBLIC_FOR_ALL and not any(target.startswith(a) for a in allowed):
                    faults.append(f"{where}: {folder} may not include <{target}>")
            elif "/" not in target:
                faults.append(f"{where}: include '{target}' is not rooted at src/")
            elif first not in LEVELS:
                faults.append(f"{where}: '{first}' has no level")
            elif first != folder and LEVELS[first] >= LEVELS[folder]:
                faults.append(f"{where}: {folder} (L{LEVELS[folder]}) may not include {first} (L{LEVELS[first]})")


def judge_outside(root, faults):
    for path in sorted((root / "cli").glob("*.[ch]")):
        for number, target in includes(path):
            if "/" in target and target.split("/")[0] not in ("whet", "base"):
                faults.append(f"{path.relative_to(root)}:{number}: the program may not include '{target}'")
    for path in sorted((root / "workers").rglob("*.[ch]")):
        for number, target in includes(path):
            if "/" in target and target.split("/")[0] != "base" and target != "wire/hdf5_stream.h":
                faults.append(f"{path.relative_to(root)}:{number}: a worker may include base and wire/hdf5_stream.h, not '{target}'")
    for path in sorted((root / "plugins").rglob("*.[ch]")):
        for number, target in includes(path):
            if "/" in target and not target.startswith("whet/sys/") and target not in PUBLIC_FOR_ALL:
                faults.append(f"{path.relative_to(root)}:{number}: a plug-in may include only whet/sys, not '{target}'")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    faults = []
    judge_src(root, faults)
    judge_outside(root, faults)
    seen = {}
    for path in sorted((root / "src").rglob("*.c")):
        if path.name in seen:
            faults.append(f"{path.relative_to(root)}: same name as {seen[path.name]}")
        seen[path.name] = path.relative_to(root)
        if path.read_text().count("\n") > 900:
            faults.append(f"{path.relative_to(root)}: longer than 900 lines")
    for fault in faults:
        print(fault)
    print(f"{len(seen)} passed, {len(faults)} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
