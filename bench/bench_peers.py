#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Native against the best of its peers: latency, file to first result, memory, and the training step.

Inference, float32, batch 1: native in three columns (own kernels, oneDNN's, both) against ONNX Runtime and OpenVINO on the
networks of ../shared/bench/make_models.py. Every runtime is a process of its own, all get the same input bytes, and their
outputs are compared before anything is timed. Processes are made anew in each of several generations; within one, rounds time
a block of each runtime in shuffled order, the others stopped, with a probe of the arithmetic peak before every block; a round
with a probe under 90 % of the run's best is repeated while the time lasts, and kept with its flag. Training: whet against
PyTorch's float32 modes on the networks of ../shared/bench/torch_train.py, in the same way.

Each network's figures are in the result file (every sample, every probe) as soon as they are there; --resume goes on with
what is missing. tools/performance_doc.py makes docs/PERFORMANCE.md of it.
needs: ../shared (or WHET_SHARED), a build, and a Python with the packages below: WHET_PYTHON names one, else a virtual
environment is made beside the build. usage: bench_peers.py [--build build] [--out FILE] [--quick] [--only NET ...] [--resume]
"""
import argparse
import array
import ctypes
import json
import os
import pathlib
import platform
import random
import select
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PINNED = {"onnxruntime": "1.31.1", "openvino": "2026.4.1", "torch": "2.13.0"}
NATIVE = ["own", "onednn", "all"]
PEERS = ["ort", "ov"]
NETS = ["mbv2", "effb0", "vitti16", "resnet50", "vits16", "convnext_t", "deeplab_mnv2", "deeplab_mnv2_aspp", "vitb16"]
TRAIN = {"convnet": ("cifar-convnet", 64), "resnet20": ("resnet20", 128), "mbv2": ("mobilenetv2", 16), "effb0": ("efficientnet-b0", 8),
         "vitti16": ("vit-tiny-16", 16), "resnet50": ("resnet50", 8)}
MODES = {net: ["plain", "channels_last"] + (["compiled"] if net in ("convnet", "resnet20") else []) for net in TRAIN}
LIBC = ctypes.CDLL(None)
BOUND = 1e-3  # of the largest reference value: sums of thousands of products in another order


class Stopped(Exception):
    pass


def born(cpus):
    """In the child before it becomes the program: its processors, and its end with this process's."""
    os.sched_setaffinity(0, cpus)
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Worker:
    """A runtime in a process group of its own; stopped whenever it is not asked."""

    def __init__(self, cmd, cpus, limit=120):
        self.p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                  preexec_fn=lambda: born(cpus))
        self.buffer = b""
        self.cmd = cmd
        self.limit = limit

    def await_word(self, word):
        while (line := self.line(self.limit)) != word:
            if not line:
                error = self.p.stderr.read().decode(errors="replace").strip().splitlines()
                raise Stopped(error[-1] if error else "ended without a word")
        self.stop()

    def load(self, held):
        """From the model's file to the first result; `held` workers have imported what they need and wait for the word."""
        if held:
            os.killpg(self.p.pid, signal.SIGCONT)
            self.p.stdin.write(b"go\n")
            self.p.stdin.flush()
        self.await_word("ready")

    def line(self, limit):
        end = time.monotonic() + limit
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                self.close()
                raise Stopped(f"no answer in {limit} s")
            got = os.read(self.p.stdout.fileno(), 1 << 16)
            if not got:
                return ""
            self.buffer += got
        text, _, self.buffer = self.buffer.partition(b"\n")
        return text.decode().strip()

    def stop(self):
        os.killpg(self.p.pid, signal.SIGSTOP)

    def ask(self, word, limit=120):
        os.killpg(self.p.pid, signal.SIGCONT)
        try:
            self.p.stdin.write(f"{word}\n".encode())
            self.p.stdin.flush()
            text = self.line(limit)
        except BrokenPipeError:
            text = ""
        if not text:
            raise Stopped("ended in the middle")
        self.stop()
        return text

    def times(self, n):
        return [int(t) / 1e6 for t in self.ask(n).split()]

    def close(self):
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.p.wait()
        for f in (self.p.stdin, self.p.stdout, self.p.stderr):
            try:
                f.close()
            except BrokenPipeError:
                pass


class Bench:
    def __init__(self, a):
        self.a = a
        self.rng = random.Random(a.seed)
        self.cpus = sorted(os.sched_getaffinity(0))[:a.threads]
        self.shared = pathlib.Path(os.environ.get("WHET_SHARED", ROOT.parent / "shared"))
        self.begin = time.monotonic()
        self.probe = Worker([self.loop(), "--probe", "--threads", str(a.threads)], self.cpus)
        self.probe.await_word("ready")
        self.best_probe = 0.0
        self.peak()
        self.doc = self.load_document()

    def loop(self):
        return os.path.join(self.a.build, "tests", "native_loop")

    def load_document(self):
        doc = {"schema_version": 1, "kind": "bench-peers", "quick": self.a.quick, "batch": 1, "threads": self.a.threads, "seed": self.a.seed,
               "bound": BOUND, "context": context(self.a), "inference": {}, "training": {}}
        if self.a.resume and os.path.exists(self.a.out):
            with open(self.a.out) as f:
                old = json.load(f)
            doc["inference"], doc["training"] = old.get("inference", {}), old.get("training", {})
        return doc

    def save(self):
        self.doc["best_probe"] = self.best_probe
        self.doc["seconds"] = time.monotonic() - self.begin
        tmp = self.a.out + ".tmp"
        with open(tmp, "w") as f:
            json.dump(self.doc, f, indent=None, separators=(",", ":"))
        os.replace(tmp, self.a.out)

    def peak(self):
        value = float(self.probe.ask(4))
        self.best_probe = max(self.best_probe, value)
        return value

    # --- inference
    def inference_command(self, name, path, data):
        if name in PEERS:
            return [sys.executable, str(HERE / "peer_worker.py"), name, path, str(self.a.threads), data]
        return [self.loop(), path, "--batch", "1", "--threads", str(self.a.threads), "--providers", name, "--input", data]

    def model(self, net):
        path = os.path.join(self.a.models, f"{net}_b1.onnx")
        if not os.path.exists(path):
            subprocess.run([sys.executable, str(self.shared / "bench" / "make_models.py"), self.a.models, "--only", net], check=True,
                           stdout=subprocess.DEVNULL)
            for extra in pathlib.Path(self.a.models).glob(f"{net}_b1_int8.onnx"):
                extra.unlink()
        size = 513 if net.startswith("deeplab") else 224
        data = os.path.join(self.a.models, f"input{size}.f32")
        if not os.path.exists(data):
            gauss = random.Random(7)
            with open(data, "wb") as f:
                array.array("f", [gauss.gauss(0, 1) for _ in range(3 * size * size)]).tofile(f)
        return path, data

    def start_all(self, row, names, command):
        """A generation: every runtime loaded once, in shuffled order, the others stopped. Python's imports come first, together."""
        names = [n for n in names if "failed" not in row["runtimes"].setdefault(n, {"load": [], "blocks": []})]
        started, workers = {n: Worker(command(n), self.cpus) for n in names if n not in NATIVE}, {}

        def guarded(name, what):
            try:
                return what()
            except (Stopped, ValueError) as e:
                row["runtimes"][name]["failed"] = str(e)
                if name in started:
                    started.pop(name).close()

        def load(name):
            if name not in started:
                started[name] = Worker(command(name), self.cpus)
            w = started[name]
            w.load(name not in NATIVE)
            row["runtimes"][name]["load"].append(json.loads(w.ask("load")))
            workers[name] = w

        for name in list(started):
            guarded(name, lambda: started[name].await_word("imported"))
        for name in self.rng.sample(names, len(names)):
            if "failed" not in row["runtimes"][name]:
                guarded(name, lambda: load(name))
        return workers

    def compare(self, row, workers):
        """Every output against ONNX Runtime's; one that is out of bounds is not timed."""
        values = {}
        for name, w in list(workers.items()):
            path = os.path.join(self.a.models, f"{name}.out")
            w.ask("out " + path)
            values[name] = array.array("f")
            with open(path, "rb") as f:
                values[name].frombytes(f.read())
            os.unlink(path)
        if "ort" not in values:
            return
        ref = values["ort"]
        top = max(max(ref), -min(ref))
        for name, v in values.items():
            worst = max((abs(a - b) for a, b in zip(v, ref)), default=0.0) / top if len(v) == len(ref) else float("inf")
            cell = row["runtimes"][name]
            cell["difference"] = worst
            if not worst <= BOUND:
                cell["failed"] = f"differs from ONNX Runtime by {worst:.1e} of the largest value"
                workers.pop(name).close()

    def rounds(self, row, workers, counts, deadline, least, most, generation):
        done = again = 0
        while workers and done < most and (done < least or time.monotonic() < deadline):
            for name in self.rng.sample(list(workers), len(workers)):
                cell = row["runtimes"][name]
                probe = self.peak()
                try:
                    if counts[name] > 1:
                        workers[name].times(max(1, counts[name] // 5))  # awake again: caches and threads
                    times = workers[name].times(counts[name])
                except Stopped as e:
                    cell["failed"] = str(e)
                    workers.pop(name).close()
                    continue
                probe = min(probe, self.peak())
                cell["blocks"].append({"round": row["rounds"], "generation": generation, "probe": probe, "ms": [round(t, 5) for t in times]})
            row["rounds"] += 1
            good = all(c["blocks"][-1]["probe"] >= 0.9 * self.best_probe for c in row["runtimes"].values() if c["blocks"])
            again = 0 if good or again == 3 else again + 1
            done += again == 0

    def infer(self, net, seconds):
        path, data = self.model(net)
        row = {"runtimes": {}, "rounds": 0, "file_mb": os.path.getsize(path) / 1e6}
        self.doc["inference"][net] = row
        begin, generations, block_ms = time.monotonic(), 2 if self.a.quick else 5, 150 if self.a.quick else 400
        counts = {}
        for generation in range(generations):
            spent = time.monotonic() - begin
            if generation >= 3 and spent * (generation + 1) / generation > seconds:
                break  # three generations always, more as the time allows
            workers = self.start_all(row, NATIVE + PEERS, lambda name: self.inference_command(name, path, data))
            try:
                if generation == 0:
                    self.compare(row, workers)
                    if "all" in workers:
                        row["kernels"] = kernel_shares(json.loads(workers["all"].ask("kernels")))
                for name, w in workers.items():
                    warm = w.times(1)
                    if warm[0] < 1000:  # a runtime that slow needs no more of it
                        warm += w.times(max(2, min(50, int(200 / max(warm[0], 0.01)))))
                    counts.setdefault(name, max(1, min(200, int(block_ms / max(min(warm), 0.01)))))
                share = begin + seconds * (generation + 1) / generations
                self.rounds(row, workers, counts, share, 1 if self.a.quick else 2, 2 if self.a.quick else 4, generation)
            finally:
                for w in workers.values():
                    w.close()

    # --- training
    def whet_steps(self, net, steps):
        model, batch = TRAIN[net]
        p = subprocess.run([os.path.join(self.a.build, "whet"), "train", "--model", model, "--batch", str(batch), "--bench-steps", str(steps),
                            "--threads", str(self.a.threads), "--json", "--quiet"], capture_output=True, text=True, timeout=300,
                           preexec_fn=lambda: born(self.cpus))
        if p.returncode:
            raise Stopped((p.stderr.strip().splitlines() or ["failed"])[-1])
        return json.loads(p.stdout)

    def train(self, net, seconds):
        row = {"runtimes": {"whet": {"load": [], "blocks": []}}, "rounds": 0, "batch": TRAIN[net][1]}
        self.doc["training"][net] = row
        begin, generations = time.monotonic(), 1 if self.a.quick else 2
        script = str(self.shared / "bench" / "torch_train.py")
        steps = {}
        for generation in range(generations):
            if generation >= 1 and 2 * (time.monotonic() - begin) > seconds + 30:
                break
            workers = self.start_all(row, MODES[net], lambda mode: [sys.executable, str(HERE / "peer_worker.py"), "torch", net, mode,
                                                                    str(self.a.threads), script])
            try:
                for name, w in workers.items():
                    steps.setdefault(name, max(1, min(20, int(1500 / max(w.times(1)[0], 1)))))
                most = max(steps.values(), default=3)
                done, end = 0, begin + seconds * (generation + 1) / generations
                while done < 2 or (time.monotonic() < end and done < 6 and not self.a.quick):
                    self.training_round(net, row, workers, steps, max(3, most), generation)
                    done += 1
                for name, w in workers.items():
                    row["runtimes"][name]["load"][-1] = json.loads(w.ask("load"))
            finally:
                for w in workers.values():
                    w.close()

    def training_round(self, net, row, workers, steps, own_steps, generation):
        names = list(workers) + ["whet"]
        for name in self.rng.sample(names, len(names)):
            cell = row["runtimes"][name]
            if "failed" in cell:
                continue
            probe = self.peak()
            try:
                if name == "whet":
                    out = self.whet_steps(net, own_steps)
                    times = out["ms"]
                    cell["load"].append({"empty_kb": out["before_mb"] * 1024, "end_kb": out["peak_mb"] * 1024, "arena_kb": out["arena_bytes"] // 1024})
                else:
                    workers[name].times(1)
                    times = workers[name].times(steps[name])
            except (Stopped, KeyError, ValueError, subprocess.TimeoutExpired) as e:
                cell["failed"] = str(e)
                if name in workers:
                    workers.pop(name).close()
                continue
            probe = min(probe, self.peak())
            cell["blocks"].append({"round": row["rounds"], "generation": generation, "probe": probe, "ms": [round(t, 4) for t in times]})
        row["rounds"] += 1

    def run(self):
        jobs = [("inference", n) for n in NETS if n in self.a.only] + [("training", n) for n in TRAIN if n in self.a.only_train]
        jobs = [j for j in jobs if j[1] not in self.doc[j[0]] or "error" in self.doc[j[0]][j[1]]]
        weight = {"inference": 55, "training": 95}
        for i, (kind, net) in enumerate(jobs):
            left = self.a.minutes * 60 - (time.monotonic() - self.begin)
            share = max(5.0, left * weight[kind] / sum(weight[k] for k, _ in jobs[i:]))
            share = min(share, 12.0) if self.a.quick else share
            say(f"{kind} {net}: up to {share:.0f} s")
            try:
                (self.infer if kind == "inference" else self.train)(net, share)
            except Exception as e:  # one network's trouble must not cost the others
                self.doc[kind].setdefault(net, {"runtimes": {}})["error"] = f"{type(e).__name__}: {e}"
                say(f"  {net}: {e}")
            self.save()
            say("  " + summary(self.doc[kind][net]))
        self.probe.close()


def say(text):
    print(text, file=sys.stderr, flush=True)


def summary(row):
    parts = []
    for name, c in row.get("runtimes", {}).items():
        ms = [t for b in c["blocks"] for t in b["ms"]]
        parts.append(f"{name} {statistics.median(ms):.2f} ms" if ms else f"{name}: {c.get('failed', 'nothing')}")
    return ", ".join(parts)


def kernel_shares(nodes):
    """Multiply-adds by provider, and by operator what runs where."""
    total, by, ops = 0, {}, {}
    for n in nodes:
        macs = n.get("macs", 0)
        total += macs
        by[n["provider"]] = by.get(n["provider"], 0) + macs
        key = f"{n['op']} {n['kernel']} {n['provider']}"
        ops.setdefault(key, [0, 0])
        ops[key][0] += 1
        ops[key][1] += macs
    return {"macs": total, "by_provider": by, "rows": ops}


def context(a):
    def read(path):
        try:
            return pathlib.Path(path).read_text()
        except OSError:
            return ""
    cpu = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines() if line.startswith("model name")), platform.machine())
    flags = next((line.split(":", 1)[1].split() for line in read("/proc/cpuinfo").splitlines() if line.startswith("flags")), [])
    version = subprocess.run([os.path.join(a.build, "whet"), "version"], capture_output=True, text=True).stdout.strip().splitlines()
    wanted = ["onnxruntime", "openvino", "torch", "timm", "numpy", "onnx"]
    code = "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in %r if n}))" % wanted
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    return {"cpu": cpu, "cpus": os.cpu_count(), "isa": [f for f in flags if f.startswith(("avx", "amx", "fma"))], "kernel": platform.release(),
            "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or "unknown", "load": read("/proc/loadavg").strip(),
            "whet": version, "peers": json.loads(got or "{}"), "python": platform.python_version(),
            "date": time.strftime("%Y-%m-%d", time.gmtime()), "command": sys.argv, "page_cache": "warm for all"}


def right_python(a):
    """This interpreter if it has the peers, else WHET_PYTHON's, else a virtual environment beside the build."""
    check = "import numpy, onnx, onnxruntime, openvino, importlib.util as u; assert u.find_spec('torch') and u.find_spec('timm')"
    if subprocess.run([sys.executable, "-c", check], capture_output=True).returncode == 0:
        return
    if os.environ.get("WHET_PEERS_PYTHON") == "tried":
        sys.exit("bench_peers: the Python given lacks one of numpy, onnx, onnxruntime, openvino, torch, timm: " + sys.executable)
    python = os.environ.get("WHET_PYTHON")
    if not python:
        folder = os.path.join(a.build, "peers-venv")
        python = os.path.join(folder, "bin", "python")
        if not os.path.exists(os.path.join(folder, "complete")):
            say("bench_peers: making a virtual environment with the peers")
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [python, "-m", "pip", "install", "--quiet"]
            subprocess.run(pip + ["numpy", "onnx"] + [f"{n}=={v}" for n, v in PINNED.items()] + ["pillow", "pyyaml", "huggingface_hub",
                                                                                               "safetensors"], check=True)
            subprocess.run(pip + ["--no-deps", "timm", "torchvision"], check=True)
            pathlib.Path(folder, "complete").write_text("")
    os.environ["WHET_PEERS_PYTHON"] = "tried"
    os.execv(python, [python, __file__] + sys.argv[1:])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--out", help="result file (BUILD/bench-peers.json)")
    p.add_argument("--models", help="folder for the networks' files (BUILD/bench-models)")
    p.add_argument("--quick", action="store_true", help="few short rounds, for development")
    p.add_argument("--resume", action="store_true", help="keep the networks that the result file has")
    p.add_argument("--only", nargs="*", help="of the networks for inference", choices=NETS)
    p.add_argument("--only-train", nargs="*", help="of the networks for training", choices=list(TRAIN))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--minutes", type=float, default=24)
    a = p.parse_args()
    if a.only is None and a.only_train is None:
        a.only, a.only_train = NETS, list(TRAIN)
    a.only, a.only_train = a.only or [], a.only_train or []
    a.build = os.path.abspath(a.build)
    a.out = os.path.abspath(a.out or os.path.join(a.build, "bench-peers.json"))
    a.models = os.path.abspath(a.models or os.path.join(a.build, "bench-models"))
    if a.quick:
        a.minutes = min(a.minutes, 6)
    right_python(a)
    os.makedirs(a.models, exist_ok=True)
    b = Bench(a)
    if not (b.shared / "bench" / "make_models.py").exists():
        b.probe.close()
        sys.exit(f"bench_peers: the networks are written by bench/make_models.py of the shared folder, which is not in '{b.shared}': "
                 "set WHET_SHARED")
    b.run()
    say(f"bench_peers: {a.out}, {time.monotonic() - b.begin:.0f} s")


if __name__ == "__main__":
    main()
