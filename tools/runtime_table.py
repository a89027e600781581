#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/RUNTIMES.md: each runtime found runs each file of ../shared/interop whose format it claims, and `whet verify`
compares with the outputs that the file's own tool chain stored. Bounds: BOUNDS below.

usage: runtime_table.py WHET [--only TEXT] [--runtime NAME,...] [-o docs/RUNTIMES.md] [--check]
--check: exit 1 if any pair disagrees or is refused. Runtimes that are missing have no column.
"""
import argparse
import ast
import array
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# file name, format as `caps` calls it, bound
FILES = {
    "pytorch": [("legacy.onnx", "onnx", "max=1e-4"), ("dynamo.onnx", "onnx", "max=1e-4"), ("torchscript.pt", "torchscript", "max=1e-4"),
                ("torchscript_frozen.pt", "torchscript", "max=1e-4")],
    "onnx": [("fp16.onnx", "onnx", "max=3e-3"), ("qdq_u8s8.onnx", "onnx", "cosine=0.998"), ("qoperator.onnx", "onnx", "cosine=0.998"),
             ("dynamic.onnx", "onnx", "cosine=0.998")],
    "openvino": [("fp32.xml", "openvino", "max=1e-4"), ("fp16.xml", "openvino", "max=2e-3"), ("int8.xml", "openvino", "cosine=0.998")],
    "keras": [("float32.tflite", "tflite", "max=1e-4"), ("float16.tflite", "tflite", "max=2e-3"), ("dynamic.tflite", "tflite", "max=1e-2"),
              ("int8.tflite", "tflite", "lsb=4"), ("int8_floatio.tflite", "tflite", "max=4e-2"), ("int16x8.tflite", "tflite", "max=2e-2"),
              ("saved_model", "saved_model", "max=1e-4"), ("frozen_graph.pb", "tensorflow", "max=1e-4")],
    "tensorflow1": [("frozen_graph.pb", "tensorflow", "max=1e-4")],
}
# What is known of a pair that fails, and not whet's doing.
KNOWN = {("ort", "onnx/convnext/fp16.onnx"): "; ONNX Runtime's optimisation of 16-bit files is wrong there: with optimisation off it agrees to 1.0e-3"}
HALF = "fp16.onnx"  # its input and output are 16-bit; it is held against the f32 network's output


def load(path):
    """(shape, values) of a f32 .npy."""
    data = pathlib.Path(path).read_bytes()
    n = int.from_bytes(data[8:10], "little")
    head = ast.literal_eval(data[10:10 + n].decode())
    assert data[6] == 1 and head["descr"] == "<f4" and not head["fortran_order"], path
    return head["shape"], array.array("f", data[10 + n:])


def as_half(path, out):
    shape, values = load(path)
    head = "{'descr': '<f2', 'fortran_order': False, 'shape': (%s), }" % "".join(f"{d}, " for d in shape)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    out.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}e", *values))
    return out


def files(shared):
    """(title, file, format, bound, input, expected output)"""
    for tool, kinds in FILES.items():
        for folder in sorted((shared / "interop" / tool).iterdir()):
            for name, kind, bound in kinds:
                path = folder / name
                if not path.exists():
                    continue
                own = folder / (path.stem + "_output.npy")
                given = folder / ("int8_input.npy" if name == "int8.tflite" else "input.npy")
                want = own if own.exists() else folder / "output.npy"
                if name == HALF:
                    want = shared / "interop" / "pytorch" / folder.name / "output.npy"
                yield f"{tool}/{folder.name}/{name}", path, kind, bound, given, want


def call(program, *words):
    p = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=600)
    try:
        return p.returncode, json.loads(p.stdout) if p.stdout.strip() else {}, p.stderr.strip()
    except json.JSONDecodeError:
        return p.returncode, {}, p.stderr.strip() or p.stdout.strip()


def reason_of(text):
    lines = [line for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines else "it said nothing"
    return line.removeprefix("whet: ").removeprefix("error: ").replace(str(ROOT.parent), "..")


def same_reason(text):
    """Reasons that differ in names and numbers only are one."""
    return re.sub(r"[\d.]+|/\S+|'[^']*'|\S*_quantized\S*", "#", text)[:160]


def figure(o, bound):
    if bound.startswith("cosine"):
        return "c %.5f" % o["cosine"] if o.get("cosine") is not None else "-"
    if bound.startswith("lsb"):
        return f"{o['max_abs']:.0f} LSB" if o.get("max_abs") is not None else "-"
    return "%.1e" % o["max"] if o.get("max") is not None else "-"


def try_pair(program, runtime, row, folder):
    """(text of the cell, good, reason)"""
    title, path, _, bound, given, want = row
    if path.name == HALF:
        given, want = as_half(given, folder / "x.npy"), as_half(want, folder / "y.npy")
    code, doc, err = call(program, "verify", path, "--runtime", runtime, "--input", given, "--expect", want, "--accept", bound, "--json", "-q")
    outputs = doc.get("outputs") or []
    if not outputs:
        return "refused", False, reason_of(err)
    worst = min(outputs, key=lambda o: (o["ok"], -(o.get("max") or 0)))
    return figure(worst, bound) + ("" if code == 0 else " ✗"), code == 0, "" if code == 0 else worst.get("why") or "differs"


def page(runtimes, rows, notes, bad):
    heads = ["file", "bound"] + [f"{r['title']} {r['version']}" for r in runtimes]
    out = ["# Runtimes and files", "",
           "Made by `tools/runtime_table.py`: each runtime opens each file of `interop/` whose format it claims (`whet runtimes --json`, `caps`),",
           "runs it on the stored input with all its optimisations and is compared by `whet verify` with the output that the file's own tool",
           "chain stored (16-bit ONNX files: with that of the f32 network). Shown is the largest difference over the largest value, the",
           "cosine (c) or the steps (LSB), whichever the bound is in; a blank: the runtime does not claim the format.", "",
           "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    out += ["| " + " | ".join(cells) + " |" for cells in rows]
    out += ["", f"{sum(1 for r in rows for c in r[2:] if c)} pairs, {bad} refused or over the bound.", ""]
    if notes:
        out += ["## Reasons", ""] + [f"{i + 1}. {text}" for i, text in enumerate(notes)] + [""]
    return "\n".join(out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("whet")
    p.add_argument("--only", default="")
    p.add_argument("--runtime", default="")
    p.add_argument("-o", "--output")
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    shared = pathlib.Path(os.environ.get("WHET_SHARED", ROOT.parent / "shared"))
    if not (shared / "interop").is_dir():
        print("SKIP: shared: interop/ is not there (set WHET_SHARED)")
        return 0
    wanted = [r for r in a.runtime.split(",") if r]
    listed = call(a.whet, "runtimes", "--json", "-q")[1].get("runtimes", [])
    runtimes = [r for r in listed if r["available"] and (not wanted or r["name"] in wanted)]
    for r in listed:
        if not r["available"]:
            print(f"SKIP: {r['name']}: {r['reason']}", flush=True)
    rows, notes, bad = [], [], 0
    with tempfile.TemporaryDirectory(prefix="whet-table-") as folder:
        for row in files(shared):
            if a.only not in row[0]:
                continue
            cells = [f"`{row[0]}`", row[3]]
            for r in runtimes:
                if row[2] not in (r.get("caps") or {}).get("formats", []):
                    cells.append("")
                    continue
                text, good, why = try_pair(a.whet, r["name"], row, pathlib.Path(folder))
                if not good:
                    bad += 1
                    why = why if why.startswith(r["title"]) else f"{r['title']}: {why}"
                    why = re.sub(r"\s+", " ", why)[:400] + KNOWN.get((r["name"], row[0]), "")
                    known = [same_reason(n) for n in notes]
                    if same_reason(why) not in known:
                        notes.append(why)
                        known.append(same_reason(why))
                    text += f" ({known.index(same_reason(why)) + 1})"
                cells.append(text)
            if any(cells[2:]):
                rows.append(cells)
                print(" | ".join(cells), flush=True)
    text = page(runtimes, rows, notes, bad)
    if a.output:
        pathlib.Path(a.output).write_text(text)
    else:
        for i, why in enumerate(notes):
            print(f"{i + 1}. {why}")
    print(f"{len(rows)} files, {len(runtimes)} runtimes, {bad} refused or over the bound")
    return 1 if a.check and (bad or not rows) else 0


sys.exit(main())
