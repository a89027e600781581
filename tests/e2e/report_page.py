#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: no console error, every chart drawn, every number in the page equal to the stored one.

usage: report_page.py WHET FOLDER    (screenshots stay in FOLDER)
"""
import html.parser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HOSTILE = "<script>alert(1)</script>'\"&.onnx"


def row(i, model, runtime, title, p50):
    latency = {"region": "infer", "n": 900, "p50": p50, "p50_low": p50 * 0.985, "p50_high": p50 * 1.02, "min": p50 * 0.8,
               "mean": p50 * 1.05, "stdev": p50 * 0.08, "p90": p50 * 1.3, "p99": p50 * 1.9, "max": p50 * 4, "cv": 0.081}
    return {"id": f"r{i}", "model": model, "sha256": "4be9a1", "runtime": runtime, "runtime_title": title, "runtime_version": "1.0",
            "precision": "f32", "batch": 1, "threads": 2, "status": "ok", "reason": "", "size_bytes": 248312, "params": 61706,
            "macs": 416520 + i, "accuracy": {"metric": "top-1", "value": 0.9891, "low": 0.98685, "high": 0.99094, "count": 10000,
                                             "split": "test", "data": "mnist"},
            "parity": {"ok": True, "reference": "reference kernels", "accept": "max=0.0001", "samples": 16, "rechecked": 12,
                       "outputs": [{"name": "logits", "ok": True, "max": 2.1e-7, "cosine": 1.0, "snr_db": 131.2, "top1": 1.0}]},
            "load_ms": 1.91 + 10 * i, "first_ms": 0.31 + i, "latency": latency, "img_per_s": 1000 / p50,
            "memory": {"peak_bytes": 21000000 + 3 * i, "delta_bytes": 3100000}, "verdict": "UNSTABLE" if i else "ok",
            "verdict_reasons": ["the medians of the last 3 windows differ by 12 %"] if i else [], "notes": [HOSTILE],
            "samples": [{"round": 0, "block": 0, "runs_per_sample": 1, "ns": [int(1e6 * p50 * (0.97 + 0.0007 * k)) for k in range(100)]}]}


def document():
    rows = [row(0, HOSTILE, "native", "native", 0.118), row(1, HOSTILE, "ort", "ONNX Runtime", 0.154),
            {"id": "r2", "model": HOSTILE, "runtime": "none", "precision": "f32", "status": "runtime missing: " + HOSTILE}]
    curve = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.1 / e, "train_accuracy": 1 - 0.1 / e, "val_accuracy": 1 - 0.12 / e}
             for e in range(1, 6)]
    return {"schema_version": 1, "kind": "study", "study": HOSTILE, "title": "A page for a browser " + HOSTILE, "command": HOSTILE,
            "started": "2026-11-21T09:30:00Z", "seconds": 12.5, "mode": "quick", "rows": rows,
            "settings": {"threads": 2, "batch": 1, "min_runs": 20, "min_seconds": 1, "rounds": 3, "warmup_runs": 10, "warmup_seconds": 0.5},
            "comparisons": [{"a": "r0", "b": "r1", "ratio": 0.77, "speedup": 1.305, "speedup_low": 1.25, "speedup_high": 1.351,
                             "verdict": "better", "text": "native is 1.31x as fast"}],
            "context": {"program": "whet", "machine": {"cpu": "a CPU", "physical_cores": 2}, "warnings": [HOSTILE]},
            "data": {"name": "mnist", "source": HOSTILE, "classes": 10, "test_reads": 2,
                     "splits": [{"name": "test", "count": 10000, "text": "its own"}]},
            "trainings": [{"label": HOSTILE, "seconds": 41, "epochs": 5, "settings": {"lr": 0.05}, "curve": curve}],
            "steps": [{"name": "train", "label": HOSTILE, "state": "done", "seconds": 41, "key": HOSTILE, "reason": HOSTILE}]}


PATHS = {"size": "size_bytes", "params": "params", "macs": "macs", "accuracy": "accuracy.value", "load": "load_ms", "first": "first_ms",
         "p50": "latency.p50", "p90": "latency.p90", "p99": "latency.p99", "cv": "latency.cv", "rate": "img_per_s",
         "peak": "memory.peak_bytes"}
SCALE = {"size": 1e-6, "accuracy": 100, "cv": 100, "peak": 1e-6}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root, self.cells, self.scripts, self.canvases, self.figures = {}, [], {}, 0, 0
        self.cell = self.script = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "html":
            self.root = attrs
        elif tag in ("td", "th") and "data-row" in attrs:
            self.cell = [attrs, ""]
        elif tag == "script":
            self.script = attrs.get("id", "")
            self.scripts.setdefault(self.script, "")
        self.canvases += tag == "canvas"
        self.figures += tag == "figure"

    def handle_data(self, data):
        if self.script is not None:
            self.scripts[self.script] += data
        if self.cell is not None:
            self.cell[1] += data

    def handle_endtag(self, tag):
        if tag == "script":
            self.script = None
        if tag in ("td", "th") and self.cell is not None:
            self.cells.append(self.cell)
            self.cell = None


def value_at(row, path):
    for name in path.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def near(text, value, column):
    """The shown digits are the stored value rounded to as many."""
    shown = text.split(" ")[0].replace(",", "")
    digits = len(shown.split(".")[1]) if "." in shown and "e" not in shown else 0
    return abs(float(shown) - value * SCALE.get(column, 1)) <= 0.5000001 * 10 ** -digits


def browse(chromium, url, profile, *more):
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--virtual-time-budget=5000", "--enable-logging=stderr", "--v=0",
               f"--user-data-dir={profile}", *more, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def check_numbers(page, doc, problems):
    seen = 0
    for attrs, text in page.cells:
        column = attrs["data-col"]
        if column not in PATHS:
            continue
        value = value_at(doc["rows"][int(attrs["data-row"])], PATHS[column])
        if value is None:
            if "data-v" in attrs:
                problems.append(f"row {attrs['data-row']} shows {text} for {column}, nothing is stored")
            continue
        seen += 1
        if float(attrs.get("data-v", "nan")) != value or not near(text, value, column):
            problems.append(f"row {attrs['data-row']}, {column}: page has {attrs.get('data-v')} '{text}', stored is {value}")
    if seen < 20:
        problems.append(f"only {seen} numbers were found in the page")


def main():
    whet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if "chromium" in os.environ.get("WHET_REQUIRE", "").split(","):
            print("chromium is required, but no chromium is on the path")
            return 1
        print("SKIP: chromium: no chromium on the path")
        return 77
    folder.mkdir(parents=True, exist_ok=True)
    doc, problems = document(), []
    source, target = folder / "sample.json", folder / "sample.html"
    source.write_text(json.dumps(doc))
    subprocess.run([whet, "report", source, "--html", target], check=True, capture_output=True)
    for item in doc["rows"]:
        item.pop("samples", None)
    with tempfile.TemporaryDirectory() as scratch:
        for width in (1320, 390):
            profile = pathlib.Path(scratch) / f"profile{width}"
            done = browse(chromium, target.as_uri(), profile, f"--window-size={width},900", "--dump-dom")
            page = Page()
            page.feed(done.stdout)
            console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
            if console or page.root.get("data-errors") != "":
                problems.append(f"console at {width}: {console} {page.root.get('data-errors')!r}")
            if page.root.get("data-chartjs") == "none":
                print("note: the page has no Chart.js; static pictures were checked")
                if page.figures < 9:
                    problems.append(f"{page.figures} figures")
            elif page.canvases != page.figures or page.root.get("data-charts") != str(page.figures) or page.figures < 9:
                problems.append(f"{page.canvases} canvases, {page.root.get('data-charts')} charts, {page.figures} figures")
            if page.root.get("data-wide", "0") != "0":
                problems.append(f"at {width} the page is {page.root['data-wide']} pixels too wide")
            if json.loads(page.scripts["whet-document"]) != doc:
                problems.append("the document in the page differs from the stored one")
            check_numbers(page, doc, problems)
            shot = browse(chromium, target.as_uri(), profile, f"--window-size={width},{5200 if width > 500 else 9000}",
                          f"--screenshot={folder / f'report-{width}.png'}")
            if not (folder / f"report-{width}.png").is_file():
                problems.append(f"no screenshot: {shot.stderr[-300:]}")
    for problem in problems:
        print(f"FAIL: {problem}")
    if problems:
        print(f"repro: python3 {sys.argv[0]} {whet} {folder}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
