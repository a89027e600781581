#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken study files, results of a newer schema, a full disk, a locked store: one clear message, nothing lost.

A full disk is a small tmpfs in a user namespace of its own (a SKIP where namespaces are not allowed) and a limit on the size of
files. usage: robust.py WHET"""
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tiny_onnx import tiny_model  # noqa: E402

WHET = os.path.abspath(sys.argv[1])
FAILED, PASSED, SKIPPED = [], [0], []


def run(folder, *args, limit=None, seconds=60, **env):
    def prepare():
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    full = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "WHET_STORE": str(folder / "own.sqlite"), "WHET_STORE_WAIT": "0.2", **env}
    try:
        done = subprocess.run([WHET, *map(str, args)], cwd=folder, env=full, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, preexec_fn=prepare)
    except subprocess.TimeoutExpired:
        return 124, "", f"over {seconds} s"
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def expect(what, condition, detail=""):
    if condition:
        PASSED[0] += 1
    else:
        FAILED.append(what)
        print(f"FAIL: {what}: {str(detail)[-1500:]}\n  repro: python3 {' '.join(sys.argv)}")


def expect_error(what, got, code, *texts):
    """Exit code (or one of several), all texts on stderr, a message of a line or two without control characters."""
    have, _, err = got
    codes = code if isinstance(code, tuple) else (code,)
    lines = [x for x in err.splitlines() if x.strip()]
    clean = all(c.isprintable() or c in "\n\t" for c in err)
    expect(what, have in codes and all(t in err for t in texts) and 1 <= len(lines) <= 3 and clean and len(err) < 2000, f"exit {have}: {err!r}")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


BENCH = ["--runtime", "native", "--quick", "--threads", "1", "--iterations", "6", "--min-time", "0.02", "--warmup", "1", "-q"]
STUDY = {"model": "m.onnx", "runtime": "native", "threads": 1, "bench": {"min_time": 0.02, "iterations": 6}}


# --- study files
def deep(opening, closing, n=20000):
    return opening * n + closing * n


HOSTILE = [
    ("empty", b"", ()),
    ("junk", bytes(range(256)) * 40, ()),
    ("zeros", b"\0" * 5000, ()),
    ("half a character", b"model: lenet\ntitle: \"a\xe2\x82\"\n", ()),
    ("cut in a quote", b"model: \"lenet\ndata: digits\n", ()),
    ("deep lists", b"model: " + deep(b"[", b"]"), ()),
    ("deep maps", deep(b"{a: ", b"}"), ()),
    ("alias bomb", b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nmodel: [*b,*b,*b,*b,*b,*b]\n", ()),
    ("alias of itself", b"model: &m [*m]\n", ()),
    ("a tag that makes objects", b"model: !!python/object/apply:os.system [\"touch owned\"]\n", ()),
    ("twice", b"model: lenet\nmodel: resnet20\n", ("model",)),
    ("unknown key", b"model: lenet\nepochz: 3\n", ("epochz", ":2")),
    ("escape codes in a key", b"model: lenet\n\"\\e[31mred\": 3\n", ()),
    ("escape codes in a value", b"model: \"\\e]0;title\\a\"\n", ()),
    ("a list at the top", b"- model\n- lenet\n", ()),
    ("a number too large", b"model: lenet\ntrain: {epochs: 1e999}\n", ()),
    ("not a number", b"model: lenet\ntrain: {lr: .nan}\n", ("lr",)),
    ("negative threads", b"model: lenet\nthreads: -4\n", ("threads",)),
    ("too many rows", b"model: lenet\nseed: [" + b",".join(b"%d" % i for i in range(3000)) + b"]\n", ()),
    ("a product of axes", b"model: lenet\nseed: [1,2,3,4,5,6,7,8,9,10,11,12,13]\nbatch: [1,2,3,4,5,6,7,8,9,10,11,12,13]\nthreads: [1,2,3,4,5,6,7,8,9,10,11,12,13]\n", ()),
    ("a long name", b"model: " + b"x" * 200000 + b"\n", ()),
    ("five megabytes", b"model: lenet\n# " + b"x" * (5 << 20) + b"\n", ()),
    ("a device as model", b"model: /dev/zero\nruntime: native\n", ("/dev/zero",)),
    ("a folder as model", b"model: /\nruntime: native\n", ()),
    ("the process's own memory as model", b"model: /proc/self/mem\nruntime: native\n", ("/proc/self/mem",)),
    ("a device as data", b"model: lenet\ndata: /dev/zero\n", ("/dev/zero",)),
    ("no model", b"data: digits\n", ("model",)),
    ("only quick", b"quick: 3\n", ()),
    ("an exclusion of nothing", b"model: lenet\nexclude: [[1]]\n", ()),
]


def studies(folder):
    for name, text, texts in HOSTILE:
        file = folder / "s.yaml"
        file.write_bytes(text)
        for more in ([], ["--dry-run"]):
            got = run(folder, "study", file.name, *more, seconds=20)
            if "memory" in name and more:
                continue  # of an empty file a plan has nothing to say
            expect_error(f"study file with {name} {more}", got, (2, 3), *texts)
    expect("nothing was executed or made", sorted(p.name for p in folder.iterdir() if p.name not in ("runs", "own.sqlite")) == ["s.yaml"], list(folder.iterdir()))
    os.mkfifo(folder / "pipe.yaml")
    expect_error("a pipe as study", run(folder, "study", "pipe.yaml", seconds=10), 3, "pipe.yaml")
    (folder / "dir.yaml").mkdir()
    expect_error("a folder as study", run(folder, "study", "dir.yaml", seconds=10), 3, "dir.yaml")
    expect_error("a study that is not there", run(folder, "study", "none.yaml"), 3, "none.yaml")
    for text in (b"{", b'{"model": 1e999}', b'{"model": "lenet", "model": "lenet"}', b'{"model": "\xff"}', b"[" * 50000):
        (folder / "s.json").write_bytes(text)
        expect_error(f"study {text[:30]}", run(folder, "study", "s.json", "--dry-run", seconds=20), (2, 3))


# --- newer schemas
def newer(folder):
    (folder / "m.onnx").write_bytes(tiny_model())
    code, _, err = run(folder, "bench", "m.onnx", *BENCH, "--json=old.json")
    expect("a bench to begin with", code == 0, err)
    doc = json.loads((folder / "old.json").read_text())
    doc["schema_version"] = 2
    (folder / "new.json").write_text(json.dumps(doc))
    store = folder / "own.sqlite"
    before = digest(store)
    says = ("schema version 2", "use a newer whet")
    for args in (["compare", "old.json", "new.json"], ["compare", "new.json", "old.json"], ["results", "import", "new.json"], ["results", "audit", "new.json"],
                 ["report", "new.json", "--html", "r.html"], ["bench", "m.onnx", *BENCH, "--baseline", "new.json"]):
        expect_error(f"newer result: {args}", run(folder, *args), 3, "new.json", *says)
    expect("the store is untouched", digest(store) == before)
    expect("no report was made", not (folder / "r.html").exists())
    (folder / "export.json").write_text(json.dumps({"whet_export": 2, "runs": []}))
    expect_error("newer export", run(folder, "results", "import", "export.json"), 3, "export.json", "use a newer whet")
    doc["schema_version"] = "2"
    (folder / "odd.json").write_text(json.dumps(doc))
    expect_error("a schema that is no number", run(folder, "compare", "old.json", "odd.json"), 3, "odd.json", "schema_version")
    with contextlib.closing(sqlite3.connect(store)) as db:  # a run that a newer program stored
        db.execute("UPDATE documents SET document=replace(document, '\"schema_version\":1', '\"schema_version\":2')")
        db.commit()
    for args in (["results", "show", "1"], ["compare", "1", "old.json"]):
        expect_error(f"newer stored run: {args}", run(folder, *args), 3, *says)
    expect("such a run can still be listed", run(folder, "results", "list")[0] == 0)
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA user_version=99")
    before = digest(store)
    for args in (["results", "list"], ["results", "tag", "1", "x"], ["results", "import", "old.json"], ["compare", "1", "1"]):
        expect_error(f"newer store: {args}", run(folder, *args), 3, "version 99", "use a newer whet", "own.sqlite")
    expect("the newer store is untouched", digest(store) == before)
    got = run(folder, "bench", "m.onnx", *BENCH)
    expect("a bench is kept in a file then", got[0] == 0 and "was not stored" in got[2] and kept_file(got[2]) is not None, got)
    expect("the newer store is still untouched", digest(store) == before)


def kept_file(err):
    """The file that the warning names."""
    parts = err.split("it lies in '")
    path = pathlib.Path(parts[1].split("'")[0]) if len(parts) > 1 else None
    return path if path is not None and path.exists() else None


# --- locks
@contextlib.contextmanager
def locked(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


def locks(folder):
    (folder / "m.onnx").write_bytes(tiny_model())
    expect("a bench to begin with", run(folder, "bench", "m.onnx", *BENCH, "--json=a.json")[0] == 0)
    (folder / "s.json").write_text(json.dumps(STUDY))
    store = folder / "own.sqlite"
    before = digest(store)
    with locked(store):
        for args in (["results", "list"], ["results", "tag", "1", "x"], ["results", "rm", "1"], ["results", "import", "a.json"], ["compare", "1", "1"],
                     ["results", "export", "-o", "e.json"]):
            expect_error(f"locked store: {args}", run(folder, *args), 3, "locked by another program", "own.sqlite", "try again")
        bench = run(folder, "bench", "m.onnx", *BENCH, "--json=b.json")
        study = run(folder, "study", "s.json", "--out", "out")
    expect("the store is as it was", digest(store) == before)
    expect("no half export", not (folder / "e.json").exists())
    file = kept_file(bench[2])
    expect("a bench beside a locked store is kept", bench[0] == 0 and file is not None and "locked" in bench[2], bench)
    if file is not None:
        expect("its file is taken in", "1 run added" in run(folder, "results", "import", file)[1])
        expect("and is the same run as what was printed", "there already" in run(folder, "results", "import", "b.json")[1])
    expect("a study beside a locked store is kept", study[0] == 0 and "results import out/result.json" in study[2] and (folder / "out/report.html").exists(), study)
    expect("its result is taken in", "1 run added" in run(folder, "results", "import", "out/result.json")[1])
    with locked(folder / "out/study.sqlite"):
        expect_error("a study whose own record is locked", run(folder, "study", "s.json", "--out", "out"), 3, "locked", "study.sqlite")
    again = run(folder, "study", "s.json", "--out", "out", "--json")
    expect("and goes on afterwards", again[0] == 0 and json.loads(again[1])["steps_done"] == 0, again)


# --- a terminal that is closed
def hangup(folder):
    """SIGHUP is an interruption like Ctrl-C; where it is ignored (nohup), the program goes on."""
    (folder / "m.onnx").write_bytes(tiny_model())
    env = {**os.environ, "WHET_STORE": str(folder / "own.sqlite")}
    for ignored, seconds in ((False, "50"), (True, "1")):
        with subprocess.Popen([WHET, "bench", "m.onnx", *BENCH, "--min-time", seconds], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, preexec_fn=lambda i=ignored: signal.signal(signal.SIGHUP, signal.SIG_IGN if i else signal.SIG_DFL)) as child:
            time.sleep(0.5)
            child.send_signal(signal.SIGHUP)
            try:
                err = child.communicate(timeout=45)[1]
            except subprocess.TimeoutExpired:
                child.kill()
                err = child.communicate()[1] + "it did not end"
        expect(f"SIGHUP, ignored: {ignored}", child.returncode == (0 if ignored else 130) and ("interrupted" in err) != ignored, (child.returncode, err))


# --- no room
def file_limit(folder):
    (folder / "m.onnx").write_bytes(tiny_model())
    expect("a bench to begin with", run(folder, "bench", "m.onnx", *BENCH, "--json=a.json")[0] == 0)
    store = folder / "own.sqlite"
    big = json.loads((folder / "a.json").read_text())
    big["filler"] = "x" * 2_000_000
    (folder / "big.json").write_text(json.dumps(big))
    listed = run(folder, "results", "list", "--json")[1]
    size = store.stat().st_size
    for limit in (size + 4096, size + 65536, size, 512):
        expect_error(f"import with files of at most {limit} bytes", run(folder, "results", "import", "big.json", limit=limit), 3, "own.sqlite")
        expect(f"nothing is lost with at most {limit} bytes", run(folder, "results", "list", "--json")[1] == listed)
        expect(f"the store is sound with at most {limit} bytes", run(folder, "results", "check")[0] == 0)
    expect_error("export without room", run(folder, "results", "export", "-o", "e.json", limit=1000), 3, "e.json")
    expect("no half export", not (folder / "e.json").exists() and not [p for p in folder.iterdir() if "e.json" in p.name], list(folder.iterdir()))
    (folder / "e.json").write_text("precious")
    run(folder, "results", "export", "-o", "e.json", limit=1000)
    expect("an older file stays", (folder / "e.json").read_text() == "precious")
    expect("there is room again", "1 run added" in run(folder, "results", "import", "big.json")[1])


def full_disk(folder):
    """The same script inside a namespace with a tmpfs of 2 MB."""
    if shutil.which("unshare") is None:
        return SKIPPED.append("unshare: not installed")
    disk = folder / "disk"
    disk.mkdir()
    mount = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=2m none "$1" && shift && exec "$@"', "sh", str(disk)]
    probe = subprocess.run([*mount, "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        mount[1] = "-m"  # as root, without a user namespace
        probe = subprocess.run([*mount, "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        return SKIPPED.append(f"tmpfs: none can be mounted here ({probe.stderr.strip()[:100]})")
    done = subprocess.run([*mount, sys.executable, __file__, WHET, "--on-disk", str(folder)], capture_output=True, text=True)
    print(done.stdout, end="")
    expect("on a full disk", done.returncode == 0, done.stderr)
    return None


def on_disk(folder):
    disk = folder / "disk"
    (folder / "m.onnx").write_bytes(tiny_model())
    (folder / "s.json").write_text(json.dumps(STUDY))
    expect("a bench on the small disk", run(folder, "bench", "m.onnx", *BENCH, "--json=a.json", WHET_STORE=str(disk / "r.sqlite"))[0] == 0)
    listed = run(folder, "results", "list", "--json", WHET_STORE=str(disk / "r.sqlite"))[1]
    fill(disk)
    got = run(folder, "bench", "m.onnx", *BENCH, WHET_STORE=str(disk / "r.sqlite"))
    expect("a bench with the store on a full disk", got[0] == 0 and "was not stored" in got[2] and "disk full" in got[2] and kept_file(got[2]) is not None, got)
    expect("nothing is lost", run(folder, "results", "list", "--json", WHET_STORE=str(disk / "r.sqlite"))[1] == listed)
    got = run(folder, "study", "s.json", "--out", str(disk / "out"), WHET_STORE=str(folder / "elsewhere.sqlite"))
    expect_error("a study on a full disk", got, 3, str(disk))
    expect("a result on a full disk", run(folder, "bench", "m.onnx", *BENCH, "--no-store", f"--json={disk / 'b.json'}")[0] == 3)
    expect("leaves no half file", not (disk / "b.json").exists())
    (disk / "filler").unlink()
    got = run(folder, "study", "s.json", "--out", str(disk / "out"), WHET_STORE=str(folder / "elsewhere.sqlite"))
    expect("with room the study runs", got[0] == 0, got)


def fill(disk):
    with open(disk / "filler", "wb", buffering=0) as f:
        with contextlib.suppress(OSError):
            while True:
                f.write(b"x" * 4096)


def main():
    if len(sys.argv) > 3:
        on_disk(pathlib.Path(sys.argv[3]))
        return 1 if FAILED else 0
    for part in (studies, newer, locks, hangup, file_limit, full_disk):
        with tempfile.TemporaryDirectory(prefix="whet-robust-") as name:
            part(pathlib.Path(name))
    for skip in SKIPPED:
        print(f"SKIP: {skip}")
    print(f"{PASSED[0]} passed, {len(FAILED)} failed, {len(SKIPPED)} skipped")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
