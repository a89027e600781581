# SPDX-License-Identifier: Apache-2.0
"""Extended: what `whet convert --bundle` writes. Each program is at most 100 lines, and reproduces the expected output where this
machine has the runtime; where it has not, the reason is told.

usage: check_bundles.py WHET SOURCE   (the program, with libwhet beside it; the source folder)
The Pythons are this one, or those named by WHET_PYTHON and, for TensorFlow, WHET_PYTHON_TF.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

PYTHONS = [sys.executable, os.environ.get("WHET_PYTHON"), os.environ.get("WHET_PYTHON_TF")]
NEEDS = {"onnx": "PIL,onnxruntime", "openvino": "PIL,openvino", "tflite": "PIL,ai_edge_litert", "torchscript": "PIL,torch",
         "saved_model": "tensorflow", "tensorflow": "tensorflow", "keras": "keras,tensorflow", "keras_h5": "keras,tensorflow"}


def skip(what, reason):
    print(f"SKIP: {what}: {reason}")


def find_python(modules):
    for python in filter(None, PYTHONS):
        code = "import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ['numpy'] + sys.argv[1].split(',')))"
        if subprocess.run([python, "-c", code, modules], check=False).returncode == 0:
            return python
    return None


def package(name):
    for python in filter(None, PYTHONS):
        done = subprocess.run([python, "-c", f"import importlib.util as u; print(u.find_spec({name!r}).submodule_search_locations[0])"],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def compile_flags(kind, whet, source):
    """Flags, arguments, environment; or why not."""
    if kind == "onnx":
        found = glob.glob(os.path.join(package("onnxruntime") or "/nowhere", "capi", "libonnxruntime.so.*"))
        return (["-ldl"], found[:1], {}) if found else "no libonnxruntime.so is here"
    if kind == "openvino":
        place = package("openvino") or "/nowhere"
        found = glob.glob(os.path.join(place, "libs", "libopenvino_c.so*"))
        if not found:
            return "no libopenvino_c.so is here"
        libs = os.path.join(place, "libs")
        return [f"-I{place}/include", f"-L{libs}", "-l:" + os.path.basename(found[0])], [], {"LD_LIBRARY_PATH": libs}
    if kind == "tflite":
        return "no libtensorflowlite_c.so with its header is here; the LiteRT of the Python package has no TfLite functions"
    build = os.path.dirname(os.path.abspath(whet))
    if not glob.glob(os.path.join(build, "libwhet.so*")):
        return "no libwhet.so is beside the program"
    helper = {"WHET_H5": os.path.join(build, "whet-h5")} if os.path.exists(os.path.join(build, "whet-h5")) else {}
    return [f"-I{source}/include", f"-L{build}", "-lwhet"], [], {"LD_LIBRARY_PATH": build, **helper}


def run(command, folder, env=None):
    done = subprocess.run(command, cwd=folder, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(env or {})}, capture_output=True, text=True,
                          timeout=120, check=False)
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()[-500:]


def check(kind, whet, source, model, folder, baked):
    name = kind + (" baked" if baked else "")
    faults, ran = [], 0
    fault = run([whet, "convert", model, "--bundle", folder, "--to", kind] + (["--bake"] if baked else []), ".")
    if fault:
        return [f"{name}: {fault}"], 0
    for part in ("picture.png", "expected.npy", "contract.json", "labels.txt", "run.c", "run.py"):
        if not os.path.exists(os.path.join(folder, part)):
            faults.append(f"{name}: {part} is missing")
    for program in ("run.c", "run.py"):
        with open(os.path.join(folder, program), encoding="utf-8") as f:
            lines = len(f.readlines())
        if lines > 100:
            faults.append(f"{name}: {program} has {lines} lines")
    python = find_python(NEEDS[kind])
    if python is None:
        skip("python", f"{name}: no Python with {NEEDS[kind]} (WHET_PYTHON, WHET_PYTHON_TF)")
    else:
        fault = run([python, "run.py"], folder)
        ran += 1
        faults += [f"{name}: run.py: {fault}"] if fault else []
    flags = compile_flags(kind, whet, source)
    if isinstance(flags, str):
        skip("library", f"{name}: {flags}")
        return faults, ran
    fault = run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-o", "run", "run.c", "-lpng", *flags[0], "-lm"], folder)
    if not fault:
        fault = run(["./run", *flags[1]], folder, flags[2])
    return faults + ([f"{name}: run.c: {fault}"] if fault else []), ran + 1


def main():
    whet, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    shared = os.environ.get("WHET_SHARED") or "../shared"
    model = os.path.join(shared, "interop", "pytorch", "mobilenetv2", "legacy.onnx")
    if not os.path.exists(model):
        skip("shared", "the shared folder is missing (set WHET_SHARED)")
        return 77
    if shutil.which("cc") is None:
        skip("cc", "there is no C compiler")
        return 77
    faults, ran = [], 0
    with tempfile.TemporaryDirectory(prefix="whet-bundles-") as scratch:
        with_contract, labels = os.path.join(scratch, "model.onnx"), os.path.join(scratch, "labels.txt")
        with open(labels, "w", encoding="utf-8") as f:
            f.write("".join(f"class {i}\n" for i in range(10)))
        fault = run([whet, "contract", "set", model, "--contract", "imagenet", "--color", "bgr", "--labels", labels, "-o", with_contract], ".")
        if fault:
            print("FAILED: whet contract set: " + fault)
            return 1
        writable = subprocess.run([whet, "convert", with_contract, "x.none"], capture_output=True, text=True, check=False).stderr
        for kind in NEEDS:
            if kind not in writable.replace(",", " ").split():
                skip("format", f"{kind} is not written by this build")
                continue
            for baked in (False, True) if kind in ("onnx", "tflite", "openvino") else (False,):
                more, n = check(kind, whet, source, with_contract, os.path.join(scratch, kind + str(baked)), baked)
                faults += more
                ran += n
    for fault in faults:
        print("FAILED: " + fault)
    print(f"{ran} programs ran, {len(faults)} faults")
    return 1 if faults else 0 if ran else 77


if __name__ == "__main__":
    sys.exit(main())
