#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model without a study file, and the keys `format` and `weights`: which rows there are, what a second run does, what is made
again after a loss, what the converter refuses, and the quality of pictures without labels. usage: model_alone.py WHET
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from study_steps import draw_set, write_png  # noqa: E402
from tiny_onnx import tiny_model  # noqa: E402

WHET = pathlib.Path(sys.argv[1]).resolve()
FAILED = []
LITTLE = {"min_time": 0.05, "iterations": 20, "warmup": 0.01}


def expect(condition, what):
    if not condition:
        FAILED.append(what)
        print(f"FAIL: {what}\nrepro: python3 {sys.argv[0]} {WHET}")


def whet(env, *args, code=0):
    done = subprocess.run([str(WHET), *map(str, args)], capture_output=True, text=True, env=env, timeout=240)
    expect(done.returncode == code, f"whet {' '.join(map(str, args))}: exit {done.returncode}, wanted {code}: {done.stderr[-600:]}")
    return done


def study(tmp, env, name, code=0, **settings):
    path = tmp / f"{name}.json"
    path.write_text(json.dumps({"out": str(tmp / name), "threads": 1, "runtimes": ["native"], "bench": LITTLE, **settings}))
    done = whet(env, "study", path, code=code)
    return done, json.loads((tmp / name / "result.json").read_text())


def by_state(doc, state):
    return sorted(f"{s['name']} {s['label']}" for s in doc["steps"] if s["state"] == state)


def trained(tmp, env):
    settings = {"model": "lenet", "data": str(tmp / "set"), "train": {"epochs": 2, "batch": 32}, "format": ["as-is", "tflite"], "eval": False}
    path = tmp / "made.json"
    path.write_text(json.dumps({"out": str(tmp / "made"), "threads": 1, "runtimes": ["native"], "bench": LITTLE, **settings}))
    planned = json.loads(whet(env, "study", path, "--dry-run", "--json").stdout)
    _, doc = study(tmp, env, "made", **settings)
    expect([(s["name"], s["label"]) for s in planned["steps"]] == [(s["name"], s["label"]) for s in doc["steps"]], f"the plan of a training: {planned['steps']}")
    expect([(r["model"], r["status"]) for r in doc["rows"]] == [("lenet.onnx", "ok"), ("lenet.tflite", "ok")], f"rows of a training: {[(r['model'], r['status']) for r in doc['rows']]}")
    return tmp / "made/models/lenet.onnx"


def alone(tmp, env, model):
    """Only native is here: the model itself and its 16-bit form."""
    args = ["study", model, "--data", tmp / "set", "-o", tmp / "alone", "--quick"]
    for key in LITTLE:
        args += ["--set", f"bench.{key}={LITTLE[key]}"]
    plan = whet(env, *args, "--dry-run")
    expect("convert" in plan.stdout and "lenet.f16.onnx on native" in plan.stdout and "2 rows" in plan.stdout and "(up to " in plan.stdout, f"the plan: {plan.stdout}")
    listed = [(s["name"], s["label"]) for s in json.loads(whet(env, *args, "--dry-run", "--json").stdout)["steps"]]
    expect(not (tmp / "alone").exists(), "a dry run touches nothing")
    done = whet(env, *args)
    doc = json.loads((tmp / "alone/result.json").read_text())
    rows = doc["rows"]
    expect([(s["name"], s["label"]) for s in doc["steps"]] == listed, f"the plan lists the steps of the run: {listed}")
    expect([r["model"] for r in rows] == ["lenet.onnx", "lenet.f16.onnx"], f"rows: {[r['model'] for r in rows]}")
    expect("plan: 2 rows" in done.stderr and "lenet.f16.onnx" in done.stdout, f"the talk: {done.stderr[:300]}")
    expect(all(r["status"] == "ok" and r["parity"]["ok"] and r["accuracy"]["value"] > 0.3 for r in rows), f"figures: {[(r['status'], r['accuracy']) for r in rows]}")
    expect(rows[1]["original"] == "lenet.onnx" and rows[1]["precision_in_file"] == "fp16" and rows[1]["axes"]["weights"] == "f16", "what the second row is")
    expect(rows[1]["parity"]["reference"] == rows[0]["parity"]["reference"] and rows[1]["parity"]["accept"] == "max=0.02", f"{rows[1]['parity']}")
    expect(0 < rows[1]["parity"]["outputs"][0]["max"] < 0.02, "16 bits differ from the original, and not by much")
    expect(rows[1]["size_bytes"] < 0.6 * rows[0]["size_bytes"], "16 bits take half the room")
    again = whet(env, *args)
    expect("nothing to do" in again.stderr, f"a second run does nothing: {again.stderr[-300:]}")
    # the file left behind gives the same rows; --quick has its own measuring time unless it is said again
    again = whet(env, "study", tmp / "alone/study.yaml", *args[4:])
    expect("nothing to do" in again.stderr, f"the study.yaml left behind runs the same: {again.stderr[-300:]}")
    report = (tmp / "alone/report.html").read_text()
    expect("lenet.f16.onnx" in report, "the report names the file")


def readable(tmp, env, model):
    """With whatever runtimes this machine has: a row for each, and none that cannot run."""
    doc = json.loads(whet(env, "study", model, "-o", tmp / "plan", "--dry-run", "--json").stdout)
    have = [r for r in json.loads(whet(env, "runtimes", "--json").stdout)["runtimes"] if r.get("available")]
    expect({r["runtime"] for r in doc["rows"]} == {r["name"] for r in have}, "every runtime that is present has a row")
    expect(all(r["reason"] == "" for r in doc["rows"]), f"no row is without sense: {[r['reason'] for r in doc['rows']]}")
    expect(sum(r["runtime"] == "native" for r in doc["rows"]) == 2, "native has the model and its 16-bit form")
    if not any(r["name"] == "ort" for r in have):
        print("SKIP: ort: not installed for the user")
        return
    given = ["--set", 'format=["as-is", "tflite"]', "--set", 'runtimes=["native", "ort"]', "--set", "weights=as-is"]
    doc = json.loads(whet(env, "study", model, "-o", tmp / "plan", "--dry-run", "--json", *given).stdout)
    odd = [r for r in doc["rows"] if r["reason"]]
    expect(len(doc["rows"]) == 4 and [(r["model"], r["runtime"]) for r in odd] == [("lenet.tflite", "ort")], f"both lists given: {[(r['model'], r['runtime'], r['status']) for r in doc['rows']]}")
    expect(odd[0]["status"].startswith("unsupported: ort does not read TFLite"), odd[0]["status"])


def forms(tmp, env, model):
    settings = {"model": str(model), "format": ["as-is", "tflite", "saved_model"], "weights": ["as-is", "f16"]}
    path = tmp / "forms.json"
    path.write_text(json.dumps({"out": str(tmp / "forms"), "threads": 1, "runtimes": ["native"], "bench": LITTLE, **settings}))
    planned = json.loads(whet(env, "study", path, "--dry-run", "--json").stdout)
    _, doc = study(tmp, env, "forms", **settings)
    expect([(s["name"], s["label"]) for s in planned["steps"]] == [(s["name"], s["label"]) for s in doc["steps"]], f"the plan of forms: {planned['steps']}")
    names = ["lenet.onnx", "lenet.f16.onnx", "lenet.tflite", "lenet.f16.tflite", "lenet.savedmodel", "lenet.f16.savedmodel"]
    expect([r["model"] for r in doc["rows"]] == names, f"names: {[r['model'] for r in doc['rows']]}")
    expect(all(r["status"] == "ok" and r["latency"]["p50"] > 0 for r in doc["rows"]), f"status: {[r['status'] for r in doc['rows']]}")
    expect(len({r["sha256"] for r in doc["rows"]}) == 6, "six different files")
    expect(len(by_state(doc, "done")) == 7, f"five conversions, a bench for each order of the channels: {by_state(doc, 'done')}")
    _, doc = study(tmp, env, "forms", **settings)
    expect(set(s["state"] for s in doc["steps"]) == {"reused"}, f"a second run: {doc['steps']}")
    (tmp / "forms/models/lenet.f16.tflite").unlink()
    _, doc = study(tmp, env, "forms", **settings)
    expect(by_state(doc, "done") == ["convert lenet.f16.tflite"], f"only the lost file is made again: {by_state(doc, 'done')}")
    _, doc = study(tmp, env, "taken", model=str(model), format=["onnx"])  # it is ONNX already
    expect([s["name"] for s in doc["steps"]] == ["bench"] and doc["rows"][0]["model"] == "lenet.onnx", f"{doc['steps']}")


def same_name(tmp, env, model):
    """Two models of one name: neither takes the other's file."""
    (tmp / "b").mkdir()
    (tmp / "b/lenet.onnx").write_bytes(model.read_bytes() + b"\x1a\x00")  # one more (empty) field: another file
    _, doc = study(tmp, env, "names", model=[str(model), str(tmp / "b/lenet.onnx")], format="tflite", bench=False)
    files = sorted(str(p.relative_to(tmp / "names/models")) for p in (tmp / "names/models").rglob("*.tflite"))
    expect(len(files) == 2 and files[-1] == "lenet.tflite", f"a file each: {files}")


def refused(tmp, env):
    """An operator that TFLite has not; 8-bit weights that only TFLite has: rows with reasons, and the others are measured."""
    (tmp / "asin.onnx").write_bytes(tiny_model().replace(b"Relu", b"Asin"))
    for _ in range(2):
        done, doc = study(tmp, env, "refused", code=1, model=str(tmp / "asin.onnx"), format=["as-is", "tflite"])
        rows = doc["rows"]
        expect(rows[0]["status"] == "ok" and rows[0]["latency"]["p50"] > 0, f"the model itself: {rows[0]['status']}")
        expect(rows[1]["status"].startswith("export failed: ") and "Asin" in rows[1]["reason"], f"the refusal: {rows[1]['status']}")
        expect("asin.tflite" in done.stdout and "Asin" in done.stdout, f"it is told: {done.stdout}")
        expect(not list((tmp / "refused/models").glob("*asin*")), "nothing is left of the refused file")
    _, doc = study(tmp, env, "eight", code=1, model=str(tmp / "asin.onnx"), weights=["as-is", "s8"])
    expect(doc["rows"][0]["status"] == "ok" and "TFLite" in doc["rows"][1]["reason"], f"8 bits as ONNX: {doc['rows'][1]['status']}")


def unlabelled(tmp, env, model):
    flat = tmp / "flat"
    flat.mkdir()
    for i in range(12):
        write_png(flat / f"{i}.png")
    done, doc = study(tmp, env, "flatly", model=str(model), weights=["as-is", "f16"], data=str(flat))
    expect(all(r["agreement"]["value"] == 1 and r["agreement"]["count"] > 0 for r in doc["rows"]), f"agreement: {[r.get('agreement') for r in doc['rows']]}")
    expect("agree %" in done.stdout and "100.0" in done.stdout and "accuracy n/a: no labelled data" in done.stdout, done.stdout)
    expect("agree %" in (tmp / "flatly/report.html").read_text(), "the report has the column too")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        tmp = pathlib.Path(scratch)
        here = dict(os.environ, WHET_HOME=str(tmp / "home"), NO_COLOR="1")
        env = dict(here, WHET_RUNTIMES=str(tmp / "none"))
        draw_set(tmp / "set", 640, 100)
        model = trained(tmp, env)
        alone(tmp, env, model)
        readable(tmp, dict(os.environ, NO_COLOR="1"), model)
        forms(tmp, env, model)
        same_name(tmp, env, model)
        refused(tmp, env)
        unlabelled(tmp, env, model)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
