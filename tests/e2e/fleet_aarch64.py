# SPDX-License-Identifier: Apache-2.0
"""Extended: a study on a machine of another kind: the cross-built bundle and the aarch64 wheels of ONNX Runtime and LiteRT, under
qemu-user behind a real sshd. Outputs are judged; times mean nothing there.

usage: fleet_aarch64.py WHET BUILD BUILD_AARCH64   (whet-aarch64.tar.gz lies in the last: tools/build_aarch64.sh --bundle)
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

from fleet import Fleet, expect, skip

CORES = """processor\t: {n}
BogoMIPS\t: 100.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0b
CPU revision\t: 1

"""


def emulated_root(scratch):
    """The cross compiler's libraries, and the /proc/cpuinfo that ONNX Runtime wants to read."""
    root = scratch / "root"
    (root / "proc").mkdir(parents=True)
    (root / "proc" / "cpuinfo").write_text("".join(CORES.format(n=n) for n in range(os.cpu_count() or 1)))
    for entry in pathlib.Path("/usr/aarch64-linux-gnu").iterdir():
        (root / entry.name).symlink_to(entry)
    return root


def main():
    arm = os.path.abspath(sys.argv[3])
    shared = os.path.abspath(os.environ.get("WHET_SHARED") or "../shared")
    if not shutil.which("qemu-aarch64") or not os.path.isdir("/usr/aarch64-linux-gnu"):
        skip("qemu-aarch64 or the cross compiler's libraries are missing")
    if not os.path.isdir(os.path.join(shared, "interop")):
        skip("the shared folder is missing (set WHET_SHARED)")
    with Fleet(sys.argv[1], sys.argv[2]) as fleet:
        scratch = fleet.scratch
        wheels = os.environ.get("WHET_WHEELS")
        for runtime in ("ort", "litert"):
            done = subprocess.run([fleet.whet, "runtimes", "install", runtime, "--arch", "aarch64", *(["--from", wheels] if wheels else [])], env=fleet.env,
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                skip(f"the aarch64 wheel of {runtime} cannot be had: {done.stderr.strip()}")
        onnx, tflite = f"{shared}/interop/pytorch/resnet/legacy.onnx", f"{shared}/interop/keras/convnet/float32.tflite"
        study = scratch / "arm.yaml"
        study.write_text(f"name: arm\nmodel: [{onnx}, {tflite}]\nruntime: [native, ort, litert]\nthreads: 1\nbench: {{warmup: 0.01}}\nquick: {{bench: {{min_time: 0.05, iterations: 3}}}}\n"
                         f"exclude:\n- {{model: {onnx}, runtime: litert}}\n- {{model: {tflite}, runtime: ort}}\n")
        inventory = fleet.inventory("machines", f"{{name: arm, address: 127.0.0.1, folder: {scratch}/there, machine: aarch64, "
                                           f"wrapper: qemu-aarch64 -cpu cortex-a76 -L {emulated_root(scratch)}}}")
        p = subprocess.run([fleet.whet, "study", str(study), "--quick", "--host", str(inventory), "--bundle", arm, "--json"], env=fleet.env, cwd=scratch,
                           capture_output=True, text=True, check=False, timeout=1200)
        doc = json.loads(p.stdout) if p.stdout.strip().startswith("{") else {"rows": []}
        for r in doc["rows"]:
            print(r["model"], r["runtime"], r["status"], [round(o["max"], 9) for o in (r.get("parity") or {}).get("outputs", [])])
        expect(len(doc["rows"]) == 4 and all(r["status"] == "ok" and r["parity"]["ok"] for r in doc["rows"]),
               "native, ONNX Runtime and LiteRT for aarch64 compute the same", p.returncode, p.stderr[-1500:])
        expect(doc["machines"][0]["machine"] == "aarch64", "the machine is what the inventory says")


if __name__ == "__main__":
    main()
