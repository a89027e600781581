#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training is killed with SIGKILL at random moments and resumed: model, weights and curves equal an undisturbed run's.

The undisturbed run has one thread, the killed ones two, so equal bits for any number of threads are shown as well. The
pictures are drawn here, as IDX files. usage: resume.py WHET [KILLS [SEED]]
"""
import csv
import json
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time


def write_idx(path, shape, data):
    path.write_bytes(struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + bytes(data))


def draw_set(folder, rng):
    """Ten classes: a bright bar whose place tells the class, on noise."""
    folder.mkdir()
    for split, n in (("train", 640), ("t10k", 100)):
        labels = [i % 10 for i in range(n)]
        rng.shuffle(labels)
        pixels = bytearray()
        for label in labels:
            picture = bytearray(rng.randrange(90) for _ in range(784))
            for y in range(4, 24):
                for x in (2 * label + 3, 2 * label + 4):
                    picture[28 * y + x] = 160 + rng.randrange(90)
            pixels += picture
        write_idx(folder / f"{split}-images-idx3-ubyte", (n, 28, 28), pixels)
        write_idx(folder / f"{split}-labels-idx1-ubyte", (n,), labels)


def tensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {k: data[8 + size + v["data_offsets"][0]:8 + size + v["data_offsets"][1]]
            for k, v in header.items() if k != "__metadata__"}


def batches(path):
    """Of the epoch, trained when the checkpoint was written."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
    return json.loads(header["__metadata__"]["whet.state"])["batch"]


def curves(folder):
    """Without the columns that are times."""
    rows = [row[:7] for row in csv.reader((folder / "curves.csv").open())]
    steps = [json.loads(line) for line in (folder / "curves.jsonl").open()]
    return rows, [{k: v for k, v in s.items() if k not in ("seconds", "images_per_second")} for s in steps]


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def check_events(path):
    """Every record whole, with both checksums; returns their number."""
    data, at, n = path.read_bytes(), 0, 0
    while at < len(data):
        size, head = struct.unpack_from("<QI", data, at)
        body = data[at + 12:at + 12 + size]
        assert head == masked(data[at:at + 8]), f"{path}: checksum of the length at byte {at}"
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked(body), f"{path}: checksum at byte {at}"
        at, n = at + 16 + size, n + 1
    return n


def main():
    whet = str(pathlib.Path(sys.argv[1]).resolve())
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
    repro = f"again with: tests/e2e/resume.sh {sys.argv[1]} {kills} {seed}"
    rng = random.Random(seed)
    failures = []
    with tempfile.TemporaryDirectory(prefix="whet-resume-") as tmp:
        tmp = pathlib.Path(tmp)
        draw_set(tmp / "set", rng)
        command = [whet, "train", "--model", "lenet", "--data", str(tmp / "set"), "--epochs", "3", "--batch", "16", "--val", "0.1",
                   "--pad-crop", "2", "--hflip", "--label-smoothing", "0.05", "--log-steps", "--quiet"]
        plain = [*command, "--save-steps", "4"]
        # saved every few milliseconds: in the middle of the batches that make one step as well
        rich = [*command, "--save-seconds", "0.005", "--optimizer", "adamw", "--schedule", "polynomial", "--accumulate", "5", "--ema-decay", "0.9",
                "--clip-norm", "1", "--class-weights", "balanced", "--loss", "ce+dice"]
        for name, given, n in (("plain", plain, kills), ("rich", rich, max(kills - 1, 1))):
            (tmp / name).mkdir()
            killed(name, given, n, tmp / name, rng, repro, failures)

        # an interruption saves and says how to go on
        p = subprocess.Popen([*plain, "--out", str(tmp / "interrupted"), "--epochs", "500"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 60
        while not (tmp / "interrupted" / "last.safetensors").exists() and time.time() < deadline:
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        text = p.communicate(timeout=60)[1]
        if p.returncode != 130 or "--resume" not in text:
            failures.append(f"SIGINT gave exit {p.returncode} and '{text.strip()}'")
    for f in failures:
        print(f"FAILED: {f}; {repro}")
    print("failed" if failures else "same bits")
    return 1 if failures else 0


def killed(name, command, kills, tmp, rng, repro, failures):
    """An undisturbed run on one thread; runs on two, killed `kills` times in all, are compared with it."""
    def run(out, threads, kill_after=None, extra=()):
        p = subprocess.Popen([*command, "--out", str(out), "--threads", str(threads), *extra], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        try:
            text = p.communicate(timeout=kill_after)
            return p.returncode, text[1]
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
            p.communicate()
            return None, "killed"

    began = time.time()
    code, text = run(tmp / "whole", 1)
    took = time.time() - began
    assert code == 0, f"the undisturbed run failed with {code}: {text}"
    want, want_model = tensors(tmp / "whole" / "last.safetensors"), (tmp / "whole" / "model.onnx").read_bytes()
    want_events = check_events(tmp / "whole" / "events.out.tfevents.0.whet")

    done = waited = round_ = within = 0
    out = tmp / "killed0"
    while done < kills:
        after = 0.02 + rng.random() * max(took, 0.2)
        code, text = run(out, 2, after, ("--resume",))
        assert code in (None, 0), f"a resumed run failed with {code}: {text}; {repro}"
        if code is None:
            done += 1
            within += batches(out / "last.safetensors") % 5 != 0
        waited += 1
        if code == 0 or waited > 20 * kills + 20:
            if waited > 20 * kills + 20:
                break
            round_, out = compare(out, tmp, round_, want, want_model, want_events, failures)
    code, text = run(out, 2, None, ("--resume",))
    assert code == 0, f"the last resumed run failed with {code}: {text}; {repro}"
    round_, _ = compare(out, tmp, round_, want, want_model, want_events, failures)
    print(f"{name}: {done} kills in {took:.1f} s runs, {round_} run(s) compared, {within} resumed between multiples of 5 batches; {repro}")


def compare(out, tmp, round_, want, want_model, want_events, failures):
    got = tensors(out / "last.safetensors")
    different = [k for k in want if got.get(k) != want[k]]
    if different or len(got) != len(want):
        failures.append(f"tensors differ: {', '.join(different[:5])}")
    if (out / "model.onnx").read_bytes() != want_model:
        failures.append("model.onnx differs")
    if curves(out) != curves(tmp / "whole"):
        failures.append("the curves differ or hold something twice")
    if check_events(out / "events.out.tfevents.0.whet") != want_events:
        failures.append("the event file has another number of records")
    return round_ + 1, tmp / f"killed{round_ + 1}"


if __name__ == "__main__":
    sys.exit(main())
