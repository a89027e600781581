# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a fleet and its machines, by an "ssh" that is a script of this file: it runs the command here and fails
where it is told to. The program that is sent is a script too, so nothing is trained.

usage: fleet_faults.py WHET
"""
import io
import json
import os
import pathlib
import signal
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from tiny_onnx import tiny_model  # noqa: E402

MACHINE = os.uname().machine
PROGRAM = """#!/bin/sh
mkdir -p out
echo one line >&2
[ -f "$FLEET_SLOW" ] && sleep 60
if [ -n "$FLEET_NOROWS" ]; then echo '{"kind":"study","rows":[]}' > out/result.json; exit 0; fi
echo '{"kind":"study","rows":[{"id":"r0","model":"m","runtime":"native","status":"ok"}],"comparisons":[],"context":{},"warnings":[]}' > out/result.json
"""
SSH = """#!/usr/bin/env python3
import os, subprocess, sys
args = sys.argv[1:]
where = args.index("--")
address, command = args[where + 1], args[where + 2]
fault = os.environ.get("FLEET_FAULT", "")
calls = open(os.environ["FLEET_CALLS"], "a")
calls.write(command.replace("\\n", " ") + "\\n")
calls.close()
if address == "gone":
    print("ssh: connect to host gone port 22: Connection refused", file=sys.stderr)
    sys.exit(255)
if fault == "banner":
    print("Welcome to this machine", flush=True)
if fault == "cut" and " -xf -" in command:  # the connection breaks between two files: the other side sees an end of its input
    data = sys.stdin.buffer.read()
    subprocess.run(["sh", "-c", command], input=data[:int(os.environ["FLEET_CUT"])], stdout=subprocess.DEVNULL)
    sys.exit(255)
os.execvp("sh", ["sh", "-c", command])
"""


class Place:
    def __init__(self, whet):
        self.whet, self.scratch = whet, pathlib.Path(tempfile.mkdtemp(prefix="whet-faults-"))
        ssh = self.scratch / "ssh.py"
        ssh.write_text(SSH)
        ssh.chmod(0o755)
        data = self.scratch / "data" / "train" / "zero"
        data.mkdir(parents=True)
        for i in range(20):
            (data / f"{i:02}.png").write_bytes(b"x" * 400)
        (self.scratch / "s.yaml").write_text(f"name: faults\nmodel: lenet\ndata: {{name: {self.scratch}/data}}\nruntime: native\ntrain: {{epochs: 1}}\n")
        for machine in ("x86_64", "aarch64"):
            self.bundle(machine)

    def bundle(self, machine):
        with tarfile.open(self.scratch / f"whet-{machine}.tar.gz", "w:gz") as tar:
            for name, text, mode in (("manifest.json", json.dumps({"whet_bundle": 1, "machine": machine, "glibc": "2.0", "files": {}}), 0o644), ("bin/whet", PROGRAM, 0o755)):
                info = tarfile.TarInfo(f"whet-{machine}/{name}")
                info.size, info.mode = len(text), mode
                tar.addfile(info, io.BytesIO(text.encode()))

    def start(self, host, env=None, study="s.yaml", out=True):
        inventory = self.scratch / "hosts.json"
        inventory.write_text(json.dumps(host if isinstance(host, list) else [host]))
        more = {"WHET_SSH": str(self.scratch / "ssh.py"), "WHET_HOME": str(self.scratch / "home"), "FLEET_CALLS": str(self.scratch / "calls"), **(env or {})}
        where = ["--out", str(self.scratch / "out")] if out else []
        return subprocess.Popen([self.whet, "study", study, "--host", str(inventory), "--bundle", str(self.scratch), *where, "--json"],
                                env={**os.environ, **more}, cwd=self.scratch, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, host, env=None, seconds=60, **more):
        p = self.start(host, env, **more)
        try:
            out, err = p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=90)
            return "late", None, err
        return p.returncode, json.loads(out) if out.strip().startswith("{") else None, err

    def host(self, name, **more):
        return {"name": name, "address": "here", "folder": str(self.scratch / name), **more}


failed = 0


def expect(condition, what, *details):
    global failed
    failed += not condition
    print(("ok: " if condition else "FAILED: ") + what, *(() if condition else details), sep="\n  ")


def test_plain(p):
    code, doc, err = p.run(p.host("plain"))
    expect(code == 0 and [r["host"] for r in doc["rows"]] == ["plain"], "rows of a machine", code, err)


def test_cut(p):
    """Whatever has arrived when the connection breaks is no complete folder, even if tar took the end of its input for the archive's."""
    env = {"FLEET_FAULT": "cut", "FLEET_CUT": str(512 * 3 + 1024 * 5)}
    q = p.start(p.host("cut"), env)
    calls, wait = p.scratch / "calls", time.time() + 40
    while time.time() < wait and (not calls.exists() or calls.read_text().count(" -xf -") < 2):
        time.sleep(0.05)
    q.send_signal(signal.SIGINT)
    q.communicate(timeout=90)
    there = [f for f in (p.scratch / "cut" / "files").iterdir() if ".part" not in f.name]
    expect(not there, "half a folder is not under its final name", there)
    code, doc, err = p.run(p.host("cut"))
    pictures = list((p.scratch / "cut" / "files").glob("*/data/train/zero/*.png"))
    expect(code == 0 and len(pictures) == 20, "and is sent again", code, len(pictures), err)
    expect(not list((p.scratch / "cut" / "files").glob("*.part*")), "no half folder is left")


def test_feeder(p):
    """What cannot be read here is no lost connection, and no complete folder."""
    tools = p.scratch / "tools"
    tools.mkdir()
    (tools / "tar").write_text("#!/bin/sh\ncase \"$*\" in *-chf*) echo 'tar: 07.png: Cannot open: Permission denied' >&2; /usr/bin/env PATH=/usr/bin:/bin tar --exclude=07.png \"$@\"; "
                               "echo 'tar: Exiting with failure status due to previous errors' >&2; exit 2;; esac\nexec /usr/bin/env PATH=/usr/bin:/bin tar \"$@\"\n")
    (tools / "tar").chmod(0o755)
    code, doc, err = p.run(p.host("feeder"), {"PATH": f"{tools}:{os.environ['PATH']}"}, seconds=20)
    expect(code == 3 and "07.png: Cannot open" in err, "a file that cannot be read here is said", code, err)
    expect(not os.listdir(p.scratch / "feeder" / "files"), "and nothing of it is left there", os.listdir(p.scratch / "feeder" / "files"))


def test_banner(p):
    code, doc, err = p.run(p.host("banner"), {"FLEET_FAULT": "banner"}, seconds=40)
    expect(code == 0, "a machine whose shell greets first", code, err[-600:])
    calls = (p.scratch / "calls").read_text().count(" -xf -")
    p.run(p.host("banner"), {"FLEET_FAULT": "banner"}, seconds=40)
    expect((p.scratch / "calls").read_text().count(" -xf -") == calls, "is not sent everything again")


def test_no_rows(p):
    code, doc, err = p.run([p.host("plain"), p.host("empty")], {"FLEET_NOROWS": "1"})
    doc = doc or json.loads((p.scratch / "out" / "result.json").read_text())
    expect(code != 0 and len(doc["rows"]) >= 2 and {r["host"] for r in doc["rows"]} == {"plain", "empty"}, "a study without rows is rows with the reason", code, doc["rows"])


def test_reused_pid(p):
    """After a restart of the machine the number of the study may be another program's."""
    other = subprocess.Popen(["sleep", "100"])
    p.run(p.host("pid"))
    run = next((p.scratch / "pid" / "runs").iterdir())
    (run / "code").unlink()
    (run / "pid").write_text(f"{other.pid}\n")
    code, doc, err = p.run(p.host("pid"), seconds=25)
    expect(code == 0, "another program is not taken for the study", code, err[-400:])
    expect(other.poll() is None, "and is not ended")
    other.kill()
    other.wait()


def test_long_folder(p):
    deep = str(p.scratch) + "/" + "/".join(["d" * 100] * 6)
    code, doc, err = p.run({"name": "deep", "address": "here", "folder": deep})
    expect(code == 2 and "too long" in err and not os.path.isdir(deep[:511]), "a folder whose name is too long is refused", code, err[-300:])


def test_words(p):
    code, doc, err = p.run(p.host("words"), {"WHET_SSH": str(p.scratch / "ssh.py") + " -v" * 200})
    expect(code == 3 and "words" in err, "too many words for ssh", code, err[-300:])


def test_wrapper(p):
    code, doc, err = p.run({**p.host("a b'c"), "machine": MACHINE, "wrapper": "env"})
    expect(code == 0, "a wrapper below a folder with blanks and quotes", code, err[-400:])


def test_full_disk(p):
    """The reason is what tar says first, not that it gives up."""
    blocked = p.scratch / "full" / "files"
    blocked.parent.mkdir()
    tools = p.scratch / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "tar").write_text("#!/bin/sh\ncase \"$*\" in *' -xf -'*) cat >/dev/null; echo 'tar: data/1: Cannot write: No space left on device' >&2; "
                               "echo 'tar: Exiting with failure status due to previous errors' >&2; exit 2;; esac\nexec /usr/bin/env PATH=/usr/bin:/bin tar \"$@\"\n")
    (tools / "tar").chmod(0o755)
    code, doc, err = p.run(p.host("full"), {"PATH": f"{tools}:{os.environ['PATH']}"})
    expect(code == 3 and "No space left" in err, "a full disk there is said", code, err[-300:])
    expect(not list((p.scratch / "full" / "files").glob("*.part*")), "and what did not fit is removed", os.listdir(p.scratch / "full" / "files"))


def test_repeated(p):
    code, doc, err = p.run([p.host("plain"), {"name": "gone", "address": "gone"}], seconds=90)
    expect(code == 1 and err.count("Connection refused") <= 2, "the reason of an unreachable machine is not repeated", code, err)
    row = next(r for r in doc["rows"] if r["host"] == "gone")
    expect(row["status"].count("Connection refused") + row["reason"].count("Connection refused") <= 2, "nor in its rows", row)


def test_own_files(p):
    """What lies in the folder here is as safe as from a study of this machine, and that is found before anybody is called."""
    mine = p.scratch / "out" / "result.json"
    mine.parent.mkdir()
    mine.write_text("mine")
    code, doc, err = p.run(p.host("own"))
    expect(code == 2 and "result.json" in err and mine.read_text() == "mine", "a result.json that no study made stays", code, err)
    expect(not (p.scratch / "calls").exists(), "and nobody was called")
    mine.unlink()
    codes = [p.run(p.host("own"))[0] for _ in range(2)]
    left = p.scratch / "out" / "study.yaml"
    expect(codes == [0, 0] and "model: lenet" in left.read_text(), "a folder of its own is used again", codes)
    left.write_text("# mine\n")
    code, doc, err = p.run(p.host("own"))
    expect(code == 2 and "by hand" in err and left.read_text() == "# mine\n", "an edited study.yaml stays", code, err)
    (p.scratch / "t").mkdir()
    (p.scratch / "t" / "u.yaml").write_text((p.scratch / "s.yaml").read_text().replace("epochs: 1", "epochs: 2"))
    codes = [p.run(p.host("own"), study=s, out=False)[0] for s in ("s.yaml", "t/u.yaml")]
    expect(codes == [0, 2], "another study of the same name does not take the folder", codes)


def test_alone(p):
    """A model alone gets the formats, weights and runtimes of the machines' kind."""
    litert = p.scratch / "rt" / "aarch64" / "litert" / "2.3.0"
    litert.mkdir(parents=True)
    (litert / "libLiteRt.so").write_text("of another machine")
    (p.scratch / "net.onnx").write_bytes(tiny_model())
    env = {"WHET_RUNTIMES": str(p.scratch / "rt")}
    code, doc, err = p.run({**p.host("board"), "machine": "aarch64", "wrapper": "env"}, env, study="net.onnx")
    sent = json.loads(next((p.scratch / "board" / "runs").glob("*/study.json")).read_text())
    expect(code == 0 and (sent["runtime"], sent["format"], sent["weights"]) == (["native", "litert"], ["as-is", "tflite"], ["as-is", "f16"]), "a model alone on a board", sent, err)
    expect((p.scratch / "board" / "runtimes" / "litert" / "2.3.0").is_dir(), "its runtime goes along")
    code, doc, err = p.run(p.host("plain"), env, study="net.onnx")
    sent = json.loads(next((p.scratch / "plain" / "runs").glob("*/study.json")).read_text())
    expect(code == 0 and (sent["runtime"], sent.get("format", "as-is"), sent["weights"]) == ("native", "as-is", ["as-is", "f16"]), "a machine for which nothing else is here", sent, err)
    (p.scratch / "d").mkdir()
    (p.scratch / "d" / "net.onnx").write_bytes(tiny_model())
    outs = [(p.run(p.host("plain"), env, study=m, out=False)[1] or {}).get("out") for m in ("net.onnx", "d/net.onnx", "net.onnx")]
    expect(outs[0] == outs[2] == "runs/net" and str(outs[1]).startswith("runs/net-"), "two models of one name have folders of their own", outs)


def main():
    whet = os.path.abspath(sys.argv[1])
    wanted = sys.argv[2:]
    for name, test in sorted(globals().items()):
        if name.startswith("test_") and (not wanted or name[5:] in wanted):
            place = Place(whet)
            try:
                test(place)
            finally:
                shutil.rmtree(place.scratch, ignore_errors=True)
    print(f"{0 if failed else 1} passed, {1 if failed else 0} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
