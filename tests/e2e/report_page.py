#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: no console error, no request that leaves the page, every number equal to the stored one, sorting
and filtering work, nothing is wider than the screen, hostile names stay text, and a page of 200 rows stays under 2 MB.

usage: report_page.py WHET FOLDER    (screenshots and a printed page stay in FOLDER)
"""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402
import sample_results  # noqa: E402

HOSTILE = "<script>alert(1)</script>'\"&.onnx"
PATHS = {"size": "size_bytes", "params": "params", "macs": "macs", "accuracy": "accuracy.value", "load": "load_ms", "first": "first_ms", "p50": "latency.p50", "p90": "latency.p90",
         "p95": "latency.p95", "p99": "latency.p99", "cv": "latency.cv", "rate": "img_per_s", "memory": "memory.delta_bytes"}
SCALE = {"size": 1e-6, "accuracy": 100, "cv": 100, "memory": 1e-6}
LETTERS = {"M": 1e-6, "G": 1e-9, "T": 1e-12}
CELLS = """Array.from(document.querySelectorAll('#rows tbody [data-col]')).map(c => [c.dataset.row, c.dataset.col, c.dataset.v === undefined ? null : c.dataset.v, c.textContent])"""
LIMIT = 2_000_000  # bytes of a page of 200 rows


def hostile_document():
    doc = sample_results.study()
    for row in doc["rows"]:
        row["model"] = HOSTILE
    doc["rows"][0]["notes"] = [HOSTILE]
    doc["rows"][-1]["status"] = "runtime missing: " + HOSTILE
    for key in ("title", "study", "command"):
        doc[key] = HOSTILE
    doc["context"]["warnings"] = [HOSTILE]
    doc["data"]["source"] = HOSTILE
    doc["trainings"][0]["label"] = HOSTILE
    doc["steps"][0].update(label=HOSTILE, key=HOSTILE, reason=HOSTILE)
    return doc


def value_at(row, path):
    for name in path.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def near(text, value, column):
    """The shown digits are the stored value rounded to as many."""
    words = text.split(" ")
    shown, scale = words[0].replace(",", ""), SCALE.get(column, 1)
    if len(words) > 1 and words[1] in LETTERS:
        scale = LETTERS[words[1]]
    digits = len(shown.split(".")[1]) if "." in shown and "e" not in shown else 0
    return abs(float(shown) - value * scale) <= 0.5000001 * 10 ** -digits


class Check:
    def __init__(self):
        self.problems = []

    def that(self, condition, text):
        if not condition:
            self.problems.append(text)

    def clean(self, page, what):
        self.that(not page.complaints(), f"{what}: console {page.complaints()}")
        self.that(page.evaluate("document.documentElement.dataset.errors") == "", f"{what}: {page.evaluate('document.documentElement.dataset.errors')}")
        self.that(len(page.requests()) == 1, f"{what}: requests {page.requests()[1:4]}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        self.that(wide <= 0, f"{what}: {wide} pixels too wide")

    def numbers(self, page, doc, least):
        seen = 0
        for row, column, stored, text in page.evaluate(CELLS):
            if column not in PATHS:
                continue
            value = value_at(doc["rows"][int(row)], PATHS[column])
            if value is None:
                self.that(stored is None, f"row {row} shows {text} for {column}, nothing is stored")
                continue
            seen += 1
            self.that(stored is not None and float(stored) == value and near(text, value, column), f"row {row}, {column}: page has {stored} '{text}', stored is {value}")
        self.that(seen >= least, f"only {seen} numbers were found in the page")


def sorted_values(page, column):
    return [None if v is None else float(v) for v in page.evaluate(
        f"Array.from(document.querySelectorAll(\"#rows tbody tr:not(.hidden) [data-col='{column}']\")).map(c => c.dataset.v === undefined ? null : c.dataset.v)")]


def click_header(page, column):
    page.evaluate(f"""(() => {{ const cell = document.querySelector("#rows tbody [data-col='{column}']"), th = document.querySelectorAll('#rows thead th')[cell.cellIndex];
        th.querySelector('button').click(); return th.getAttribute('aria-sort'); }})()""")


def check_sorting(check, page):
    for column in ("p50", "size", "accuracy"):
        for down in (False, True):
            click_header(page, column)
            values = sorted_values(page, column)
            have = [v for v in values if v is not None]
            check.that(have == sorted(have, reverse=down) and len(have) > 5, f"{column} is not sorted {'down' if down else 'up'}: {have[:4]}")
            check.that(None not in values[:len(have)], f"{column}: rows without a value stand before others")
    bars = page.evaluate("Array.from(document.querySelectorAll(\"figure[data-chart='speed-median'] li\")).map(l => l.dataset.row)")
    rows = page.evaluate("Array.from(document.querySelectorAll('#rows tbody tr')).map(r => r.dataset.row)")
    check.that(bars == [r for r in rows if r in bars], "the charts do not follow the order of the table")


def set_and_tell(page, selector, value, event):
    page.evaluate(f"""(() => {{ const e = document.querySelector("{selector}"); e.value = {json.dumps(value)}; e.dispatchEvent(new Event('{event}')); }})()""")


def check_filtering(check, page, doc):
    set_and_tell(page, "select[data-column='runtime']", "ONNX Runtime", "change")
    expected = sum(r["runtime"] == "ort" for r in doc["rows"])
    shown = page.evaluate("Array.from(document.querySelectorAll('#rows tbody tr:not(.hidden)')).map(r => r.dataset.row)")
    check.that(len(shown) == expected and all(doc["rows"][int(r)]["runtime"] == "ort" for r in shown), f"filter of the runtime: {shown}")
    check.that(page.evaluate("document.getElementById('count').value") == f"{expected} of {len(doc['rows'])} rows", "the count of rows is wrong")
    bars = page.evaluate("document.querySelectorAll(\"figure[data-chart='speed-median'] li:not(.hidden)\").length")
    check.that(bars == expected, f"{bars} bars for {expected} rows")
    set_and_tell(page, "#find", "resnet50 INT8", "input")
    shown = page.evaluate("Array.from(document.querySelectorAll('#rows tbody tr:not(.hidden)')).map(r => r.dataset.row)")
    check.that([(doc["rows"][int(r)]["model"], doc["rows"][int(r)]["precision"]) for r in shown] == [("resnet50", "int8")], f"words of two columns: {shown}")
    page.evaluate("Array.from(document.querySelectorAll('#tools button')).pop().click()")
    check.that(page.evaluate("document.querySelectorAll('#rows tbody tr.hidden').length") == 0, "clear does not clear")


def write(whet, folder, name, doc, *more):
    source, target = folder / f"{name}.json", folder / f"{name}.html"
    source.write_text(json.dumps(doc))
    subprocess.run([whet, "report", source, "--html", target, *more], check=True, capture_output=True)
    return target


def stored(doc):
    for row in doc["rows"]:
        row.pop("samples", None)
    return doc


BEYOND = """Array.from(document.querySelectorAll('body *')).filter(e => (e.matches('.scroll') || !e.closest('.scroll')) && getComputedStyle(e).display !== 'none' &&
    e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5).slice(0, 3).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 60))"""


def check_narrow(check, page, whet, folder):
    """Nothing is cut at the right of a phone: names without a blank, long reasons, everything folded out; tables scroll in their own box."""
    doc = sample_results.study()
    for i, row in enumerate(doc["rows"]):
        row["model"] = f"networks/of_a_long_line/{'x' * 70}{i % 2}.onnx"
        row["notes"] = ["a" * 120, f"coefficient of variation {i}.5 %"]
        row["img_per_s_from"] = "batch / median latency, one stream" if i % 2 else "samples / wall time, 2 streams"
    doc["rows"][-1]["status"] = "runtime missing: /usr/lib/" + "y" * 100 + ".so"
    doc["rows"][0].update(verdict="UNSTABLE", verdict_reasons=["the interval of the median is wide " + "z" * 80])
    doc["comparisons"][0]["text"] = "w" * 130
    target = write(whet, folder, "narrow", doc, "--goal", "p50 <= 900 ms, size <= 300 MB, minimise p50")
    for width in (360, 390):
        for mobile in (True, False):
            for dark in (False, True):
                what = f"narrow, {width}{' mobile' if mobile else ''}{' dark' if dark else ''}"
                page.open(target.as_uri(), width=width, mobile=mobile, dark=dark)
                page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
                wide, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                check.that(wide <= inner and inner == width, f"{what}: the page is {wide} wide in a window of {inner}")
                check.that(not page.evaluate(BEYOND), f"{what}: cut at the right: {page.evaluate(BEYOND)}")
                ticks = page.evaluate("Array.from(document.querySelectorAll('.scatter .x')).filter(e => e.offsetWidth > 0).map(e => e.textContent)")
                check.that(len(ticks) >= 2, f"{what}: {ticks} are no scale of the scatter")
    boxes = page.evaluate("Array.from(document.querySelectorAll('.scroll')).filter(e => e.scrollWidth > e.clientWidth).every(e => getComputedStyle(e).overflowX === 'auto')")
    check.that(boxes and page.evaluate("document.querySelector('#rows').closest('.scroll').scrollWidth > 400"), "the table of results does not scroll in its own box")
    lines = page.evaluate("Array.from(document.querySelectorAll('ul.warnings li')).map(l => l.textContent).filter(t => t.includes('coefficient of variation'))")
    check.that(len(lines) == 1 and "0.5 to 12.5 %" in lines[0] and "every row" in lines[0], f"warnings that differ in a number are not one: {lines}")
    shown = page.evaluate("document.querySelector('#rows tbody .who').offsetHeight > 0")
    check.that(shown, "the first column does not name the runtime on a phone")


def check_hostile(check, page, whet, folder):
    doc = hostile_document()
    target = write(whet, folder, "sample", doc)
    for width in (1320, 390):
        for dark in (False, True):
            page.open(target.as_uri(), width=width, mobile=width < 500, dark=dark)
            check.clean(page, f"hostile, {width}")
            page.picture(folder / f"report-{width}{'-dark' if dark else ''}.png")
    check.numbers(page, doc, 100)
    inside = json.loads(page.evaluate("document.getElementById('whet-document').textContent"))
    check.that(inside == stored(doc), "the document in the page differs from the stored one")
    figures = page.evaluate("document.querySelectorAll('figure').length")
    check.that(figures >= 12, f"{figures} figures")
    if page.evaluate("document.documentElement.dataset.chartjs") == "none":
        print("note: the page has no Chart.js; its curves are static pictures")
    else:
        check.that(page.evaluate("document.querySelectorAll('canvas').length - document.querySelectorAll('figure.k-line').length") == 0, "the curves are not drawn")


def check_small(check, page, whet, folder):
    doc = sample_results.study()
    target = write(whet, folder, "small", doc, "--goal", "accuracy drop <= 1pt, p95 <= 30 ms, size <= 30 MB, minimise p50")
    page.open(target.as_uri())
    check.that("meets the goal" in page.evaluate("document.getElementById('verdict').textContent"), "the goal's answer is not in the first sentence")
    confusion = page.evaluate("Array.from(document.querySelectorAll('table.confusion')[0].rows).slice(1).map(r => Array.from(r.cells).slice(1).map(c => Number(c.textContent) || 0))")
    check.that(confusion == doc["rows"][0]["eval"]["confusion"], "the confusion matrix differs from the stored one")
    classes = page.evaluate("Array.from(document.querySelectorAll('table.classes')[0].tBodies[0].rows).map(r => Number(r.cells[3].dataset.v))")
    check.that(classes == [c["f1"] for c in doc["rows"][0]["eval"]["per_class"]], "the scores of the classes differ from the stored ones")
    check_sorting(check, page)
    check_filtering(check, page, doc)
    page.evaluate("document.getElementById('theme').click()")
    check.that(page.evaluate("document.documentElement.dataset.theme") == "dark", "the button does not turn the page dark")
    page.pdf(folder / "report.pdf")
    check.that((folder / "report.pdf").read_bytes()[:5] == b"%PDF-", "the page does not print")
    check.clean(page, "small")


CUT = """Array.from(document.querySelectorAll('%s *')).filter(e => %s && e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .slice(0, 3).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 60))"""
PAPER, PAPER_WIDE = 703, 1031  # pixels of A4 within the margins: 186 mm, and 273 mm for the results


def check_paper(check, page, whet, folder):
    """On paper no table is cut at the right, layers are all drawn, and a chart that leaves rows out says so."""
    doc = sample_results.study(rows=24)
    target = write(whet, folder, "paper", doc)
    for width, part, without in ((PAPER, "body", "!e.closest('#results')"), (PAPER_WIDE, "#results", "true")):
        page.open(target.as_uri(), width=width)
        page.call("Emulation.setEmulatedMedia", media="print")
        cut = page.evaluate(CUT % (part, without))
        check.that(not cut, f"paper: cut at the right: {cut}")
    count = "Array.from(document.querySelectorAll(\"figure[data-chart='%s'] li\")).filter(e => e.offsetHeight > 0).length"
    layers = page.evaluate(count % "layers-0")
    check.that(layers == 24, f"paper: {layers} of 24 layers are drawn, but the note says 24")
    says = page.evaluate("Array.from(document.querySelectorAll(\"figure[data-chart='speed-median'] .folds\")).filter(e => e.offsetHeight > 0).map(e => e.textContent)")
    rows = sum(r["status"] == "ok" for r in doc["rows"])
    check.that(page.evaluate(count % "speed-median") == 12 and says == [f"the first 12 of {rows} rows; the table has all"], f"paper: rows are left out without a word: {says}")
    page.call("Emulation.setEmulatedMedia", media="")


def check_selection(check, page, whet, folder):
    other = folder / "other.json"
    first = sample_results.study()
    other.write_text(json.dumps(sample_results.study(seed=2, machine="board-b")))
    target = write(whet, folder, "both", first, other)
    page.open(target.as_uri(), width=390, mobile=True)
    check.clean(page, "two runs")
    check.that(page.evaluate("document.querySelectorAll('#rows tbody tr').length") == 2 * len(first["rows"]), "two runs have not all rows")
    check.that(page.evaluate("document.querySelectorAll('#choice .answer').length") == 2, "two machines need two answers")


def check_big(check, page, whet, folder):
    doc = sample_results.study(rows=200)
    target = write(whet, folder, "big", doc)
    size = target.stat().st_size
    check.that(size <= LIMIT and len(doc["rows"]) >= 199, f"a page of {len(doc['rows'])} rows has {size} bytes")
    page.open(target.as_uri())
    check.clean(page, "200 rows")
    check.numbers(page, doc, 2000)
    folded = page.evaluate("document.querySelectorAll(\"figure[data-chart='speed-median'] li:not(.hidden):not(.folded)\").length")
    check.that(folded == 12, f"{folded} bars are shown at first")


def main():
    whet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    chromium = browser.find_chromium()
    if chromium is None:
        if "chromium" in os.environ.get("WHET_REQUIRE", "").split(","):
            print("chromium is required, but no chromium is on the path")
            return 1
        print("SKIP: chromium: no chromium on the path")
        return 77
    folder.mkdir(parents=True, exist_ok=True)
    check = Check()
    with browser.Browser(chromium) as page:
        for part in (check_hostile, check_narrow, check_small, check_paper, check_selection, check_big):
            part(check, page, whet, folder)
    for problem in check.problems:
        print(f"FAIL: {problem}")
    if check.problems:
        print(f"repro: python3 {sys.argv[0]} {whet} {folder}")
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
