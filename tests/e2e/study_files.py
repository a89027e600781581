#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A study in a folder that holds the user's own files (`-o .`), and models that cannot be read or are named oddly: nothing of the
user's is replaced, a file that fails is one row. usage: study_files.py WHET
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from tiny_onnx import tiny_model  # noqa: E402

WHET = pathlib.Path(sys.argv[1]).resolve()
FAILED = []
QUICK = ["--quick", "--store", "x.sqlite", "--set", "threads=1", "--set", "bench.min_time=0.02", "--set", "bench.warmup=0.01", "--set", "bench.iterations=20"]


def expect(condition, what):
    if not condition:
        FAILED.append(what)
        print(f"FAIL: {what}\nrepro: python3 {sys.argv[0]} {WHET}")


def whet(env, folder, *args, code=0):
    done = subprocess.run([str(WHET), *map(str, args)], capture_output=True, text=True, env=env, timeout=120, cwd=folder)
    expect(done.returncode == code, f"whet {' '.join(map(str, args))}: exit {done.returncode}, wanted {code}: {done.stderr[-600:]}")
    return done


def rows_of(folder):
    return [(r["model"], r["status"]) for r in json.loads((folder / "result.json").read_text())["rows"]]


def folder_of(tmp, name, *models):
    folder = tmp / name
    for m in models:
        (folder / m).parent.mkdir(parents=True, exist_ok=True)
        (folder / m).write_bytes(tiny_model())
    return folder


def own_files(tmp, env):
    """What lies below models/ and was made by nobody here stays; a second run takes its own files up."""
    native = ["--set", "runtime=native", *QUICK]
    for linked in (False, True):
        folder = folder_of(tmp, f"own{linked:d}", "elsewhere/a.onnx" if linked else "models/a.onnx")
        if linked:
            (folder / "models").symlink_to("elsewhere")
        mine = folder / "models/a.f16.onnx"
        mine.write_text("mine")
        for _ in range(2):
            done = whet(env, folder, "study", "models/a.onnx", "-o", ".", *native)
            expect(mine.read_text() == "mine", f"the user's a.f16.onnx (linked: {linked})")
            expect(rows_of(folder) == [("a.onnx", "ok"), ("a.f16.onnx", "ok")], f"rows: {rows_of(folder)}")
        expect("nothing to do" in done.stderr, f"the second run: {done.stderr[-200:]}")
        expect(len(list(folder.glob("models/*/a.f16.onnx"))) == 1, "the made file lies in a folder of its own")
    folder = folder_of(tmp, "edited", "a.onnx")
    whet(env, folder, "study", "a.onnx", "-o", "out", *native)
    (folder / "out/models/a.f16.onnx").write_text("edited")
    whet(env, folder, "study", "a.onnx", "-o", "out", *native)
    expect((folder / "out/models/a.f16.onnx").read_text() == "edited", "a made file that was changed since is somebody's work")


def own_model(tmp, env):
    """Two rows of one name, the second model lies where the first one's converted file would."""
    folder = folder_of(tmp, "rows", "src/a.onnx", "models/a.onnx")
    whet(env, folder, "convert", "src/a.onnx", "src/a.tflite")
    before = (folder / "models/a.onnx").read_bytes()
    (folder / "models/a.onnx").chmod(0o444)
    for model in ("models/a.onnx", "./models/../models/a.onnx"):
        (folder / "s.yaml").write_text(f"model: [src/a.tflite, {model}]\nformat: onnx\nout: .\nruntimes: [native]\n")
        whet(env, folder, "study", "s.yaml", *QUICK)
        expect((folder / "models/a.onnx").read_bytes() == before, f"a row's own model is left ({model})")
        expect([s for _, s in rows_of(folder)] == ["ok", "ok"], f"rows: {rows_of(folder)}")


def own_study(tmp, env):
    """study.yaml and result.json of the user in the folder: refused with the way out, before anything is written."""
    native = ["--set", "runtime=native", *QUICK]
    for name in ("study.yaml", "result.json", "report.html"):
        folder = folder_of(tmp, f"has-{name}", "a.onnx")
        (folder / name).write_text("# mine\n")
        for more in ([], ["--dry-run"]):
            done = whet(env, folder, "study", "a.onnx", "-o", ".", *native, *more, code=2)
            expect(name in done.stderr and "-o" in done.stderr, f"the refusal: {done.stderr[-300:]}")
        expect(sorted(p.name for p in folder.iterdir()) == sorted(["a.onnx", name]) and (folder / name).read_text() == "# mine\n", f"{name} is left, nothing is added")
    folder = folder_of(tmp, "source", "a.onnx")
    text = "# what I think\nmodel: a.onnx   # the old one\nout: .\nruntimes: [native]\n"
    (folder / "study.yaml").write_text(text)
    for _ in range(2):
        whet(env, folder, "study", "study.yaml", *QUICK)
        expect((folder / "study.yaml").read_text() == text, "the source keeps its comments")
    done = whet(env, folder, "study", "a.onnx", "-o", ".", *native, code=2)
    expect((folder / "study.yaml").read_text() == text and "by hand" in done.stderr, f"nor does another study replace it: {done.stderr[-300:]}")
    folder = folder_of(tmp, "ours", "a.onnx")
    whet(env, folder, "study", "a.onnx", "-o", "out", *native)
    whet(env, folder, "study", "out/study.yaml", *QUICK)
    whet(env, folder, "study", "a.onnx", "-o", "out", *native, "--set", "seed=7")
    expect("seed: 7" in (folder / "out/study.yaml").read_text(), "the file that whet left is replaced by its next run")
    with open(folder / "out/study.yaml", "a") as f:
        f.write("# a note\n")
    whet(env, folder, "study", "a.onnx", "-o", "out", *native, "--set", "seed=8", code=2)
    expect((folder / "out/study.yaml").read_text().endswith("# a note\n"), "an edited one is not")


def unreadable(tmp, env):
    """A model that cannot be read, or whose converted name is too long, is its own rows' misfortune."""
    long = "n" * 248 + ".onnx"
    folder = folder_of(tmp, "unreadable", "a.onnx", long)
    (folder / "d.onnx").mkdir()
    (folder / "s.json").write_text(json.dumps({"model": ["d.onnx", "a.onnx", long], "weights": ["as-is", "f16"], "out": "out", "runtimes": ["native"]}))
    whet(env, folder, "study", "s.json", *QUICK, code=1)
    rows = rows_of(folder / "out") if (folder / "out/result.json").exists() else []
    expect(len(rows) == 6 and [s == "ok" for _, s in rows] == [False, False, True, True, True, False], f"rows: {[(m[:9], s[:60]) for m, s in rows]}")
    expect(len(rows) == 6 and "folder" in rows[0][1] and "too long" in rows[5][1], f"reasons: {[s[-90:] for _, s in rows]}")


def folder_model(tmp, env):
    """A SavedModel is a folder; one that is no model is refused by name."""
    folder = folder_of(tmp, "folders", "a.onnx")
    whet(env, folder, "convert", "a.onnx", "a.savedmodel")
    (folder / "a.savedmodel").rename(folder / "plain")
    whet(env, folder, "convert", "a.onnx", "a.savedmodel")
    for given, row in (("a.savedmodel", "a.savedmodel"), ("a.savedmodel/", "a.savedmodel"), ("plain", "plain")):
        out = f"out-{given.strip('/')}"
        whet(env, folder, "study", given, "-o", out, "--set", "runtime=native", "--set", "weights=as-is", *QUICK)
        got = rows_of(folder / out) if (folder / out / "result.json").exists() else []
        expect(got == [(row, "ok")], f"{given}: {got}")
    (folder / "empty").mkdir()
    done = whet(env, folder, "study", "empty", *QUICK, code=3)
    expect("no model" in done.stderr, f"a folder without a model: {done.stderr[-300:]}")


def odd_names(tmp, env):
    """No name leads out of runs/."""
    folder = folder_of(tmp, "odd/deep/er", "...onnx", "..onnx", "a.onnx")
    for model, more, out in (("...onnx", [], "study"), ("..onnx", [], "study"), ("a.onnx", ["--set", "name=../../evil"], "_.._evil")):
        doc = json.loads(whet(env, folder, "study", model, "--dry-run", "--json", "--set", "runtime=native", *more, *QUICK).stdout)
        expect(doc["out"].startswith(f"runs/{out}"), f"{model} {more}: {doc['out']}")


def same_base(tmp, env):
    """Two models of one name, each alone: neither takes the other's folder, and each finds its own again."""
    folder = folder_of(tmp, "bases", "d1/a.onnx", "d2/a.onnx")
    native = ["--set", "runtime=native", "--set", "weights=as-is", *QUICK]
    whet(env, folder, "study", "d1/a.onnx", *native)
    before = (folder / "runs/a/result.json").read_bytes()
    told = whet(env, folder, "study", "d2/a.onnx", *native)
    expect("another model" in told.stderr and (folder / "runs/a/result.json").read_bytes() == before, f"the first one's results: {told.stderr[-300:]}")
    for model in ("d2/a.onnx", "./d2/a.onnx", "d1/a.onnx"):
        again = whet(env, folder, "study", model, *native)
        expect("nothing to do" in again.stderr, f"{model} again: {again.stderr[-300:]}")
    expect(len(list((folder / "runs").iterdir())) == 2, f"two folders: {list((folder / 'runs').iterdir())}")


def same_name(tmp, env):
    """Two study files of one name: the second is refused with the way out; the first goes on, edited or not, and a copy of it resumes."""
    folder = folder_of(tmp, "names", "p/a.onnx", "q/a.onnx")
    text = "name: one\nmodel: %s/a.onnx\nruntimes: [native]\n"
    for one in "pq":
        (folder / f"{one}/s.yaml").write_text(text % one)
    whet(env, folder, "study", "p/s.yaml", *QUICK)
    before = (folder / "runs/one/result.json").read_bytes()
    for more in ([], ["--dry-run"]):
        done = whet(env, folder, "study", "q/s.yaml", *QUICK, *more, code=2)
        expect("p/s.yaml" in done.stderr and "-o" in done.stderr and "name" in done.stderr, f"the refusal: {done.stderr[-300:]}")
    expect((folder / "runs/one/result.json").read_bytes() == before, "the first one's results stay")
    whet(env, folder, "study", "q/s.yaml", "--set", "name=two", *QUICK)
    whet(env, folder, "study", "p/s.yaml", "--set", "seed=3", *QUICK)
    (folder / "copy.yaml").write_text(text % "p")
    done = whet(env, folder, "study", "copy.yaml", "--set", "seed=3", *QUICK)
    expect("nothing to do" in done.stderr, f"a copy goes on: {done.stderr[-300:]}")
    whet(env, folder, "study", "p/s.yaml", *QUICK)
    whet(env, folder, "study", "runs/one/study.yaml", *QUICK)
    (folder / "p").rename(folder / "moved")
    (folder / "moved/s.yaml").write_text(text % "moved")
    whet(env, folder, "study", "moved/s.yaml", *QUICK)
    whet(env, folder, "study", "q/s.yaml", "-o", "runs/one", *QUICK)
    (folder / "a.yaml").write_text("model: q/a.onnx\nruntimes: [native]\n")
    whet(env, folder, "study", "a.yaml", *QUICK)
    told = whet(env, folder, "study", "q/a.onnx", "--set", "runtime=native", "--set", "weights=as-is", *QUICK)
    expect("another study" in told.stderr and len(list((folder / "runs").glob("a-*"))) == 1, f"nor does a model alone take a study's folder: {told.stderr[-300:]}")


def one_label(tmp, env):
    """Different models of one name in one study: the folder is part of the row's name; copies need none."""
    folder = folder_of(tmp, "labels", "x/d/a.onnx", "y/d/a.onnx", "x/c/b.onnx", "y/c/b.onnx")
    (folder / "y/d/a.onnx").write_bytes(tiny_model() + b"\x1a\x00")
    models = ["x/d/a.onnx", "y/d/a.onnx", "x/c/b.onnx", "y/c/b.onnx"]
    (folder / "s.json").write_text(json.dumps({"model": models, "weights": ["as-is", "f16"], "out": "out", "runtimes": ["native"]}))
    whet(env, folder, "study", "s.json", *QUICK)
    got = [m for m, _ in rows_of(folder / "out")]
    expect(got == ["x/d/a.onnx", "x/d/a.f16.onnx", "y/d/a.onnx", "y/d/a.f16.onnx", "b.onnx", "b.f16.onnx", "b.onnx", "b.f16.onnx"], f"names: {got}")


def nothing_in_it(tmp, env):
    folder = folder_of(tmp, "zero", "a.onnx")
    eight = b"\x0a\x02\x08\x08"
    (folder / "a.onnx").write_bytes(tiny_model().replace(eight, b"\x0a\x02\x08\x00"))
    done = whet(env, folder, "study", "a.onnx", "-o", "out", "--set", "runtime=native", *QUICK, code=3)
    expect("dimension 2 of input 'x' is 0" in " ".join(done.stdout.split()), f"the reason: {done.stdout[-500:]} {done.stderr[-300:]}")


def main():
    with tempfile.TemporaryDirectory(prefix="whet-files-") as scratch:
        tmp = pathlib.Path(scratch)
        env = dict(os.environ, WHET_HOME=str(tmp / "home"), WHET_RUNTIMES=str(tmp / "none"), NO_COLOR="1")
        for part in (own_files, own_model, own_study, unreadable, folder_model, odd_names, same_base, same_name, one_label, nothing_in_it):
            part(tmp, env)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
