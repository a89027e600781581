# SPDX-License-Identifier: Apache-2.0
"""Result documents as a study makes them, with figures drawn from a fixed seed: for tests of the report, and to look at."""
import hashlib
import math
import random

RUNTIMES = [("native", "native", "0.6.0", 1.0), ("ort", "ONNX Runtime", "1.31.1", 1.08), ("openvino", "OpenVINO", "2026.4.1", 0.96), ("litert", "LiteRT", "2.3.0", 1.35),
            ("libtorch", "LibTorch", "2.13.0", 1.6)]
MODELS = [("mobilenetv2", 0.9312, 8.4, 13.6e6, 2.2e6, 300e6), ("resnet50", 0.9471, 31.0, 94.2e6, 23.5e6, 4.1e9), ("efficientnet-b0", 0.9425, 14.2, 16.3e6, 4.0e6, 390e6),
          ("lenet", 0.8011, 0.31, 0.25e6, 61706, 416520)]
PRECISIONS = [("f32", 1.0, 1.0, 0.0), ("f16", 0.97, 0.5, -0.0001), ("int8", 0.46, 0.26, -0.0061)]
CLASSES = ["apple", "banana", "cherry", "grape", "kiwi", "mango", "orange", "pear", "pineapple", "strawberry"]


def latency(rng, p50, n):
    spread = 0.04
    samples = sorted(p50 * (1 - spread + spread * abs(rng.gauss(0, 1.2)) + (rng.random() < 0.05) * rng.random() * 0.6) for _ in range(n))
    at = lambda p: samples[min(n - 1, math.ceil(p * n) - 1)]
    mean = sum(samples) / n
    sd = math.sqrt(sum((x - mean) ** 2 for x in samples) / n)
    out = {"region": "infer", "n": n, "p50": at(0.5), "p50_low": at(0.5) * 0.992, "p50_high": at(0.5) * 1.011, "min": samples[0], "mean": mean, "stdev": sd, "cv": sd / mean,
           "mad": sd * 0.6, "max": samples[-1]}
    for p, name, need in ((0.90, "p90", 64), (0.95, "p95", 130), (0.99, "p99", 662)):
        if n >= need:
            out.update({name: at(p), name + "_low": at(p) * 0.98, name + "_high": at(p) * 1.03})
        else:
            out.update({name: None, name + "_na": f"n/a (n={n})"})
    return out, [int(x * 1e6) for x in samples]


def evaluation(rng, accuracy, classes=CLASSES, each=100):
    n, matrix, per_class = len(classes), [], []
    for i in range(n):
        row = [0] * n
        for _ in range(each):
            row[i if rng.random() < accuracy else rng.randrange(n)] += 1
        matrix.append(row)
    for i, name in enumerate(classes):
        hit, said = matrix[i][i], sum(r[i] for r in matrix) or 1
        p, r = hit / said, hit / each
        per_class.append({"class": name, "precision": p, "recall": r, "f1": 2 * p * r / (p + r) if p + r else 0.0, "support": each})
    top1 = sum(matrix[i][i] for i in range(n)) / (n * each)
    return {"n": n * each, "classes": n, "top1": {"value": top1, "low": top1 - 0.012, "high": top1 + 0.011}, "top5": None,
            "macro_f1": {"value": sum(c["f1"] for c in per_class) / n, "low": top1 - 0.013, "high": top1 + 0.012}, "per_class": per_class, "confusion": matrix, "broken": 0}


def make_row(rng, i, model, runtime, precision, batch, samples=700, profile=False):
    name, accuracy, ms, size, params, macs = model
    short, title, version, factor = runtime
    word, speed, share, drop = precision
    lat, ns = latency(rng, ms * factor * speed * batch ** 0.9 * rng.uniform(0.97, 1.03), samples)
    ev = evaluation(random.Random(f"{name}{word}"), accuracy + drop)
    top1 = ev["top1"]
    row = {"id": f"r{i}", "model": name, "path": f"models/{name}-{word}.onnx", "sha256": hashlib.sha256(f"{name}{word}".encode()).hexdigest(), "format": "onnx", "runtime": short,
           "runtime_title": title, "runtime_version": version, "precision": word, "batch": batch, "threads": 2, "mode": "default", "axes": {"model": name},
           "settings": {"threads": "2", "optimisation": "all", "denormals": "zero"}, "status": "ok", "reason": "", "size_bytes": int(size * share), "params": int(params),
           "macs": int(macs), "accuracy": {"metric": "top-1", "value": top1["value"], "low": top1["low"], "high": top1["high"], "count": 1000, "split": "test", "data": "fruit",
                                           "delta": drop if word != "f32" else None, "seeds": 1}, "eval": ev,
           "parity": {"ok": True, "reference": "ONNX Runtime, optimisation off", "accept": "max=0.0001", "samples": 16, "inputs": 16, "rechecked": 12,
                      "outputs": [{"name": "logits", "ok": True, "max": 2.1e-7, "max_abs": 1e-6, "cosine": 0.9999999, "snr_db": 131.0, "top1": 1.0, "why": ""}]},
           "read_ms": 0.4, "load_ms": ms * 3 + 10 * factor, "first_ms": ms * 2.5, "latency": lat, "img_per_s": batch * 1000 / lat["p50"], "img_per_s_from": "batch / median latency, one stream",
           "memory": {"peak_bytes": int(40e6 + 2.5 * size), "base_bytes": int(14e6), "delta_bytes": int(26e6 + 2.5 * size)}, "j_per_img": None,
           "j_per_img_na": "n/a: RAPL is readable by root alone", "verdict": "UNSTABLE" if rng.random() < 0.07 else "ok", "verdict_reasons": [], "notes": [],
           "samples": [{"round": 0, "block": 0, "runs_per_sample": 1, "ns": ns}]}
    if row["verdict"] == "UNSTABLE":
        row["verdict_reasons"] = ["the medians of the last 3 windows differ by 12 %"]
    if short == "libtorch":
        row["notes"] = ["batches are copied once by the runtime itself"]
    row["scenario"], row["load"] = "single", {"name": "single", "definition": "the next query comes when the last is answered", "streams": 1, "loaded": False}
    row["settings"]["streams"] = "1"
    if i < 2:
        row.update(j_per_img=0.02 * ms / 8, j_per_img_net=0.012 * ms / 8, img_per_s_per_w=50.0, energy={"source": "RAPL package-0", "joules": 3.1})
        del row["j_per_img_na"]
        row["sustain"] = {"seconds": 600, "window_seconds": 10, "first_img_per_s": 123.0, "last_img_per_s": 101.0, "kept": 0.82, "series": [
            {"t": 10.0 * k, "seconds": 10, "n": 1200, "p50": ms, "img_per_s": 123 - 22 * (1 - math.exp(-k / 15)) - 4 * i, "mhz": 2600 - 9 * k, "celsius": 45 + 30 * (1 - math.exp(-k / 12)),
             "throttles": 0, "watts": 14.2} for k in range(60)]}
    # what a bench stores beside: a page of 200 rows has to carry or to leave out all of it
    digits = lambda x: x * 1.0000001234567891
    row["e2e"] = dict({k: digits(v) if isinstance(v, float) else v for k, v in lat.items()}, region="e2e", p99_9=None, p99_9_na="n/a (n=700, 6636 are needed)",
                      iqr=digits(lat["mad"]), outliers_mild=288, outliers_severe=253, outliers_mad=140, seconds=digits(0.26))
    row["plain"] = {"repeats": 100, "mean_ms": digits(lat["mean"]), "min_ms": lat["min"], "ms_per_img": digits(lat["mean"] / batch), "img_per_s": digits(1000 * batch / lat["mean"]),
                    "speed_up": digits(1.2), "size_reduction": 1.0, "base": "r0"}
    row["thread_check"] = {"ok": True, "busy": 2, "cpu_per_wall": digits(1.93), "allowed": 2}
    row["probe"] = {"best": digits(4.8), "repeated": 4, "flagged": 0}
    row["arithmetic"] = [{"precision": word, "share": 1.0}]
    row["outputs"] = {"samples": 8, "sha256": row["sha256"], "first": [{"type": "f32", "dims": [1, 10], "stride": 1, "values": [digits(k - 4.5) for k in range(10)], "name": "logits"}]}
    row["replay"] = {"path": row["path"], "data": "fruit", "split": "val", "contract": f"contracts/{row['sha256'][:12]}.json", "accept": "max=1e-4", "seed": 0, "min_runs": 100,
                     "min_seconds": 5.0, "warmup_runs": 0, "warmup_seconds": 0.5, "mode": "default", "parity_inputs": 64, "force": False, "tune": False, "scenario": "single",
                     "opening": {"seed": 0, "own_model": False}, "inputs_sha256": hashlib.sha256(name.encode()).hexdigest()}
    if profile:
        row["profile"] = {"nodes": [{"name": f"features.{k}.conv", "type": "Conv" if k % 3 else "Relu", "precision": word, "ms": ms * 0.12 * 0.86 ** k, "origin": f"Conv_{k}"} for k in range(30)]}
    return row


def study(name="fruit-runtimes", rows=0, seed=1, samples=700, machine="board-a"):
    """`rows` 0: a small study of 12 rows, else about so many."""
    rng, out = random.Random(seed), []
    batches = [1] if rows == 0 else [1, 2, 4, 8]
    models = MODELS[:2] if rows == 0 else MODELS
    for model in models:
        for batch in batches:
            for precision in PRECISIONS:
                for runtime in RUNTIMES[:2] if rows == 0 else RUNTIMES:
                    if rows and len(out) >= rows - 2:
                        break
                    out.append(make_row(rng, len(out), model, runtime, precision, batch, samples, profile=len(out) == 1))
    failed = dict(out[2], id=f"r{len(out)}", runtime="tensorflow", runtime_title="TensorFlow", runtime_version="", status="runtime missing: libtensorflow.so was not found; "
                  "`whet runtimes install tensorflow` fetches it", reason="libtensorflow.so was not found", verdict="", verdict_reasons=[], notes=[])
    for key in ("latency", "accuracy", "parity", "eval", "samples", "memory", "img_per_s", "load_ms", "first_ms", "j_per_img_na"):
        failed.pop(key, None)
    out.append(failed)
    comparisons = []
    for i in range(0, len(out) - 1, len(RUNTIMES) if rows else 2):
        for k in range(i + 1, min(i + (len(RUNTIMES) if rows else 2), len(out) - 1)):
            a, b = out[i], out[k]
            x = b["latency"]["p50"] / a["latency"]["p50"]
            verdict = "better" if x > 1.03 else "worse" if x < 0.97 else "cannot tell"
            comparisons.append({"a": a["id"], "b": b["id"], "ratio": 1 / x, "speedup": x, "speedup_low": x * 0.985, "speedup_high": x * 1.02, "p_holm": 0.01, "verdict": verdict,
                                "text": f"{a['runtime_title']} is {x:.2f}x as fast as {b['runtime_title']} on {a['model']} {a['precision']} ({x * 0.985:.2f} to {x * 1.02:.2f}): {verdict}"})
    curve = lambda top, k: [{"epoch": e, "train_loss": 2.1 * math.exp(-e / k) + 0.03, "val_loss": 2.0 * math.exp(-e / k) + 0.12 + 0.01 * (e > 14) * (e - 14),
                             "train_accuracy": min(0.999, top + 0.03) * (1 - math.exp(-e / (k * 0.6))), "val_accuracy": top * (1 - math.exp(-e / (k * 0.6)))} for e in range(1, 21)]
    return {"schema_version": 1, "kind": "study", "study": name, "title": "Ten fruits on five runtimes" if rows else "Two networks, two runtimes, three precisions", "file": f"studies/{name}.yaml",
            "command": f"whet study studies/{name}.yaml", "started": "2026-11-21T09:30:00Z", "seconds": 1843.2, "mode": "default",
            "settings": {"batch": 1, "threads": 2, "cpus": [0, 1], "rounds": 5, "max_rounds": 15, "blocks": 4, "min_runs": 100, "min_seconds": 5.0, "warmup_runs": 10, "warmup_seconds": 0.5,
                         "seed": 0, "denormals": "zero", "optimisation": "all", "accept": "max=0.0001", "together": True},
            "inputs": {"source": "fruit val, 64 of 900 pictures", "count": 64, "sha256": "9f1c0e77"}, "contract_text": "224x224 bilinear crop, RGB, (x/255 - mean) / std, NCHW",
            "contract_source": "given by the study",
            "context": {"program": "whet 0.6.0", "machine": {"host": machine, "cpu": "A processor of 2.6 GHz", "cpus": 4, "physical_cores": 2, "isa": "avx512vnni", "governor": "performance",
                                                             "load1_before": 0.42, "load1_after": 1.9, "steal_share": 0.013, "virtual": "kvm", "memory_bytes": 8321499136,
                                                             "kernel": "6.1.0"}, "warnings": ["1.3 % of the CPU time was stolen by other guests"]},
            "data": {"name": "fruit", "source": "data/fruit", "classes": 10, "test_reads": len(out) - 1, "sha256": "ab12",
                     "splits": [{"name": "train", "count": 8100, "text": "90 % of the set's train"}, {"name": "val", "count": 900, "text": "seeded stratified 10 % of train (seed 0)"},
                                {"name": "test", "count": 1000, "text": "the set's own"}]},
            "choices": [{"what": f"best epoch of {m[0]}", "split": "val"} for m in models],
            "trainings": [{"label": f"{m[0]}, seed 0", "seconds": 412.0, "img_per_s": 524.0, "epochs": 20, "taken": "best epoch on val (14)", "params": int(m[4]),
                           "settings": {"optimizer": "sgd", "lr": 0.05, "batch": 64}, "curve": curve(m[1], 3 + i)} for i, m in enumerate(models)],
            "rows": out, "comparisons": comparisons,
            "steps": [{"name": "train", "label": "mobilenetv2, seed 0", "state": "done", "seconds": 412.0, "key": "0123456789abcdef0123"}]}
