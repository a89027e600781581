# SPDX-License-Identifier: Apache-2.0
"""Extended: one network held as ONNX, OpenVINO IR, TFLite and TorchScript answers 1,000 real pictures alike on the four runtimes.

Network and pictures: ../shared/models/cifar10-pytorch/model.onnx, the first 100 test pictures a class of ../shared/data/cifar10.
usage: check_four.py WHET   (WHET_PYTHON: a Python with numpy, Pillow, onnxruntime, openvino, ai-edge-litert, torch)
"""
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
EACH = 100


def right_python():
    python = os.environ.get("WHET_PYTHON")
    if python and os.path.abspath(python) != os.path.abspath(sys.executable) and not os.environ.get("WHET_FOUR"):
        os.environ["WHET_FOUR"] = "1"
        os.execv(python, [python, __file__] + sys.argv[1:])
    try:
        import ai_edge_litert, numpy, onnxruntime, openvino, torch  # noqa: F401, E401
        from PIL import Image  # noqa: F401
    except ImportError as e:
        print(f"SKIP: runtimes: {e}; set WHET_PYTHON")
        sys.exit(77)


def pictures(shared):
    import numpy as np
    from PIL import Image
    x, y = [], []
    with tarfile.open(shared / "data" / "cifar10" / "cifar10-jpeg.tar.xz") as tar:
        count, classes = {}, set()
        found = []
        for m in tar:
            parts = m.name.split("/")
            if not m.isfile() or "test" not in parts or not m.name.endswith(".jpg"):
                continue
            classes.add(parts[-2])
            count[parts[-2]] = count.get(parts[-2], 0) + 1
            if count[parts[-2]] <= EACH:
                found.append((parts[-2], tar.extractfile(m).read()))
    order = sorted(classes)
    for name, data in found:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)
        x.append(((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1))
        y.append(order.index(name))
    return np.stack(x).astype(np.float32), np.array(y)


def main():
    import numpy as np
    whet = sys.argv[1]
    shared = pathlib.Path(os.environ.get("WHET_SHARED", HERE.parent.parent.parent / "shared"))
    source = shared / "models" / "cifar10-pytorch" / "model.onnx"
    x, y = pictures(shared)
    answers = {}
    with tempfile.TemporaryDirectory(prefix="whet-four-") as folder:
        files = {}
        for ext in (".onnx", ".xml", ".tflite", ".pt"):
            files[ext] = os.path.join(folder, "net" + ext)
            p = subprocess.run([whet, "convert", str(source), "-o", files[ext]], capture_output=True, text=True)
            if p.returncode:
                print(f"{ext}: {p.stderr.strip()}")
                return 1
        import onnxruntime as ort
        s = ort.InferenceSession(files[".onnx"], providers=["CPUExecutionProvider"])
        name = s.get_inputs()[0].name
        answers["ONNX Runtime"] = [s.run(None, {name: x[i:i + 1]})[0][0] for i in range(len(x))]
        import openvino as ov
        c = ov.Core().compile_model(files[".xml"], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        answers["OpenVINO"] = [c([x[i:i + 1]])[0][0].copy() for i in range(len(x))]
        from ai_edge_litert.interpreter import Interpreter
        i = Interpreter(model_path=files[".tflite"])
        i.allocate_tensors()
        d, o = i.get_input_details()[0], i.get_output_details()[0]
        answers["LiteRT"] = []
        for k in range(len(x)):
            one = x[k:k + 1]
            i.set_tensor(d["index"], one if tuple(d["shape"]) == one.shape else np.ascontiguousarray(one.transpose(0, 2, 3, 1)))
            i.invoke()
            answers["LiteRT"].append(i.get_tensor(o["index"])[0].copy())
        import torch
        m = torch.jit.load(files[".pt"]).eval()
        with torch.no_grad():
            answers["LibTorch"] = [m(torch.from_numpy(x[k:k + 1])).numpy()[0] for k in range(len(x))]
    first = np.stack(answers["ONNX Runtime"])
    failed = 0
    for name, got in answers.items():
        got = np.stack(got)
        same = int((got.argmax(1) == first.argmax(1)).sum())
        failed += same != len(x)
        print(f"{name:13} top-1 {100 * (got.argmax(1) == y).mean():.2f} %, the same as ONNX Runtime's on {same} of {len(x)}, "
              f"largest difference {np.abs(got - first).max() / np.abs(first).max():.1e}")
    print(f"{len(answers)} runtimes, {failed} failed")
    return 1 if failed else 0


right_python()
sys.exit(main())
