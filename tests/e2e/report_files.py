#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a report writes beside the page: LaTeX that compiles without a complaint where pdflatex is found, pictures that are pictures
where gnuplot is, CSV and JSON whose numbers are the stored ones.

usage: report_files.py WHET
"""
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sample_results  # noqa: E402

problems, skipped = [], []


def expect(condition, text):
    if not condition:
        problems.append(text)


def missing(program, package):
    """True, counted as a skip, where a program is not there; a problem where it is required."""
    if shutil.which(program):
        return False
    if program in os.environ.get("WHET_REQUIRE", "").split(","):
        problems.append(f"{program} is required, but it is not on the path")
    skipped.append(program)
    print(f"SKIP: {program}: no {program} on the path (Debian: {package})")
    return True


def report(whet, *args):
    done = subprocess.run([whet, "report", *map(str, args)], capture_output=True, text=True)
    expect(done.returncode == 0, f"whet report {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def compile_latex(folder):
    run = lambda *c: subprocess.run(c, cwd=folder, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    for step in range(3):
        done = run("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex")
        text = done.stdout.decode(errors="replace")
        expect(done.returncode == 0, f"pdflatex in {folder.name}: {[line for line in text.splitlines() if line.startswith('!')][:3]}")
        if step == 0 and shutil.which("bibtex"):
            expect(run("bibtex", "report").returncode == 0, f"bibtex in {folder.name} failed")
    expect(not re.search(r"Warning: (Citation|Reference|There were undefined)", text), f"{folder.name}: citations or references are undefined")
    expect((folder / "report.pdf").is_file() and (folder / "report.pdf").read_bytes()[:5] == b"%PDF-", f"{folder.name}: no PDF")


def check_latex(whet, folder):
    hostile = sample_results.study()
    for row in hostile["rows"]:
        row["model"] = "\\input{/etc/passwd} %_$#&~^{ 日本 é \x1b[31m"
        row["notes"] = ["\\immediate\\write18{touch hacked}"]
    hostile["title"] = hostile["rows"][0]["model"]
    hostile["context"]["warnings"] = ["\\end{document}"]
    cases = {"small": [sample_results.study()], "hostile": [hostile], "two": [sample_results.study(), sample_results.study(seed=2, machine="board-b")],
             "long": [sample_results.study(rows=60, samples=140)], "empty": [dict(sample_results.study(), rows=[], comparisons=[], trainings=[])]}
    for name, docs in cases.items():
        files = []
        for i, doc in enumerate(docs):
            files.append(folder / f"{name}{i}.json")
            files[-1].write_text(json.dumps(doc))
        report(whet, *files, "--latex", folder / name)
        expect(sorted(p.name for p in (folder / name).iterdir()) == ["classes.tex", "comparisons.tex", "methods.tex", "parity.tex", "report.tex", "results.tex", "whet.bib"],
               f"{name}: {sorted(p.name for p in (folder / name).iterdir())}")
    if not missing("pdflatex", "texlive-latex-base texlive-latex-recommended"):
        for name in cases:
            compile_latex(folder / name)
        expect("[U+65E5]" in (folder / "hostile" / "results.tex").read_text(), "a sign that the fonts lack is not written by its number")


def check_pictures(whet, folder):
    source, pictures = folder / "small0.json", folder / "pictures"
    report(whet, source, "--charts", pictures, "--chart-forms", "svg")
    drawn = sorted(pictures.glob("*.svg"))
    expect(len(drawn) >= 12, f"{len(drawn)} SVG files")
    for path in drawn:
        import xml.etree.ElementTree as tree
        root = tree.parse(path).getroot()
        expect(root.tag == "{http://www.w3.org/2000/svg}svg" and len(root) > 3, f"{path.name} is no picture")
    if missing("gnuplot", "gnuplot-nox"):
        return
    report(whet, source, "--charts", pictures)
    for path in drawn:
        png, pdf = path.with_suffix(".png"), path.with_suffix(".pdf")
        expect(png.is_file() and png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and png.stat().st_size > 3000, f"{png.name} is no picture")
        expect(pdf.is_file() and pdf.read_bytes()[:5] == b"%PDF-", f"{pdf.name} is no PDF")
    report(whet, folder / "hostile0.json", "--charts", folder / "odd")  # names with quotes, dollars and braces
    expect(not (folder / "odd" / "hacked").exists() and len(list((folder / "odd").glob("*.png"))) == len(drawn), "hostile names disturb the pictures")


def check_tables(whet, folder):
    doc = json.loads((folder / "small0.json").read_text())
    report(whet, folder / "small0.json", "--csv", folder / "t.csv", "--markdown", folder / "t.md", "--goal", "p95 <= 30 ms, minimise p50", "--json=" + str(folder / "t.json"))
    with open(folder / "t.csv", newline="") as f:
        lines = list(csv.DictReader(f))
    expect(len(lines) == len(doc["rows"]), f"{len(lines)} lines of CSV")
    for line, row in zip(lines, doc["rows"]):
        for column, value in (("p50_ms", (row.get("latency") or {}).get("p50")), ("accuracy", (row.get("accuracy") or {}).get("value")), ("size_bytes", row["size_bytes"])):
            expect(line[column] == "" if value is None else float(line[column]) == value, f"CSV {column}: {line[column]}, stored is {value}")
    result = json.loads((folder / "t.json").read_text())
    answer = result["answer"][0]
    fastest = min((r["latency"]["p50"], i) for i, r in enumerate(doc["rows"]) if r["status"] == "ok")[1]
    expect(answer["best"] == fastest and result["of"]["goal"] and result["warnings"], f"the answer names row {answer['best']}, the fastest is {fastest}")
    expect(all("limits" in a and "pareto" in a for a in result["answer"]), "the answer lacks its parts")
    text = (folder / "t.md").read_text()
    expect("meets the goal" in text and "**Warnings**" in text and "**Machine and versions**" in text, "the Markdown lacks its parts")


def check_controls(whet, folder):
    """Tabs, line ends and escapes in names stand written out on the terminal and in the CSV."""
    doc = sample_results.study()
    for row in doc["rows"]:
        row.update(model="a\tb\x1b[31m\nc", runtime_title="x\ty")
    source, table = folder / "controls.json", folder / "controls.csv"
    source.write_text(json.dumps(doc))
    done = subprocess.run([whet, "report", source, "--csv", table], capture_output=True, text=True)
    expect(done.returncode == 0 and "\\tb\\x1b[31m" in done.stdout and "x\\ty" in done.stdout, f"controls: {done.stdout[-300:]}{done.stderr[-300:]}")
    for what, text in (("terminal", done.stdout), ("CSV", table.read_text())):
        expect("\t" not in text and "\x1b" not in text, f"controls: {what}: a tab or an escape is left: {[l for l in text.splitlines() if chr(9) in l or chr(27) in l][:1]}")
    expect(len(table.read_text().splitlines()) == len(doc["rows"]) + 1, "controls: a name makes lines in the CSV")


def main():
    whet = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for part in (check_latex, check_pictures, check_tables, check_controls):
            part(whet, folder)
    for problem in problems:
        print(f"FAIL: {problem}")
    if problems:
        print(f"repro: python3 {sys.argv[0]} {whet}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
