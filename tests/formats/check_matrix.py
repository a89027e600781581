# SPDX-License-Identifier: Apache-2.0
"""Extended: the same network in every format that can hold it, run by the program that each format was written for.

Sources: the files of ../shared/interop. Each is run by whet itself, written in each format by `whet convert`, and that file run by
its own runtime and (read again) by whet: both against the source's output. What a cell shows and its bound: judge(). A cell that says "refused" has its reason below the table.

usage: check_matrix.py WHET [--only TEXT]
WHET_PYTHON: a Python with onnxruntime, openvino, ai-edge-litert, torch; WHET_PYTHON_TF: one with tensorflow and keras (else the same).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

BOUND = 1e-4
HERE = pathlib.Path(__file__).resolve().parent
FORMATS = [("onnx", ".onnx", "ort"), ("openvino", ".xml", "openvino"), ("tflite", ".tflite", "litert"), ("torchscript", ".pt", "torch"),
           ("tensorflow", ".pb", "tensorflow"), ("saved_model", "_saved", "tensorflow"), ("keras", ".keras", "keras"), ("keras_h5", ".h5", "keras")]


class Runtime:
    """One process a runtime, started with the first file."""

    def __init__(self, name):
        tf = name in ("tensorflow", "keras")
        python = (tf and os.environ.get("WHET_PYTHON_TF")) or os.environ.get("WHET_PYTHON") or sys.executable
        self.name = name
        self.p = subprocess.Popen([python, str(HERE / "run_file.py"), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)

    def run(self, model, inputs, prefix):
        try:
            self.p.stdin.write(json.dumps({"model": str(model), "inputs": [str(i) for i in inputs], "outputs": str(prefix)}) + "\n")
            self.p.stdin.flush()
            line = self.p.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": f"{self.name} is not there or crashed"}


def load(path):
    """(shape, dtype text, values as floats) of a .npy by the standard library alone."""
    import ast
    import array
    with open(path, "rb") as f:
        data = f.read()
    n = int.from_bytes(data[8:10], "little") if data[6] == 1 else int.from_bytes(data[8:12], "little")
    at = 10 if data[6] == 1 else 12
    head = ast.literal_eval(data[at:at + n].decode())
    code = {"f4": "f", "f8": "d", "i1": "b", "u1": "B", "i4": "i", "i8": "q", "i2": "h"}[head["descr"][1:]]
    values = array.array(code)
    values.frombytes(data[at + n:])
    return head["shape"], head["descr"][1:], values, head["fortran_order"]


def save(path, shape, descr, values):
    head = "{'descr': '<%s', 'fortran_order': False, 'shape': (%s), }" % (descr, "".join(f"{d}, " for d in shape))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + values.tobytes())


def moved(path, out, perm):
    """The file with its axes permuted (rank 4), as another layout wants it."""
    import array
    shape, descr, v, _ = load(path)
    to = [shape[p] for p in perm]
    strides = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1]
    s = [strides[p] for p in perm]
    y = array.array(v.typecode, (v[a * s[0] + b * s[1] + c * s[2] + d * s[3]] for a in range(to[0]) for b in range(to[1])
                                 for c in range(to[2]) for d in range(to[3])))
    save(out, to, descr, y)
    return out


def aligned(a, b):
    """Values of two files, the second perhaps in the other layout; None if the shapes do not fit."""
    sa, kind, va, _ = load(a)
    sb, _, vb, fortran = load(b)
    if fortran:
        return None
    if tuple(sa) != tuple(sb):
        if len(sa) != 4 or len(sb) != 4:
            return None
        for perm in ((0, 2, 3, 1), (0, 3, 1, 2)):
            if tuple(sa[p] for p in perm) == tuple(sb):
                return aligned(moved(a, str(b) + ".moved.npy", perm), b)
        return None
    return kind, va, vb


def judge(quantised, a, b):
    """What a cell shows, and whether it is within the bound: the largest difference over the largest value (1e-4); of quantised
    networks with float results the cosine (0.998), with integer ones the steps: one in 98 % of the values, never over four."""
    both = aligned(a, b)
    if both is None:
        return "shape", False
    kind, va, vb = both
    if kind[0] in "iu":
        steps = [abs(x - y) for x, y in zip(va, vb)]
        over = sum(d > 1 for d in steps)
        return f"{max(steps)} LSB", max(steps) <= 4 and (over <= 0.02 * len(steps) or (len(steps) < 50 and over <= 1))
    if quantised:
        dot, na, nb = (sum(x * y for x, y in zip(p, q)) for p, q in ((va, vb), (va, va), (vb, vb)))
        cosine = dot / ((na * nb) ** 0.5 or 1.0)
        return f"c{cosine:.5f}"[:8], cosine >= 0.998
    top = max((abs(x) for x in va), default=0.0) or 1.0
    d = max((abs(x - y) if x == x and y == y else float("inf") for x, y in zip(va, vb)), default=0.0) / top
    return f"{d:.0e}", d <= BOUND


def whet(program, *words):
    p = subprocess.run([program, *[str(w) for w in words]], capture_output=True, text=True)
    if p.returncode:
        lines = [line for line in (p.stderr or p.stdout).strip().splitlines() if line.strip()]
        return (lines[0] if lines else f"exit {p.returncode}").removeprefix("whet: ").removeprefix("error: ")
    return None


def input_shape(program, model):
    p = subprocess.run([program, "inspect", str(model), "--json"], capture_output=True, text=True)
    return json.loads(p.stdout)["inputs"] if p.returncode == 0 else []


def sources(shared):
    """(title, file, its input or None, quantised)"""
    interop = shared / "interop"
    lists = [("pytorch", ["legacy.onnx", "dynamo.onnx", "torchscript.pt"], ""),
             ("keras", ["model.keras", "model.h5", "float32.tflite", "float16.tflite"], ""), ("keras", ["frozen_graph.pb", "saved_model"], ""),
             ("openvino", ["fp32.xml", "fp16.xml"], ""), ("onnx", ["qdq_u8s8.onnx", "qoperator.onnx"], "q"),
             ("keras", ["int8.tflite", "int8_floatio.tflite"], "q"), ("openvino", ["int8.xml"], "q")]
    for tool, kinds, quantised in lists:
        for d in sorted((interop / tool).iterdir()):
            for kind in kinds:
                given = d / ("int8_input.npy" if kind == "int8.tflite" else "input.npy")
                if (d / kind).exists():
                    yield f"{tool}/{d.name}/{kind}", d / kind, given, bool(quantised)
    yield "tensorflow1/deeplab", interop / "tensorflow1" / "deeplab" / "frozen_graph.pb", interop / "tensorflow1" / "deeplab" / "input.npy", False


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("whet")
    p.add_argument("--only", default="")
    a = p.parse_args()
    shared = pathlib.Path(os.environ.get("WHET_SHARED", HERE.parent.parent.parent / "shared")).resolve()
    runtimes, rows, reasons, failed = {}, [], [], 0
    print(f"{'(whet / the own runtime of the format)':34}" + " ".join(f"{n:>17}" for n, _, _ in FORMATS))
    with tempfile.TemporaryDirectory(prefix="whet-matrix-") as folder:
        folder = pathlib.Path(folder)
        for title, source, given, quantised in sources(shared):
            if a.only not in title:
                continue
            row = [title]
            rows.append(row)
            want = folder / "want.npy"
            error = whet(a.whet, "run", source, given, "-o", want)
            if error:
                reasons.append(f"{title}: {error}")
                row += ["refused"]
                continue
            shape = load(given)[0]
            for name, ext, runtime in FORMATS:
                out = folder / ("x" + ext)
                error = whet(a.whet, "convert", source, "-o", out, "--to", name)
                if error:
                    row.append("refused")
                    reasons.append(f"{title} -> {name}: {error}")
                    continue
                inside = [i["shape"] for i in input_shape(a.whet, out)][:1]
                x = given
                if len(shape) == 4 and inside:
                    dims = inside[0].split("x")
                    for perm in ((0, 2, 3, 1), (0, 3, 1, 2)):
                        fits = lambda order: all(not d.isdigit() or int(d) == shape[o] for d, o in zip(dims, order))
                        if not fits((0, 1, 2, 3)) and fits(perm):
                            x = moved(given, folder / "moved.npy", perm)
                            break
                again = folder / "again.npy"
                error = whet(a.whet, "run", out, x, "-o", again)
                if runtime not in runtimes:
                    runtimes[runtime] = Runtime(runtime)
                answer = runtimes[runtime].run(out, [x], folder / "peer")
                cell = []
                for who, e, y in (("whet", error, again), (runtime, answer.get("error"), answer.get("outputs", [None])[0])):
                    text, good = ("-", False) if e else judge(quantised, want, y)
                    failed += not good
                    if not good:
                        reasons.append(f"{title} -> {name} on {who}: " + (e or f"differs: {text}"))
                    cell.append(text)
                row.append("/".join(cell))
            print(f"{title:34}" + " ".join(f"{c:>17}" for c in row[1:]), flush=True)
    groups = {}
    for line in reasons:  # the same reason once, with whom it meets
        who, _, why = line.partition(": ")
        groups.setdefault(why, []).append(who)
    for why, who in groups.items():
        print(f"{why}\n    " + ", ".join(who))
    print(f"{len(rows)} networks, {failed} failed")
    return 1 if failed or not rows else 0


sys.exit(main())
