# SPDX-License-Identifier: Apache-2.0
"""whet from Python: one file, the standard library alone. Every call runs the program `whet` and gives its result document.

    import whet
    r = whet.bench("model.onnx", runtime=["native", "ort"], quick=True)
    r.ok, r.summary, r.rows[0]["latency"]["p50"]
    r.table()                    # a pandas DataFrame if pandas is there, else a list of dicts
    y = whet.run("model.onnx", x)            # NumPy in, NumPy out
    whet.verify("model.onnx", inputs=x, expect=y, accept="max=1e-4").ok
    whet.study("study.yaml", set={"threads": 1})
    whet.compare("latest~1", "latest", gate={"speed": "5%"}).ok
    whet.results().table()

Keyword arguments are the program's options with underscores: min_time=0.5 is --min-time 0.5, quick=True is --quick, a list is
joined by commas, a dict becomes KEY=VALUE for each (`set`) or a list of them (`gate`). A failed gate is `r.ok == False`; a wrong
call, a missing file or a failed run raises WhetError. In a notebook a result draws itself.

The program is whet.program, else $WHET_PROGRAM, else build/whet of the source tree or bin/whet of the prefix that this file lies in,
else `whet` on the PATH.
"""
import array
import ast
import html
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy
except ImportError:  # nested lists take its place
    numpy = None

__all__ = ["WhetError", "Result", "study", "bench", "verify", "results", "compare", "run", "evaluate", "command", "load_npy", "save_npy"]
program = None


class WhetError(RuntimeError):
    """The program could not do what was asked. `code` is its exit code: 2 a wrong option or value, 3 a missing or damaged file or
    a failed run, 130 interrupted. `result` is the document that it printed all the same, or None."""

    def __init__(self, message, code, result=None):
        super().__init__(message)
        self.code = code
        self.result = result


# --- the program
def _find_program():
    above = pathlib.Path(__file__).resolve().parents
    for path in (program, os.environ.get("WHET_PROGRAM"), above[1] / "build" / "whet", *(p / "bin" / "whet" for p in above[1:4]), shutil.which("whet")):
        if path and os.access(path, os.X_OK) and not os.path.isdir(path):
            return str(path)
    raise WhetError("the program 'whet' was not found: build it, put it on the PATH, or set whet.program or $WHET_PROGRAM", 3)


_REPEATED = {"set", "input", "expect", "out"}  # options that are given once per value


def _text(value):
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _options(options):
    """min_time=0.5, quick=True, runtime=["native", "ort"], set={"threads": 1} -> arguments."""
    words = []
    for name, value in options.items():
        name = name.rstrip("_")
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(flag)
            continue
        if isinstance(value, dict):
            value = [f"{k}={_text(v)}" for k, v in value.items()]
        if isinstance(value, (list, tuple)):
            value = [_text(v) for v in value]
            value = value if name in _REPEATED else [",".join(value)]
        else:
            value = [_text(value)]
        for v in value:
            words += [f"{flag}={v}"]
    return words


def _call(words, verbose):
    """stdout, stderr, exit code. An interrupt is passed on, so that the program can save its state."""
    child = subprocess.Popen([_find_program(), *words], stdout=subprocess.PIPE, stderr=None if verbose else subprocess.PIPE,
                             stdin=subprocess.DEVNULL, text=True, encoding="utf-8", errors="replace")
    try:
        out, err = child.communicate()
    except BaseException:
        child.send_signal(signal.SIGINT)
        try:
            child.communicate(timeout=60)
        except BaseException:
            child.kill()
            child.wait()
        raise
    return out, err or "", child.returncode


def _message(err, code):
    lines = [line for line in err.splitlines() if line.strip() and not line.startswith("warning: ")]
    said = [line for line in lines if line.startswith("whet")]
    return (said or lines or [f"whet ended with exit code {code}"])[-1].strip()


def command(name, *args, verbose=False, **options):
    """Any command of the program: command("inspect", "model.onnx") -> Result. verbose shows its talk on stderr."""
    words = [name, "--json", *([] if verbose else ["--quiet"]), *_options(options), "--", *(_text(a) for a in args)]
    out, err, code = _call(words, verbose)
    for line in err.splitlines():
        if line.startswith("warning: "):
            warnings.warn(line[9:], stacklevel=3)
    document = None
    if out.strip():
        try:
            document = json.loads(out)
        except ValueError as e:
            raise WhetError(f"whet {name} printed no JSON: {e}", 3) from None
    if code not in (0, 1) or document is None:
        raise WhetError(_message(err, code), code, Result(document, code) if document else None)
    return Result(document, code)


# --- results
def _summary(document):
    """Of documents that have none of their own."""
    if document.get("kind") == "verify":
        worst = max((o.get("max") or 0 for o in document.get("outputs", [])), default=0)
        sides = [f"{s.get('model')} on {s.get('title') or s.get('runtime')}" for s in (document.get("a") or {}, document.get("b") or {}) if s]
        return f"{' and '.join(sides)} {'agree' if document.get('ok') else 'do not agree'}: largest difference {worst:.2g} of the largest output"
    if document.get("kind") == "eval" and document.get("top1"):
        top1 = document["top1"]
        return (f"top-1 {100 * top1['value']:.2f} % ({100 * top1['low']:.2f} to {100 * top1['high']:.2f}) of {document.get('n')} pictures "
                f"of {document.get('data')}, {document.get('split')}")
    return ""


class Result:
    """A result document. Behaves like the dict that it is: r["rows"], "rows" in r, r.get("summary")."""

    def __init__(self, document, code=0):
        self.document = document
        self.code = code

    ok = property(lambda self: self.code == 0, doc="no gate failed: parity, baseline, bounds, failed rows")
    kind = property(lambda self: self.document.get("kind", ""))
    rows = property(lambda self: self.document.get("rows", self.document.get("runs", [])))
    summary = property(lambda self: self.document.get("summary") or _summary(self.document), doc="one sentence; \"\" if there is none")

    def __getitem__(self, key):
        return self.document[key]

    def __contains__(self, key):
        return key in self.document

    def get(self, key, default=None):
        return self.document.get(key, default)

    def __repr__(self):
        return f"<whet {self.kind}: {len(self.rows)} rows{'' if self.ok else ', NOT OK'}{': ' + self.summary if self.summary else ''}>"

    def save(self, path):
        """Writes the document; the file can be given wherever the program takes a result."""
        text = json.dumps(self.document, indent=2, ensure_ascii=False)
        pathlib.Path(path).write_text(text + "\n", encoding="utf-8")

    def flat(self):
        """A flat dict for each row: the columns of the report."""
        return [_flat(row, self.kind) for row in self.rows]

    def table(self):
        """A pandas DataFrame if pandas is there, else flat()."""
        try:
            import pandas
        except ImportError:
            return self.flat()
        return pandas.DataFrame(self.flat())

    def samples(self, row=0):
        """All timed samples of a row, in milliseconds and in order."""
        row = self.rows[row] if isinstance(row, int) else next(r for r in self.rows if r.get("id") == row)
        ms = [ns / 1e6 for block in row.get("samples", []) for ns in block["ns"]]
        return ms if numpy is None else numpy.array(ms)

    def svg(self):
        """The picture of a notebook: medians with their intervals, or ratios with theirs."""
        return _svg(self)

    def _repr_html_(self):
        return _html(self)


def _at(o, *path):
    for key in path:
        o = o.get(key) if isinstance(o, dict) else None
    return o


_COLUMNS = [  # name, path, factor
    ("id", ["id"], 1), ("model", ["model"], 1), ("runtime", ["runtime"], 1), ("runtime_version", ["runtime_version"], 1),
    ("precision", ["precision"], 1), ("batch", ["batch"], 1), ("threads", ["threads"], 1), ("status", ["status"], 1),
    ("size_mb", ["size_bytes"], 1e-6), ("params", ["params"], 1), ("macs", ["macs"], 1), ("accuracy", ["accuracy", "value"], 1),
    ("accuracy_low", ["accuracy", "low"], 1), ("accuracy_high", ["accuracy", "high"], 1), ("parity", ["parity", "ok"], 1),
    ("load_ms", ["load_ms"], 1), ("first_ms", ["first_ms"], 1), ("p50_ms", ["latency", "p50"], 1), ("p50_low_ms", ["latency", "p50_low"], 1),
    ("p50_high_ms", ["latency", "p50_high"], 1), ("p90_ms", ["latency", "p90"], 1), ("p99_ms", ["latency", "p99"], 1),
    ("cv", ["latency", "cv"], 1), ("img_per_s", ["img_per_s"], 1), ("memory_mb", ["memory", "delta_bytes"], 1e-6),
    ("j_per_img", ["j_per_img"], 1), ("verdict", ["verdict"], 1),
]
_FIGURES = ("speed", "accuracy", "size", "memory")


def _flat(row, kind):
    if kind == "compare":
        flat = {"row": row.get("label")}
        for name in _FIGURES:
            figure = row.get(name) or {}
            flat[name] = figure.get("difference" if name == "accuracy" else "ratio")
            flat[name + "_verdict"] = figure.get("verdict")
        return flat
    if kind not in ("bench", "study"):
        return {k: v for k, v in row.items() if not isinstance(v, (dict, list))} | ({"tags": ",".join(row["tags"])} if "tags" in row else {})
    flat = {}
    for name, path, factor in _COLUMNS:
        value = _at(row, *path)
        flat[name] = value * factor if factor != 1 and value is not None else value
    for key, value in (row.get("axes") or {}).items():
        flat.setdefault(key, value)
    return flat


# --- drawing
_STYLE = ("<style>.whet td,.whet th{text-align:right;padding:1px 8px}.whet td:first-child,.whet th:first-child{text-align:left}"
          ".whet .bad{color:#b3261e}.whet svg{max-width:640px}</style>")


def _number(value):
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


_SHOWN = {"bench": ["model", "runtime", "precision", "batch", "threads", "size_mb", "accuracy", "parity", "p50_ms", "p90_ms", "img_per_s", "memory_mb", "status", "verdict"]}
_SHOWN["study"] = _SHOWN["bench"]


def _html(result):
    flat = result.flat()
    names = [n for n in (_SHOWN.get(result.kind) or list(dict.fromkeys(k for row in flat for k in row))) if any(row.get(n) is not None for row in flat)]
    parts = [_STYLE, '<div class="whet">']
    if flat:
        head = "".join(f"<th>{html.escape(n.replace('_', ' '))}</th>" for n in names)
        lines = []
        for row in flat:
            bad = row.get("status", "ok") != "ok" or "worse" in [row.get(f + "_verdict") for f in _FIGURES]
            cells = "".join(f"<td>{html.escape(_number(row.get(n)))}</td>" for n in names)
            lines.append(f"<tr{' class=bad' if bad else ''}>{cells}</tr>")
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>")
    parts.append(_svg(result))
    if result.summary:
        parts.append(f"<p>{html.escape(result.summary)}</p>")
    if not flat and not result.summary:
        parts.append(f"<pre>{html.escape(json.dumps(result.document, indent=1)[:4000])}</pre>")
    if not result.ok:
        parts.append("<p class=bad>not ok: a gate failed</p>")
    return "".join(parts) + "</div>"


def _svg(result):
    """A line a row: point and interval, on a scale from 0 (times) or around 1 (ratios)."""
    if result.kind in ("bench", "study"):
        title, unit = "median latency with its 95 % interval", "ms"
        points = [(f"{r.get('model')} on {r.get('runtime')}", *(_at(r, "latency", k) for k in ("p50", "p50_low", "p50_high"))) for r in result.rows]
    elif result.kind == "compare":
        title, unit = "time against the base, with its 95 % interval", "x"
        points = [(r.get("label"), *(_at(r, "speed", k) for k in ("ratio", "low", "high"))) for r in result.rows]
    else:
        return ""
    points = [p for p in points if p[1] is not None]
    if not points:
        return ""
    left, width, step = 220, 640, 20
    low = min([p[2] for p in points] + [0.9]) if unit == "x" else 0.0
    high = max([p[3] for p in points] + ([1.1] if unit == "x" else [1e-9]))
    scale = (width - left - 70) / ((high - low) or 1)

    def x(value):
        return left + (value - low) * scale

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {step * len(points) + 40}" font-family="sans-serif" font-size="12" '
             f'fill="currentColor" role="img"><title>{title}</title><text x="0" y="12">{title}</text>']
    if unit == "x":
        parts.append(f'<line x1="{x(1):.1f}" y1="20" x2="{x(1):.1f}" y2="{step * len(points) + 24}" stroke="currentColor" stroke-dasharray="3 3"/>')
    for i, (name, value, start, end) in enumerate(points):
        y = 34 + i * step
        short = name if len(name) < 34 else name[:32] + "…"
        parts.append(f'<text x="0" y="{y + 4}">{html.escape(short)}</text><line x1="{x(start):.1f}" y1="{y}" x2="{x(end):.1f}" y2="{y}" stroke="#0072b2" '
                     f'stroke-width="3"/><circle cx="{x(value):.1f}" cy="{y}" r="4" fill="#0072b2"/><text x="{min(x(end) + 8, width - 66):.1f}" y="{y + 4}">'
                     f"{value:.4g} {unit}</text>")
    return "".join(parts) + "</svg>"


# --- arrays
def save_npy(path, x):
    """NumPy array, or nested lists of numbers (as float32)."""
    if numpy is not None:
        x = numpy.asarray(x, dtype=None if hasattr(x, "dtype") else numpy.float32)
        numpy.save(path, numpy.ascontiguousarray(x), allow_pickle=False)
        return
    shape, level = [], x
    while isinstance(level, (list, tuple)):
        shape.append(len(level))
        level = level[0] if level else 0.0
    values = array.array("f")

    def walk(part, depth):
        if depth == len(shape):
            values.append(part)
            return
        if not isinstance(part, (list, tuple)) or len(part) != shape[depth]:
            raise ValueError("the nested lists are not of one shape")
        for item in part:
            walk(item, depth + 1)

    walk(x, 0)
    if sys.byteorder == "big":
        values.byteswap()
    dims = "(" + "".join(f"{n}, " for n in shape) + ")"
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {dims}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode("latin-1") + values.tobytes())


_TYPES = {"f4": "f", "f8": "d", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q", "b1": "?"}


def load_npy(path):
    """NumPy array, or nested lists where NumPy is not there."""
    if numpy is not None:
        return numpy.load(path, allow_pickle=False)
    data = pathlib.Path(path).read_bytes()
    if data[:6] != b"\x93NUMPY":
        raise ValueError(f"{path} is no .npy file")
    size, at = (struct.unpack_from("<H", data, 8)[0], 10) if data[6] == 1 else (struct.unpack_from("<I", data, 8)[0], 12)
    head = ast.literal_eval(data[at:at + size].decode("latin-1"))
    code = _TYPES.get(head["descr"][1:])
    if code is None or head["fortran_order"]:
        raise ValueError(f"{path}: type {head['descr']} needs NumPy")
    count = 1
    for n in head["shape"]:
        count *= n
    values = list(struct.unpack_from(("<" if head["descr"][0] != ">" else ">") + f"{count}{code}", data, at + size))
    for n in reversed(head["shape"][1:]):
        values = [values[i:i + n] for i in range(0, len(values), n)] if n else []
    return values if head["shape"] else values[0]


def _is_array(x):
    return hasattr(x, "__array__") or hasattr(x, "__array_interface__") or (isinstance(x, (list, tuple)) and len(x) > 0 and not isinstance(x[0], (str, os.PathLike)))


def _files(values, folder, stem):
    """One array or path, or a list of them -> paths. Nested lists are one array, a tuple of them is several."""
    if values is None:
        return []
    many = isinstance(values, (list, tuple)) and len(values) > 0 and (
        isinstance(values[0], (str, os.PathLike)) or hasattr(values[0], "__array__") or (isinstance(values, tuple) and isinstance(values[0], (list, tuple))))
    out = []
    for i, value in enumerate(values if many else [values]):
        if _is_array(value):
            path = os.path.join(folder, f"{stem}{i}.npy")
            save_npy(path, value)
            value = path
        out.append(os.fspath(value))
    return out


# --- the calls
def study(file, *, data=None, set=None, **options):
    """A study file, or a model: data, training, export, parity, speed, accuracy, report. r.ok is False if a row failed."""
    return command("study", file, data=data, set=set, **options)


def bench(models, **options):
    """One model file or several: size, load, latency, throughput, memory and parity on every runtime."""
    models = models if isinstance(models, (list, tuple)) else [models]
    return command("bench", *models, **_with_baseline(options))


def _with_baseline(options):
    return options if not isinstance(options.get("baseline"), Result) else {**options, "baseline": _temporary(options["baseline"])}


_KEPT = []  # temporary folders of results given as files, until the process ends


def _temporary(result):
    if not _KEPT:
        _KEPT.append(tempfile.TemporaryDirectory(prefix="whet-"))
    path = os.path.join(_KEPT[0].name, f"{len(os.listdir(_KEPT[0].name))}.json")
    result.save(path)
    return path


def verify(model, other=None, *, inputs=None, expect=None, **options):
    """Do two files, a file on two runtimes, or a file and given numbers compute the same? inputs and expect: arrays or .npy files,
    one or a list in the model's order (of nested lists, a tuple)."""
    with tempfile.TemporaryDirectory(prefix="whet-") as folder:
        words = [model] if other is None else [model, other]
        return command("verify", *words, input=_files(inputs, folder, "x") or None, expect=_files(expect, folder, "y") or None, **options)


def run(model, *inputs, outputs=1, **options):
    """The raw tensors of a model: arrays in, an array out (outputs=N: a list of N)."""
    with tempfile.TemporaryDirectory(prefix="whet-") as folder:
        paths = [os.path.join(folder, f"y{i}.npy") for i in range(outputs)]
        command("run", model, *_files(inputs if len(inputs) > 1 else inputs[0], folder, "x"), out=paths, **options)
        arrays = [load_npy(p) for p in paths]
    return arrays[0] if outputs == 1 else arrays


def evaluate(model, data, **options):
    """Accuracy with its interval, F1, per class, confusion matrix."""
    return command("eval", model, data=data, **options)


def results(run=None, **options):
    """The stored runs, or one of them: a number, "latest", "latest:STUDY", "latest~1", a tag."""
    return command("results", "list", **options) if run is None else command("results", "show", run, **options)


def compare(base, now, *, gate=None, **options):
    """Two results (Result, file, or stored run): better, worse, same or cannot tell. gate: "all", "speed=5%" or {"speed": "5%"}."""
    base, now = (_temporary(x) if isinstance(x, Result) else x for x in (base, now))
    return command("compare", base, now, gate=gate, **options)
