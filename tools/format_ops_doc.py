#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/formats/operators.md: the operators of every format, both ways, from the tables that reader and writer are driven by.

usage: format_ops_doc.py [--check]      (--check: exit code 1 if the page is not what it would write)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMATS = ROOT / "src" / "formats"
PAGE = ROOT / "docs" / "formats" / "operators.md"


def rows(path, macro):
    """Arguments of each MACRO(...) line; quotes are taken off."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    for match in re.finditer(rf"^{macro}\((.*)\)\s*$", text, flags=re.M):
        yield [a.strip().strip('"') for a in re.findall(r'"[^"]*"|[^,]+|(?<=,)(?=,)', match.group(1))]


def mark(function):
    return "no" if function in ("none", "no", "") else "yes"


def own_operators():
    path = ROOT / "src" / "ir" / "ops.def"
    both = list(rows(path, "OP3")) + list(rows(path, "OP"))
    return {r[1]: r[2] for r in both if r[0] == ""}


def onnx(folder):
    own = own_operators()
    for name, since, upgrade in rows(folder / "onnx_ops.def", "O"):
        if name == "Constant":
            yield name, "", "yes", "no", f"{since} on"
        elif name in own:
            yield name, name, "yes", "yes", f"{since} on"
        elif upgrade != "none":
            yield name, "several", "yes", "no", f"{since} on"
    for name, _ in rows(folder / "onnx_microsoft.def", "M"):
        yield f"com.microsoft {name}", "several", "yes", "no", "1"


def openvino(folder):
    for name, first, last, own, read, write in rows(folder / "openvino_ops.def", "O"):
        yield name, own or "several", mark(read), mark(write), f"opset{first} on" if last == "99" else f"opset{first} to {last}"


def tflite(folder):
    for name, _, _, version, own, read, write in rows(folder / "tflite_ops.def", "T"):
        yield name, own or "several", mark(read), mark(write), f"to {version}"
    for own, write, name in rows(folder / "tflite_ops.def", "W"):
        yield name or "several", own, "no", mark(write), ""


def tensorflow(folder):
    for name, own, read, write, _ in rows(folder / "tf_ops.def", "T"):
        yield name, own or "several", mark(read), mark(write), ""


def keras(folder):
    for kind, name, own, read, write, versions in rows(folder / "keras_ops.def", "K"):
        yield f"{kind} {name}", own or "several", mark(read), mark(write), "Keras " + versions.replace(" ", ", ")


def torchscript(folder):
    for row in rows(folder / "torchscript_ops.def", "T"):
        yield "several" if row[0] == "none" else "aten::" + row[0], row[1] or "several", mark(row[2]), mark(row[3]), ""


TABLES = [("onnx", "ONNX", "opset", onnx), ("tflite", "TFLite", "version", tflite), ("openvino", "OpenVINO IR", "opset", openvino),
          ("torchscript", "TorchScript", "", torchscript), ("keras", "Keras", "files of", keras),
          ("tensorflow", "TensorFlow graphs", "", tensorflow)]


def page():
    out = ["# Operators of the formats",
           "",
           "Made by `tools/format_ops_doc.py` from the tables `src/formats/<format>/*_ops.def` that readers and writers are driven by;",
           "a test compares. The graph's operators are ONNX's newest. *several*: read as, or written as, more than one operator.",
           "What stands in no row is refused by name.",
           ""]
    for folder, title, versions, table in TABLES:
        if not (FORMATS / folder).is_dir() or not list((FORMATS / folder).glob("*_ops.def")):
            continue
        lines = list(table(FORMATS / folder))
        both = sum(r[2] == "yes" and r[3] == "yes" for r in lines)
        read, written = sum(r[2] == "yes" for r in lines), sum(r[3] == "yes" for r in lines)
        out += [f"## {title}", "", f"{read} rows are read, {written} written, {both} both.", ""]
        last = f" {versions} |" if versions else ""
        out += [f"| in the file | in the graph | read | written |{last}", "|---|---|---|---|" + ("---|" if versions else "")]
        for name, own, is_read, is_written, when in lines:
            out.append(f"| {name} | {own} | {is_read} | {is_written} |" + (f" {when} |" if versions else ""))
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def main():
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text() == text:
            print("docs/formats/operators.md is up to date")
            return 0
        print("docs/formats/operators.md is not what the tables say: run tools/format_ops_doc.py")
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
