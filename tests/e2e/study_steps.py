#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small study on drawn pictures: rows, exit codes, what a second run does, what a change or a lost file does again,
interruption, and the contract's rule. usage: study_steps.py WHET
"""
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

WHET = pathlib.Path(sys.argv[1]).resolve()
FAILED = []


def expect(condition, what):
    if not condition:
        FAILED.append(what)
        print(f"FAIL: {what}\nrepro: python3 {sys.argv[0]} {WHET}")


def write_idx(path, shape, data):
    path.write_bytes(struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + bytes(data))


def draw_set(folder, train, test):
    """Ten classes, told by the place of a bright bar."""
    rng = random.Random(1)
    folder.mkdir()
    for split, n in (("train", train), ("t10k", test)):
        labels = [i % 10 for i in range(n)]
        pixels = bytearray()
        for label in labels:
            picture = bytearray(rng.randrange(60) for _ in range(784))
            for y in range(4, 24):
                for x in (2 * label + 3, 2 * label + 4):
                    picture[28 * y + x] = 200
            pixels += picture
        write_idx(folder / f"{split}-images-idx3-ubyte", (n, 28, 28), pixels)
        write_idx(folder / f"{split}-labels-idx1-ubyte", (n,), labels)


def write_png(path):
    raw = b"".join(b"\0" + bytes(28) for _ in range(28))
    chunk = lambda t, d: struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def whet(env, *args, code=0):
    done = subprocess.run([str(WHET), *map(str, args)], capture_output=True, text=True, env=env, timeout=240)
    expect(done.returncode == code, f"whet {' '.join(map(str, args))}: exit {done.returncode}, wanted {code}: {done.stderr[-400:]}")
    return done


def states(out):
    return {(s["name"], s["label"]): s["state"] for s in json.loads((out / "result.json").read_text())["steps"]}


def reads_yaml(tmp, env):
    """The minimal build reads studies as JSON only, and says so."""
    probe = tmp / "probe.yaml"
    probe.write_text("model: lenet\n")
    done = subprocess.run([str(WHET), "study", str(probe), "--dry-run"], capture_output=True, text=True, env=env, timeout=60)
    return not (done.returncode == 3 and "JSON only" in done.stderr)


def main_study(tmp, env):
    yaml, out = tmp / "small.yaml", tmp / "out"
    if reads_yaml(tmp, env):
        yaml.write_text(f"model: lenet\nout: {out}\ndata: {tmp / 'set'}\ntrain: {{epochs: 2, batch: 32}}\nruntimes: [native, nosuch]\n"
                        "threads: 1\nbench: {min_time: 0.05, iterations: 20, warmup: 0.01}\n")
    else:
        yaml.write_text(json.dumps({"model": "lenet", "out": str(out), "data": str(tmp / "set"), "train": {"epochs": 2, "batch": 32},
                                    "runtimes": ["native", "nosuch"], "threads": 1,
                                    "bench": {"min_time": 0.05, "iterations": 20, "warmup": 0.01}}))
    plan = whet(env, "study", yaml, "--dry-run")
    expect("to do" in plan.stdout and not out.exists(), "a dry run plans and touches nothing")
    whet(env, "study", yaml, "--quick", code=1)  # one row has no runtime
    doc = json.loads((out / "result.json").read_text())
    rows = doc["rows"]
    expect([r["status"].split(":")[0] for r in rows] == ["ok", "runtime missing"], f"status of the rows: {[r['status'] for r in rows]}")
    expect(rows[0]["parity"]["ok"] and rows[0]["latency"]["p50"] > 0 and rows[0]["accuracy"]["value"] > 0.5, "the good row has figures")
    expect(doc["data"]["test_reads"] == 1, f"test reads: {doc['data']['test_reads']}")
    for name in ("report.html", "report.csv", "report.md", "study.yaml", "study.sqlite", "models/lenet.onnx"):
        expect((out / name).is_file(), f"{name} is written")
    for path in out.rglob("*"):  # times of files never matter
        os.utime(path, (1, 1))
    again = whet(env, "study", yaml, "--quick", code=1)
    expect(set(states(out).values()) == {"reused"} and "nothing to do" in again.stderr, f"a second run does nothing: {states(out)}")
    (out / "models/lenet.onnx").unlink()
    whet(env, "study", yaml, "--quick", code=1)
    now = states(out)
    expect([k[0] for k, v in now.items() if v == "done"] == ["export"], f"only the lost file is made again: {now}")
    whet(env, "study", yaml, "--quick", "--set", "bench.iterations=25", code=1)
    expect([k[0] for k, v in states(out).items() if v == "done"] == ["bench"], f"only the bench is done again: {states(out)}")
    runs = json.loads(whet(env, "results", "list", "--json").stdout)["runs"]
    expect(len(runs) >= 3 and all(r["study"] == "small" for r in runs), "runs are in the user's store")
    whet(env, "study", yaml, "--quick", "--set", 'runtimes=["nosuch"]', "--set", f"out={tmp / 'none'}", code=3)
    return out


def same_split(tmp, env, model):
    """The bench takes its pictures from the validation split of the study: its share and its seed."""
    seen = set()
    for seed in (0, 1):
        out, study = tmp / f"split{seed}", tmp / "split.json"
        study.write_text(json.dumps({"model": str(model), "out": str(out), "runtimes": ["native"], "threads": 1, "seed": seed,
                                     "data": {"name": str(tmp / "set"), "val": "0.2"},
                                     "bench": {"min_time": 0.05, "iterations": 20, "warmup": 0.01}}))
        whet(env, "study", study, "--quick")
        doc = json.loads((out / "result.json").read_text())
        val = [s for s in doc["data"]["splits"] if s["name"] == "val"][0]
        expect(val["count"] == 130 and f"20 % of train (seed {seed})" in val["text"], f"the text of the split: {val}")
        expect("of 130 pictures" in doc["inputs"]["source"], f"the bench's pictures: {doc['inputs']['source']}")
        expect(doc["rows"][0]["parity"]["inputs"] == 64, f"parity on 64 pictures: {doc['rows'][0]['parity']}")
        seen.add(doc["inputs"]["sha256"])
    expect(len(seen) == 2, "another seed is another validation split, in the bench too")
    out, study = tmp / "seeds", tmp / "seeds.json"
    study.write_text(json.dumps({"model": str(model), "out": str(out), "runtimes": ["native"], "threads": 1, "seed": [0, 1], "data": {"name": str(tmp / "set"), "val": "0.2"},
                                 "bench": False}))
    whet(env, "study", study, "--quick")
    val = [s for s in json.loads((out / "result.json").read_text())["data"]["splits"] if s["name"] == "val"][0]
    expect(val["text"].endswith("(seed 0); seeded stratified 20 % of train (seed 1)"), f"one of two validation splits is not told of: {val['text']}")


def same_arithmetic(tmp, env, model):
    """A row's accuracy is that of the arithmetic that was asked for, never of the file's own under another name."""
    out, study = tmp / "arithmetic", tmp / "arithmetic.json"
    study.write_text(json.dumps({"model": str(model), "out": str(out), "runtimes": ["native"], "threads": 1, "precision": ["default", "bf16"],
                                 "data": str(tmp / "set"), "bench": False}))
    whet(env, "study", study, "--quick", code=1)
    rows = json.loads((out / "result.json").read_text())["rows"]
    expect(rows[0]["accuracy"]["value"] > 0.5, f"the file's own arithmetic: {rows[0]['accuracy']}")
    expect(rows[1]["status"].startswith("unsupported") and not rows[1].get("accuracy"),
           f"native has no bf16, so that row has no accuracy: {rows[1]['status']}, {rows[1].get('accuracy')}")


def accuracy_loss(tmp, env, model):
    """What a smaller file loses against the f32 one stands in its row, picture by picture."""
    out, study, half = tmp / "loss", tmp / "loss.json", tmp / "half.onnx"
    whet(env, "convert", model, half, "--precision", "f16")
    study.write_text(json.dumps({"model": [str(half), str(model)], "out": str(out), "runtimes": ["native"], "threads": 1,
                                 "data": str(tmp / "set"), "bench": {"min_time": 0.05, "iterations": 20, "warmup": 0.01}}))
    done = whet(env, "study", study, "--quick")
    small, base = json.loads((out / "result.json").read_text())["rows"]
    expect(base["precision"].startswith("f32") and base["accuracy"]["delta"] is None, f"the f32 row is the base: {base['accuracy']}")
    expect(small["precision_in_file"] == "fp16", f"the half file's precision: {small['precision_in_file']}")
    a, n = small["accuracy"], small["accuracy"]["count"]
    right = [int(r["eval"]["hits"]["right"], 16) for r in (base, small)]
    flips = [bin(right[1] & ~right[0]).count("1"), bin(right[0] & ~right[1]).count("1")]
    expect(a["delta_base"] == base["id"] and [a["fixed"], a["broken"]] == flips, f"flips {flips}: {a}")
    expect(abs(a["delta"] - (a["value"] - base["accuracy"]["value"])) < 1e-9 and abs(a["delta"] - (flips[0] - flips[1]) / n) < 1e-9, f"the difference: {a}")
    expect(a["delta_low"] <= a["delta"] <= a["delta_high"] and a["delta_low"] < a["delta_high"], f"its interval: {a}")
    expect(a["acceptable"] == (a["value"] >= 0.99 * base["accuracy"]["value"]), f"MLPerf's word: {a}")
    expect("of the f32 row" in done.stdout, f"it is printed: {done.stdout[-600:]}")
    done = whet(env, "study", study, "--quick", "--set", "eval.batch=32")  # evaluated again: the test split has been seen twice
    data = json.loads((out / "result.json").read_text())["data"]
    expect([data["test_reads"], data["test_reads_ever"]] == [2, 4] and "4 times since" in " ".join(done.stdout.split()), f"reads of the test split: {data}")


def fallback(tmp, env, model):
    """A set that cannot be had is replaced by the generator in every step, not only the first."""
    out = tmp / "drawn"
    study = tmp / "drawn.json"
    study.write_text(json.dumps({"model": str(model), "out": str(out), "runtimes": ["native"], "threads": 1,
                                 "data": {"name": "mnist", "fallback": True, "download": False, "limit": 200},
                                 "bench": {"min_time": 0.05, "iterations": 20, "warmup": 0.01}}))
    whet({**env, "WHET_SHARED": str(tmp / "nothing-here")}, "study", study)
    doc = json.loads((out / "result.json").read_text())
    expect("built-in generator" in doc["data"]["source"], f"the document says where the pictures are from: {doc['data']}")
    expect(doc["rows"][0]["status"] == "ok" and doc["rows"][0]["accuracy"]["value"] > 0, f"the row is measured: {doc['rows'][0]}")


def interruption(tmp, env):
    out = tmp / "cut"
    args = ["study", tmp / "small.yaml", "--quick", "--set", f"out={out}", "--set", 'runtimes=["native"]', "--set", "train.epochs=300"]
    p = subprocess.Popen([str(WHET), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    deadline = time.time() + 60
    while time.time() < deadline and not list(out.glob("train/*/last.safetensors")):
        time.sleep(0.05)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=60)
    expect(p.returncode == 130 and "the same command goes on" in err, f"interrupted: exit {p.returncode}: {err[-300:]}")
    expect(not (out / "result.json").exists(), "an interrupted study leaves no result")
    before = list(out.glob("train/*/last.safetensors"))
    p = subprocess.Popen([str(WHET), *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    time.sleep(1)
    p.send_signal(signal.SIGINT)
    p.wait(60)
    expect(p.returncode == 130 and list(out.glob("train/*/last.safetensors")) == before, "the training goes on in its own folder")


def bad_input(tmp, env, model):
    bad = tmp / "bad.yaml"
    yaml = reads_yaml(tmp, env)
    bad.write_text("model: lenet\ntrain:\n  epocs: 3\n" if yaml else '{"model": "lenet", "train": {"epocs": 3}}')
    err = whet(env, "study", bad, code=2).stderr
    expect(("bad.yaml:3" if yaml else "bad.yaml:1") in err and "did you mean 'epochs'?" in err, f"misspelt key: {err}")
    bad.write_text("model: [lenet\n")
    whet(env, "study", bad, code=3)
    whet(env, "study", tmp / "none.yaml", code=3)
    whet(env, "study", tmp / "none.onnx", code=3)
    flat = tmp / "flat"
    flat.mkdir()
    for i in range(12):
        write_png(flat / f"{i}.png")
    shared = os.environ.get("WHET_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared"
    bare = pathlib.Path(shared) / "models/mnist-pytorch/model.onnx"
    if bare.is_file():  # a file that carries no contract
        err = whet(env, "study", bare, "--data", flat, "-o", tmp / "bare", "--quick", code=2).stderr
        expect("--contract" in err, f"unlabelled pictures without a contract: {err}")
    elif "shared" in os.environ.get("WHET_REQUIRE", "").split(","):
        expect(False, f"shared is required, but: {bare} not found")
    else:
        print(f"SKIP: shared: {bare} not found (set WHET_SHARED)")
    expect(whet(env, "study", "schema").stdout.startswith("{"), "the schema is JSON")
    whet(env, "study", "init", tmp / "new.yaml")
    whet(env, "study", "init", tmp / "new.yaml", code=2)
    # a model alone, without data: seeded images, no accuracy
    done = whet(env, "study", model, "-o", tmp / "alone", "--quick", "--set", 'runtimes=["native"]', "--set", "threads=1", "--set",
                "bench.min_time=0.05")
    expect("accuracy n/a: no data" in done.stdout, f"no data: {done.stdout[-400:]}")
    expect((tmp / "alone/study.yaml").is_file(), "the study that ran is left")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        tmp = pathlib.Path(scratch)
        env = dict(os.environ, WHET_HOME=str(tmp / "home"), NO_COLOR="1")
        draw_set(tmp / "set", 640, 100)
        out = main_study(tmp, env)
        same_split(tmp, env, out / "models/lenet.onnx")
        same_arithmetic(tmp, env, out / "models/lenet.onnx")
        accuracy_loss(tmp, env, out / "models/lenet.onnx")
        fallback(tmp, env, out / "models/lenet.onnx")
        interruption(tmp, env)
        bad_input(tmp, env, out / "models/lenet.onnx")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
