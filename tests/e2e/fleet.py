# SPDX-License-Identifier: Apache-2.0
"""A study on machines of a fleet, by a real sshd on this machine: files and program are copied once, rows of all machines are one
document, a machine that cannot be reached is rows with the reason, a lost connection is taken up again, an interruption leaves
nothing running there and the same command goes on.

usage: fleet.py WHET BUILD
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tiny_onnx import tiny_model  # noqa: E402

STUDY = """name: fleet
model: lenet
data: "digits:%d,100"
contract: unit
runtime: native
threads: 1
seed: [0, 1]
train: {epochs: 1, batch: 20}
bench: {warmup: 0.05}
quick: {bench: {min_time: 0.05, iterations: 5}}
"""


def skip(reason):
    print("SKIP: sshd: " + reason)
    sys.exit(77)


class Fleet:
    """A server of our own; `with` ends it and says that all passed."""

    def __init__(self, whet, build):
        self.sshd = shutil.which("sshd") or ("/usr/sbin/sshd" if os.path.exists("/usr/sbin/sshd") else None)
        if not self.sshd or not shutil.which("ssh-keygen") or not shutil.which("ssh"):
            skip("OpenSSH's server and client are not both installed")
        self.whet, self.scratch = os.path.abspath(whet), pathlib.Path(tempfile.mkdtemp(prefix="whet-fleet-"))
        scratch = self.scratch
        subprocess.run([sys.executable, str(ROOT / "tools/make_bundle.py"), build, "--out", str(scratch / f"whet-{os.uname().machine}.tar.gz")], check=True,
                       stdout=subprocess.DEVNULL)
        for key in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(scratch / key)], check=True)
        shutil.copy(scratch / "id.pub", scratch / "authorized")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        (scratch / "config").write_text(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {scratch}/host\nAuthorizedKeysFile {scratch}/authorized\n"
                                        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n")
        os.makedirs("/run/sshd", exist_ok=True) if os.getuid() == 0 else None
        self.server = subprocess.Popen([self.sshd, "-D", "-e", "-f", str(scratch / "config")], stderr=open(scratch / "sshd.log", "w"))
        self.env = {**os.environ, "WHET_HOME": str(scratch / "home"), "WHET_SSH":
                    f"ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -F none -p {self.port} -i {scratch}/id"}
        for _ in range(100):
            if subprocess.run([*self.env["WHET_SSH"].split(), "-o", "BatchMode=yes", "127.0.0.1", "true"], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            said = (scratch / "sshd.log").read_text()[-200:]
            self.__exit__(SystemExit)
            skip("a server of our own cannot be logged in to: " + said)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.server.terminate()
        shutil.rmtree(self.scratch, ignore_errors=True)
        if kind is None:
            print("1 passed, 0 failed")

    def inventory(self, name, *more):
        path = self.scratch / f"{name}.yaml"
        path.write_text("".join(f"- {line}\n" for line in more))
        return path

    def start(self, out, inventory, pictures=200, extra=()):
        study = self.scratch / f"s{pictures}.yaml"
        study.write_text(STUDY % pictures)
        return subprocess.Popen([self.whet, "study", str(study), "--quick", "--host", str(inventory), "--bundle", str(self.scratch), "--out", str(self.scratch / out), "--json", *extra],
                                env=self.env, cwd=self.scratch, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *args, **more):
        p = self.start(*args, **more)
        out, err = p.communicate(timeout=240)
        return p.returncode, json.loads(out) if out.strip().startswith("{") else None, err


def expect(condition, what, *details):
    if not condition:
        print(f"FAILED: {what}", *details, sep="\n")
        print(f"again: python3 tests/e2e/fleet.py {' '.join(sys.argv[1:])}")
        sys.exit(1)
    print("ok: " + what)


def left_there(folder):
    """Programs that still run below a machine's folder."""
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in os.readlink(p / "exe"):
                found.append(p.name)
        except OSError:
            continue
    return found


def main():
    with Fleet(sys.argv[1], sys.argv[2]) as fleet:
        scratch = fleet.scratch
        a = "{name: a, address: 127.0.0.1, folder: \"%s/a b\"}" % scratch
        b = f"{{name: b, address: localhost, folder: {scratch}/b}}"
        gone = "{name: gone, address: nobody-is-here.invalid}"
        two = fleet.inventory("two", a, b)
        code, doc, err = fleet.run("two", two)
        rows = doc["rows"] if doc else []
        expect(code == 0 and [r["host"] for r in rows] == ["a", "a", "b", "b"] and all(r["status"] == "ok" for r in rows), "rows of two machines", code, err)
        expect(rows[0]["sha256"] == rows[2]["sha256"] != rows[1]["sha256"], "the same training gives the same bits on both")
        expect((scratch / "two" / "report.html").exists() and len(doc["runs"]) == 2 and doc["run_id"] > 0, "one report, one stored run")
        code, doc, err = fleet.run("two", two)
        expect(code == 0 and doc["steps_done"] == 0 and doc["steps_reused"] > 0, "a second start does nothing again", doc and doc.get("steps_done"), err)

        (scratch / "net.onnx").write_bytes(tiny_model())
        alone = [fleet.whet, "study", "net.onnx", "--quick", "--json", "--set", "threads=1"]
        docs = []
        for more in (["--out", "here"], ["--out", "there", "--host", str(fleet.inventory("one", a)), "--bundle", str(scratch)]):
            p = subprocess.run([*alone, *more], env=fleet.env, cwd=scratch, capture_output=True, text=True, timeout=240, check=False)
            docs.append(json.loads(p.stdout) if p.stdout.strip().startswith("{") else {"rows": [], "said": p.stderr})
        rows = [[(r["model"], r["runtime"], r.get("sha256"), r["status"]) for r in d["rows"]] for d in docs]
        expect(len(rows[0]) == 2 and rows[0] == rows[1], "a model alone has the rows there that it has here", *rows, docs[1].get("said"))

        with_gone = fleet.inventory("gone", a, gone)
        started = time.time()
        code, doc, err = fleet.run("gone", with_gone)
        rows = doc["rows"] if doc else []
        expect(code == 1 and [r["status"] == "ok" for r in rows] == [True, True, False, False], "a machine that is not there is rows with a reason", code, err)
        expect("gone cannot be reached" in rows[2]["reason"] and "try `ssh" in rows[2]["reason"], "the reason says what to try", rows[2]["reason"])
        expect(time.time() - started < 150, "and is not waited for without end")

        one = fleet.inventory("one", a)
        p = fleet.start("lost", one, pictures=2000)
        lost = 0
        for _ in range(300):
            time.sleep(0.2)
            sessions = subprocess.run(["pgrep", "-P", str(fleet.server.pid)], capture_output=True, text=True, check=False).stdout.split()
            if left_there(scratch / "a b") and sessions and lost < 3:
                for s in sessions:
                    try:
                        os.kill(int(s), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                lost += 1
            if p.poll() is not None:
                break
        out, err = p.communicate(timeout=240)
        expect(p.returncode == 0 and lost > 0 and all(r["status"] == "ok" for r in json.loads(out)["rows"]), f"a connection that is lost {lost} times is taken up again", err)
        expect("trying again" in err, "and that is said")

        p = fleet.start("stop", one, pictures=6000)
        while not left_there(scratch / "a b") and p.poll() is None:
            time.sleep(0.1)
        time.sleep(1)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
        expect(p.returncode == 130 and "the same command goes on" in err, "an interruption is told to the machine", p.returncode, err)
        expect(not left_there(scratch / "a b"), "nothing is left running there", left_there(scratch / "a b"))
        code, doc, err = fleet.run("stop", one, pictures=6000)
        expect(code == 0 and all(r["status"] == "ok" for r in doc["rows"]), "the same command ends it", err)

        tree = scratch / "edited"
        tree.mkdir()
        machine = os.uname().machine
        bundle = scratch / f"whet-{machine}.tar.gz"
        subprocess.run(["tar", "-C", str(tree), "-xzf", str(bundle)], check=True)
        manifest = tree / f"whet-{machine}" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"glibc": "2.', '"glibc": "9.'))
        subprocess.run(["tar", "-C", str(tree), "-czf", str(bundle), f"whet-{machine}"], check=True)
        fresh = fleet.inventory("fresh", f"{{name: fresh, address: 127.0.0.1, folder: {scratch}/fresh}}")
        code, doc, err = fleet.run("new", fresh)
        expect(code == 3 and "the bundle needs 9." in err and not os.listdir(scratch / "fresh" / "bundles"), "an older glibc is found before anything is copied", code, err)
        for bad in ("-oProxyCommand=true", "a b", "x;y"):
            p = subprocess.run([fleet.whet, "study", str(scratch / "s200.yaml"), "--host", bad], env=fleet.env, cwd=scratch, capture_output=True, text=True, check=False)
            expect(p.returncode == 2 and "is no machine" in p.stderr, f"'{bad}' is no machine", p.returncode, p.stderr)


if __name__ == "__main__":
    main()
