# SPDX-License-Identifier: Apache-2.0
"""Extended: Keras files that whet writes, loaded by Keras in safe mode, against the file that they were made from.

Each of ../shared/interop/keras is written again in both containers: outputs to 1e-4 of the largest, every weight bit-exact by the name of
its layer. The same files by Keras 2 where tf_keras can be imported.

usage: check_keras.py WHET      (WHET_PYTHON_TF: the Python with keras and tensorflow)
"""
import os
import subprocess
import sys
import tempfile

from checking import other_python, skip_for

skip = skip_for("keras")

NETS = ["convnet", "mobilenet", "efficientnet", "resnet", "deeplab"]


def weights_of(model):
    return {(layer.name, i): w for layer in model.layers for i, w in enumerate(layer.get_weights())}


def check(keras, np, whet, source, out, x, want, exact):
    done = subprocess.run([whet, "convert", source, out], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    options = {"safe_mode": True} if exact else {}
    model = keras.models.load_model(out, compile=False, **options)
    difference = np.abs(np.asarray(model(x)) - want).max() / np.abs(want).max()
    if not difference <= 1e-4:
        return f"the output differs by {difference:.3g}"
    if not exact:
        return None
    ours, theirs = weights_of(model), weights_of(keras.models.load_model(source, compile=False))
    for key, value in theirs.items():
        if key not in ours or not np.array_equal(ours[key], value):
            return f"weight {key} is not the same"
    return None


def main():
    other_python("WHET_PYTHON_TF")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
        import numpy as np
    except ImportError as error:
        skip(f"{error}; name a Python with keras and tensorflow in WHET_PYTHON_TF")
    try:
        import tf_keras
    except ImportError:
        tf_keras = None
        print("SKIP: tf_keras: Keras 2 is not there")
    shared = os.environ.get("WHET_SHARED") or "../shared"
    if not os.path.isdir(os.path.join(shared, "interop", "keras")):
        skip("the shared folder is missing (set WHET_SHARED)")
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for net in NETS:
            folder = os.path.join(shared, "interop", "keras", net)
            x, want = (np.load(os.path.join(folder, name)) for name in ("input.npy", "output.npy"))
            for source in ("model.h5", "model.keras"):
                for ext in (".h5", ".keras"):
                    for module in filter(None, (keras, tf_keras)):
                        fault = check(module, np, sys.argv[1], os.path.join(folder, source), os.path.join(scratch, "m" + ext), x, want, module is keras)
                        passed, failed = passed + (fault is None), failed + (fault is not None)
                        if fault:
                            print(f"{net}/{source} as {ext} in {module.__name__} {module.__version__}: {fault}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
