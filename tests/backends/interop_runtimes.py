#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each file of ../shared/interop on each runtime that claims its format: `whet verify FILE --runtime R --input X --expect Y` with
the bound that the file's kind has (BOUNDS), and damaged copies of some, which must be refused without taking the caller along.

usage: interop_runtimes.py WHET [--runtime NAME ...] [--all] [--markdown FILE]
Without --all one small network a kind of file is tried. --markdown writes the table of runtime x file. Exit 77: nothing to do.
Without --runtime those of DEFAULT that are installed: TensorFlow's library is so large that it is only loaded when named.
"""
import argparse
import ast
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("WHET_SHARED", ROOT.parent / "shared")) / "interop"
DEFAULT = ["native", "ort", "openvino", "litert", "libtorch"]
FORMATS = {".onnx": "onnx", ".xml": "openvino", ".tflite": "tflite", ".pt": "torchscript", ".pb": "tensorflow", ".keras": "keras",
           ".h5": "keras_h5", "": "saved_model"}
# Files of one kind: pattern, what it is compared with, bound; the network that stands for all of them without --all.
BOUNDS = [
    ("pytorch/*/legacy.onnx", "output.npy", "max=1e-4", "mobilenetv2"),
    ("pytorch/*/dynamo.onnx", "output.npy", "max=1e-4", "resnet"),
    ("pytorch/*/torchscript.pt", "output.npy", "max=1e-4", "resnet"),
    ("pytorch/*/torchscript_frozen.pt", "output.npy", "max=1e-4", "resnet"),
    ("onnx/*/fp16.onnx", "../../pytorch/{net}/output.npy", "max=3e-3", "mobilenetv2"),
    ("onnx/*/qdq_u8s8.onnx", "qdq_u8s8_output.npy", "cosine=0.998", "mobilenetv2"),
    ("onnx/*/qoperator.onnx", "qoperator_output.npy", "cosine=0.998", "resnet"),
    ("onnx/*/dynamic.onnx", "dynamic_output.npy", "max=1e-3", "resnet"),
    ("openvino/*/fp32.xml", "fp32_output.npy", "max=1e-4", "unet"),
    ("openvino/*/fp16.xml", "fp16_output.npy", "max=2e-3", "resnet"),
    ("openvino/*/int8.xml", "int8_output.npy", "cosine=0.998", "mobilenetv2"),
    ("keras/*/float32.tflite", "float32_output.npy", "max=1e-4", "mobilenet"),
    ("keras/*/float16.tflite", "float16_output.npy", "max=2e-3", "convnet"),
    ("keras/*/dynamic.tflite", "dynamic_output.npy", "max=1e-2", "convnet"),
    ("keras/*/int8.tflite", "int8_output.npy", "lsb=4", "mobilenet"),
    ("keras/*/int8_floatio.tflite", "int8_floatio_output.npy", "max=4e-2", "convnet"),
    ("keras/*/int16x8.tflite", "int16x8_output.npy", "max=2e-2", "convnet"),
    ("keras/*/saved_model", "output.npy", "max=1e-4", "convnet"),
    ("keras/*/frozen_graph.pb", "output.npy", "max=1e-4", "convnet"),
    ("keras/*/model.keras", "output.npy", "max=1e-4", "convnet"),
    ("keras/*/model.h5", "output.npy", "max=1e-4", "convnet"),
    ("tensorflow1/deeplab/frozen_graph.pb", "output.npy", "max=1e-4", "deeplab"),
]
# What a runtime does not take: refused with a reason, which is what is tested then.
REFUSED = [("openvino", "onnx/*/qoperator.onnx")]  # its reader wants a zero point of the rank of the scale
# Where a runtime's own arithmetic asks for a wider bound: one step of the range found while running is 4e-3 of it.
WIDER = [("openvino", "onnx/deeplab/dynamic.onnx", "max=4e-3")]
# Where a runtime computes something else, and not whet's doing: said below the table.
WRONG = [("ort", "onnx/convnext/fp16.onnx", "; its optimisation of 16-bit files is wrong there, with optimisation off it agrees to 1.0e-3")]


def gist(reason):
    """Reasons that differ in names and numbers only are one."""
    return re.sub(r"[\d.]+|/\S+|'[^']*'|\S*_quantized\S*", "#", reason)[:160]


def half(path, out):
    """A copy of a float .npy in half precision, by the standard library alone."""
    data = path.read_bytes()
    n = int.from_bytes(data[8:10], "little")
    head = ast.literal_eval(data[10:10 + n].decode())
    assert head["descr"] == "<f4" and not head["fortran_order"], head
    values = struct.unpack(f"<{(len(data) - 10 - n) // 4}f", data[10 + n:])
    text = "{'descr': '<f2', 'fortran_order': False, 'shape': %s, }" % (head["shape"],)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    out.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + struct.pack(f"<{len(values)}e", *values))
    return out


def cases(everything):
    for pattern, expect, accept, small in BOUNDS:
        for path in sorted(SHARED.glob(pattern)):
            if everything or path.parent.name == small:
                yield path, path.parent / expect.format(net=path.parent.name), accept


def expected(path, expect, scratch):
    return half(expect, scratch / f"{path.parent.name}_expected.npy") if path.name == "fp16.onnx" else expect


def input_of(path, scratch):
    where = path.parent
    if path.name == "int8.tflite":
        return where / "int8_input.npy"
    if path.name == "fp16.onnx":
        return half(where / "input.npy", scratch / f"{where.name}.npy")
    return where / "input.npy"


def call(whet, *args, seconds=180):
    done = subprocess.run([str(whet), *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds)
    try:
        doc = json.loads(done.stdout)
    except json.JSONDecodeError:
        doc = {}
    return done.returncode, doc, done.stderr.strip().split("\n")[-1]


def verify(whet, runtime, path, expect, accept, scratch):
    """(verdict, text of the cell, whole reason)"""
    args = ["verify", path, "--runtime", runtime, "--input", input_of(path, scratch), "--expect", expected(path, expect, scratch), "--accept", accept, "--json"]
    code, doc, said = call(whet, *args)
    if code not in (0, 1) or not doc.get("outputs"):
        return "refused", "refused", said
    o = {k: float("nan") if v is None else v for k, v in doc["outputs"][0].items()}
    figure = f"cos {o['cosine']:.4f}" if accept.startswith("cosine") else "1 LSB" if accept.startswith("lsb") and o["max_abs"] <= 1 else \
        f"{o['max_abs']:.0f} LSB" if accept.startswith("lsb") else f"{o['max']:.1e}"
    return ("ok" if code == 0 else "differs"), figure, o.get("why", "")


def damaged(whet, runtime, path, expect, accept, scratch):
    """Copies cut short and overwritten: an error that says why, or (where the damage does no harm) an answer."""
    bad = []
    data = path.read_bytes()
    for name, content in (("empty", b""), ("cut", data[:len(data) // 2]), ("noise", data[:len(data) // 3] + b"\xff" * (len(data) // 3))):
        broken = scratch / f"{name}{path.suffix}"
        broken.write_bytes(content)
        weights = path.with_suffix(".bin")
        if path.suffix == ".xml" and weights.exists():
            (scratch / f"{name}.bin").write_bytes(weights.read_bytes())
        code, _, said = call(whet, "verify", broken, "--runtime", runtime, "--input", input_of(path, scratch), "--expect", expected(path, expect, scratch), "--accept", accept)
        if code not in (0, 1, 2, 3) or (code > 1 and not said):
            bad.append(f"{name} {path.name}: exit {code}, '{said}'")
    return bad


def table(runtimes, rows, notes, versions, out):
    lines = ["| file | bound | " + " | ".join(f"{versions[r][0]} {versions[r][1]}" for r in runtimes) + " |", "|---|---|" + "---|" * len(runtimes)]
    for path, accept, cells in rows:
        lines.append(f"| {path.relative_to(SHARED)} | {accept} | " + " | ".join(cells.get(r, "") for r in runtimes) + " |")
    lines += [""] + [f"{i}. {n}" for i, n in enumerate(notes, 1)]
    text = "\n".join(lines) + "\n"
    if out == "-":
        print(text)
        return
    begin, end = "<!-- table: begin -->\n", "<!-- table: end -->\n"
    page = pathlib.Path(out)
    old = page.read_text() if page.exists() else begin + end
    page.write_text(old[:old.index(begin) + len(begin)] + text + old[old.index(end):])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("whet", type=pathlib.Path)
    ap.add_argument("--runtime", action="append")
    ap.add_argument("--all", action="store_true")
    ap.add_argument("--markdown")
    a = ap.parse_args()
    whet = a.whet.resolve()
    if not SHARED.exists():
        print(f"SKIP: no {SHARED}")
        return 77
    _, doc, said = call(whet, "runtimes", "--json")
    known = {r["name"]: r for r in doc.get("runtimes", [])}
    assert known, said
    asked, used, required = a.runtime or DEFAULT, [], os.environ.get("WHET_REQUIRE", "").split(",")
    for name in asked:
        r = known.get(name, {"available": False, "reason": "there is no such plug-in"})
        if r["available"]:
            used.append(name)
        else:
            print(f"SKIP: {name}: {r['reason']}")
    rows, notes, failures, count = [], [], [f"{n} is required, but not there" for n in required if n in asked and n not in used], 0
    if not used and not failures:
        return 77
    with tempfile.TemporaryDirectory() as tmp:
        scratch = pathlib.Path(tmp)
        tried_damage = set()
        for path, expect, accept in cases(a.all):
            kind, cells = FORMATS[path.suffix], {}
            for name in used:
                if kind not in known[name].get("caps", {}).get("formats", []):
                    continue
                bound = next((w[2] for w in WIDER if w[0] == name and path.match(w[1])), accept)
                verdict, cell, why = verify(whet, name, path, expect, bound, scratch)
                cell += f" ({bound})" if bound != accept else ""
                if "need the program whet-h5" in why:
                    continue
                count += 1
                refusal = next((r for r in REFUSED if r[0] == name and path.match(r[1])), None)
                print(f"{name:10} {str(path.relative_to(SHARED)):36} {accept:13} {verdict:8} {cell} {why}", flush=True)
                wrong = next((w[2] for w in WRONG if w[0] == name and path.match(w[1])), "")
                if verdict == "ok" if refusal or wrong else verdict != "ok":
                    failures.append(f"{name} {path}: {verdict} {cell} {why}; repro: whet verify {path} --runtime {name} --input {input_of(path, scratch)}"
                                    f" --expect {expect} --accept {accept}")
                if verdict != "ok":
                    reason = re.sub(r"\s+", " ", why.replace(str(SHARED) + "/", "").replace("whet: ", ""))[:400]
                    reason = (reason if reason.startswith(known[name]["title"]) else f"{known[name]['title']}: {reason}") + wrong
                    if gist(reason) not in [gist(n) for n in notes]:
                        notes.append(reason)
                    cell += f" ({[gist(n) for n in notes].index(gist(reason)) + 1})"
                cells[name] = cell
                if path.is_file() and (name, kind) not in tried_damage and name != "native":
                    tried_damage.add((name, kind))
                    failures += [f"{name}: {b}" for b in damaged(whet, name, path, expect, accept, scratch)]
            rows.append((path, accept, cells))
    if a.markdown:
        table(used, rows, notes, {n: (known[n]["title"], known[n]["version"]) for n in used}, a.markdown)
    for f in failures:
        print("FAIL:", f)
    print(f"{count} files run, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
