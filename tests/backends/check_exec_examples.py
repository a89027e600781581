#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example runtimes against the outputs that the real tool chains stored: examples/runtimes/torch_eager.py and keras.py.

Usage: check_exec_examples.py WHET. WHET_PYTHON (default python3) runs both; WHET_PYTHON_KERAS the second, where TensorFlow is in
another environment. Exit code 77 and SKIP lines where a library or the shared folder is missing."""
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("WHET_SHARED") or SOURCE.parent / "shared")
PYTHON = os.environ.get("WHET_PYTHON", "python3")
EXAMPLES = [
    ("torch", PYTHON, "torch_eager.py", "pytorch", ["torchscript.pt", "torchscript_frozen.pt"]),
    ("tensorflow", os.environ.get("WHET_PYTHON_KERAS", PYTHON), "keras.py", "keras", ["model.keras", "model.h5"]),
]


def verify(whet, runtime, model):
    command = [whet, "verify", str(model), "--runtime", runtime, "--accept", "max=1e-4", "--input", str(model.parent / "input.npy"), "--expect", str(model.parent / "output.npy")]
    p = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if p.returncode != 0:
        print(f"FAIL {model}: {(p.stdout + p.stderr).strip().splitlines()[-1]}\n  repro: {' '.join(command)}")
    return p.returncode == 0


def main(whet):
    passed = failed = skipped = 0
    for library, python, script, folder, files in EXAMPLES:
        if subprocess.run([python, "-c", "import " + library], capture_output=True).returncode != 0:
            print(f"SKIP: {library}: {python} has none (set WHET_PYTHON)")
            skipped += 1
            continue
        models = [m for f in files for m in sorted((SHARED / "interop" / folder).glob("*/" + f))]
        if not models:
            print(f"SKIP: shared: no networks in {SHARED / 'interop' / folder} (set WHET_SHARED)")
            skipped += 1
        for model in models:
            ok = verify(whet, f"exec:'{python}' '{SOURCE}/examples/runtimes/{script}'", model)
            passed += ok
            failed += not ok
    print(f"{passed} networks agree on the example runtimes, {failed} do not, {skipped} examples were skipped")
    return 1 if failed else 77 if passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
