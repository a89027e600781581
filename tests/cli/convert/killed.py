# SPDX-License-Identifier: Apache-2.0
"""Ends conversions while they write, and looks at what is left. usage: killed.py WHET

SIGINT and SIGTERM leave nothing; what SIGKILL leaves goes with the next conversion into the folder, but not what a living
process holds, nor what only looks alike: a name or a lock alone is not enough. The model is one Add of 96 MB.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tiny_onnx import field, value, varint  # noqa: E402

TENSOR = 24 << 20  # elements


def make(path):
    weights = field(1, TENSOR) + field(2, 1) + field(8, "w") + varint(9 << 3 | 2) + varint(4 * TENSOR)
    node = field(1, field(1, "x") + field(1, "w") + field(2, "y") + field(3, "n") + field(4, "Add"))
    rest = field(2, "g") + field(11, value("x", (TENSOR,))) + field(12, value("y", (TENSOR,)))
    initial = varint(5 << 3 | 2) + varint(len(weights) + 4 * TENSOR)
    graph = len(node) + len(initial) + len(weights) + 4 * TENSOR + len(rest)
    with open(path, "wb") as f:
        f.write(field(1, 8) + varint(7 << 3 | 2) + varint(graph) + node + initial + weights)
        f.seek(4 * TENSOR, os.SEEK_CUR)
        f.write(rest + field(8, field(2, 17)))


def scratch(folder):
    return sorted(n for n in os.listdir(folder) if n.startswith(".whet-"))


def has_begun(folder):
    """A conversion has made its folder and said so in it."""
    try:
        return any(os.path.getsize(f"{folder}/{n}/.whet-scratch") > 0 for n in scratch(folder))
    except OSError:
        return False


def end_while_writing(whet, folder, how):
    """The exit status, once the signal met a conversion that had its folder."""
    for _ in range(10):
        p = subprocess.Popen([whet, "convert", "big.onnx", folder + "/big2.onnx", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while p.poll() is None and not has_begun(folder):
            time.sleep(0.0005)
        p.send_signal(how)
        status = p.wait()
        if status != 0:
            return status
        os.remove(folder + "/big2.onnx")
    sys.exit("no conversion could be met while it wrote")


def check(ok, what):
    if not ok:
        sys.exit("killed.py: " + what)


def main():
    whet, folder = sys.argv[1], "killed"
    os.makedirs(folder)
    make("big.onnx")
    for how in (signal.SIGINT, signal.SIGTERM):
        status = end_while_writing(whet, folder, how)
        check(status == 130 and os.listdir(folder) == [], f"{how.name}: exit {status}, left {os.listdir(folder)}")
    check(end_while_writing(whet, folder, signal.SIGKILL) == -signal.SIGKILL, "it was not killed")
    left = scratch(folder)
    check(len(left) == 1 and os.listdir(folder) == left, f"after SIGKILL there is {os.listdir(folder)}")
    held, other, own = (folder + "/.whet-convert-" + n for n in ("abcdef", "is.mine", "models"))
    for path in (held, other, own):
        os.makedirs(path + "/inside")
        os.chmod(path, 0o700)
    os.symlink(os.path.abspath(other), f"{folder}/{left[0]}/link")
    shutil.copy(f"{folder}/{left[0]}/.whet-scratch", held)
    lock = os.open(held + "/.whet-scratch", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    run = [whet, "convert", "big.onnx", folder + "/good.onnx", "-q"]
    check(subprocess.run(run, stdout=subprocess.DEVNULL).returncode == 0, "the next conversion failed")
    check(scratch(folder) == [".whet-convert-" + n for n in ("abcdef", "is.mine", "models")], f"the next conversion left {scratch(folder)}")
    check(all(os.path.isdir(path + "/inside") for path in (held, other, own)), "what is not abandoned was emptied")
    os.close(lock)
    subprocess.run(run, stdout=subprocess.DEVNULL, check=True)
    check(scratch(folder) == [".whet-convert-is.mine", ".whet-convert-models"], f"once nobody holds it: {scratch(folder)}")
    os.remove("big.onnx")
    os.remove(folder + "/good.onnx")
    print("nothing is left")


main()
