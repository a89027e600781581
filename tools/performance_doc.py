#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/PERFORMANCE.md of bench_peers.py's result file: bench/performance.md.in with its {{tables}} filled in.

Figures are medians over the rounds whose probe stood within 10 % of the run's best (all rounds, with a mark, where fewer than
three did); ratios are medians of the ratio within a round, their interval (95 %) from a bootstrap over the rounds. A bound is
met when the figure meets it; a miss is called one.
usage: performance_doc.py RESULT.json [--template bench/performance.md.in] [-o docs/PERFORMANCE.md]
"""
import argparse
import json
import math
import pathlib
import random
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = {"ort": "ONNX Runtime", "ov": "OpenVINO"}
COLUMNS = {"own": "own kernels only", "onednn": "oneDNN only", "all": "both"}


def rounds_of(cells, names, best_probe):
    """Per round the median of each runtime; (rounds, flagged)."""
    table = {}
    for name in names:
        for b in cells.get(name, {}).get("blocks", []):
            table.setdefault(b["round"], {})[name] = (statistics.median(b["ms"]), b["probe"])
    full = {r: v for r, v in table.items() if len(v) == len(names)}
    good = {r: v for r, v in full.items() if all(p >= 0.9 * best_probe for _, p in v.values())}
    flagged = len(good) < 3
    return [{n: t for n, (t, _) in v.items()} for v in (full if flagged else good).values()], flagged


def interval(values, seed=1):
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(1000))
    return medians[25], medians[974]


def ratio(rounds, a, b):
    """Median of a / b per round with its interval, or None."""
    values = [r[a] / r[b] for r in rounds]
    return (statistics.median(values), *interval(values)) if values else None


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def verdict(ok):
    return "met" if ok else "**missed**"


def medians(rounds, names):
    return {n: statistics.median(r[n] for r in rounds) for n in names}


def inference(doc):
    rows, ratios, flagged_any = [], {c: {} for c in COLUMNS}, False
    for net, row in doc["inference"].items():
        cells = row["runtimes"]
        names = [n for n in [*COLUMNS, *NAMES] if cells.get(n, {}).get("blocks") and "failed" not in cells[n]]
        rounds, flagged = rounds_of(cells, names, doc["best_probe"])
        peers = [n for n in names if n in NAMES]
        if not rounds or not peers:
            rows.append(f"| {net} | " + " | ".join(cells.get(n, {}).get("failed", "no figure") for n in [*COLUMNS, *NAMES]) + " | - | - | - |")
            continue
        flagged_any |= flagged
        m = medians(rounds, names)
        best = min(peers, key=m.get)
        text = []
        for c in COLUMNS:
            r = ratio(rounds, c, best) if c in names else None
            if r:
                ratios[c][net] = r[0]
            text.append(f"{r[0]:.2f} ({r[1]:.2f} to {r[2]:.2f})" if r else "-")
        figures = " | ".join(f"{m[n]:.2f}" if n in m else "failed" for n in [*COLUMNS, *NAMES])
        rows.append(f"| {net}{' *' if flagged else ''} | {figures} | {' | '.join(text)} |")
    head = ["| network | own | oneDNN | both | ONNX Runtime | OpenVINO | own / best | oneDNN / best | both / best |", "|" + "---|" * 9]
    foot = []
    for c, name in COLUMNS.items():
        if ratios[c]:
            mean, (worst_net, worst) = geometric(list(ratios[c].values())), max(ratios[c].items(), key=lambda x: x[1])
            target = {"all": f"targets 1.10 and 1.25: {verdict(mean <= 1.10)}, {verdict(worst <= 1.25)}",
                      "own": f"target 1.5: {verdict(mean <= 1.5)}"}.get(c, "no target")
            foot.append(f"* {name}: geometric mean {mean:.2f}, worst {worst:.2f} ({worst_net}) over {len(ratios[c])} networks; {target}")
    if flagged_any:
        foot.append("* A network with a star had fewer than three quiet rounds; all its rounds are used.")
    for net, row in doc["inference"].items():
        for n, c in row["runtimes"].items():
            if "failed" in c:
                foot.append(f"* {net}, {COLUMNS.get(n, NAMES.get(n, n))}: {c['failed']}")
        if "error" in row:
            foot.append(f"* {net}: {row['error']}")
    worst = max((c.get("difference", 0) for row in doc["inference"].values() for c in row["runtimes"].values()), default=0)
    foot.append(f"* Outputs: the largest difference from ONNX Runtime's is {worst:.1e} of the largest value (bound {doc['bound']:.0e}).")
    return "\n".join(head + rows) + "\n\n" + "\n".join(foot)


def load_and_memory(doc):
    out = ["| network (file) | whet | ONNX Runtime | OpenVINO | load | whet | ONNX Runtime | OpenVINO | memory |", "|" + "---|" * 9]
    for net, row in doc["inference"].items():
        load, memory = {}, {}
        for n in ("all", "ort", "ov"):
            samples = row["runtimes"].get(n, {}).get("load", [])
            if samples:
                load[n] = statistics.median(s["first_ms"] for s in samples)
                memory[n] = statistics.median(s["peak_kb"] - s["empty_kb"] for s in samples) / 1024
        if len(load) < 3:
            continue
        small = round(min(memory["ort"], memory["ov"]))
        out.append(f"| {net} ({row['file_mb']:.0f} MB) | " + " | ".join(f"{load[n]:.0f} ms" for n in load) +
                   f" | {load['all'] / load['ort']:.2f} {verdict(load['all'] <= load['ort'])} | " +
                   " | ".join(f"{memory[n]:.0f} MB" for n in memory) +
                   f" | {memory['all'] / min(memory['ort'], memory['ov']):.2f} {verdict(round(memory['all']) <= small)} |")
    return "\n".join(out)


def shares(doc):
    out = ["| network | GMAC | own kernels | oneDNN | plain C |", "|" + "---|" * 5]
    for net, row in doc["inference"].items():
        k = row.get("kernels")
        if not k or not k["macs"]:
            continue
        part = {p: k["by_provider"].get(p, 0) / k["macs"] for p in ("own", "onednn", "ref")}
        part["own"] += k["by_provider"].get("vec", 0) / k["macs"]
        note = f" (half wanted: {verdict(part['own'] >= 0.5)})" if net in ("mbv2", "effb0", "convnext_t") else ""
        out.append(f"| {net} | {k['macs'] / 1e9:.2f} | {100 * part['own']:.0f} %{note} | {100 * part['onednn']:.0f} % | {100 * part['ref']:.0f} % |")
    return "\n".join(out)


def training(doc):
    out = ["| network, batch | whet img/s | PyTorch plain | channels last | compiled | whet / best | memory whet | PyTorch | memory |", "|" + "---|" * 9]
    foot, gains, memories = [], {}, {}
    for net, row in doc["training"].items():
        cells = row["runtimes"]
        names = [n for n in ("whet", "plain", "channels_last", "compiled") if cells.get(n, {}).get("blocks") and "failed" not in cells[n]]
        foot += [f"* {net}, {n}: {c['failed']}" for n, c in cells.items() if "failed" in c]
        rounds, flagged = rounds_of(cells, names, doc["best_probe"])
        peers = [n for n in names if n != "whet"]
        if "whet" not in names or not rounds or not peers:
            continue
        m = medians(rounds, names)
        best = min(peers, key=m.get)
        gain = ratio(rounds, best, "whet")
        gains[net] = gain[0]
        mb = {n: max((s["end_kb"] - s["empty_kb"] for s in cells[n]["load"] if "end_kb" in s), default=0) / 1024 for n in names}
        least = min(mb[n] for n in peers)
        memories[net] = mb["whet"] / least if least else float("nan")
        speed = " | ".join(f"{row['batch'] * 1e3 / m[n]:.1f}" if n in m else "-" for n in ("whet", "plain", "channels_last", "compiled"))
        out.append(f"| {net}, {row['batch']}{' *' if flagged else ''} | {speed} | {gain[0]:.2f} ({gain[1]:.2f} to {gain[2]:.2f}) "
                   f"{verdict(gain[0] >= 1.0)} | {mb['whet']:.0f} MB | {least:.0f} MB | {memories[net]:.2f} {verdict(memories[net] <= 1.0)} |")
    if gains:
        mean = geometric(list(gains.values()))
        foot.insert(0, f"* geometric mean {mean:.2f} (target 1.3: {verdict(mean >= 1.3)}), least {min(gains.values()):.2f} "
                       f"({min(gains, key=gains.get)}; target 1.0: {verdict(min(gains.values()) >= 1.0)}) over {len(gains)} networks")
    return "\n".join(out) + "\n\n" + "\n".join(foot)


def machine(doc):
    c = doc["context"]
    wide = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16") if f in c["isa"]]
    peers = ", ".join(f"{n} {v}" for n, v in c["peers"].items())
    return (f"{c['date']}, {c['cpu']} ({', '.join(wide)}), {c['cpus']} CPUs, {doc['threads']} threads, governor {c['governor']}; best probe "
            f"{doc['best_probe']:.0f} GF/s; {peers}; {doc['seconds'] / 60:.0f} minutes{', quick' if doc['quick'] else ''}.")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("result")
    p.add_argument("--template", default=str(ROOT / "bench" / "performance.md.in"))
    p.add_argument("-o", "--out", default=str(ROOT / "docs" / "PERFORMANCE.md"))
    a = p.parse_args()
    doc = json.loads(pathlib.Path(a.result).read_text())
    text = pathlib.Path(a.template).read_text()
    for name, make in (("machine", machine), ("inference", inference), ("load", load_and_memory), ("shares", shares), ("training", training)):
        text = text.replace("{{" + name + "}}", make(doc))
    pathlib.Path(a.out).write_text(text)


if __name__ == "__main__":
    main()
