# SPDX-License-Identifier: Apache-2.0
"""Extended: TorchScript between whet and PyTorch.

usage: check_torchscript.py TOOL SCRATCH   (TOOL is formats_test_torchscript: IN OUT, run MODEL X Y, zoo NAME OUT)
The Python is this one, or the one named by WHET_PYTHON; WHET_PYTHON_OLD (optional) names one with an older PyTorch, which must
load the same files. Checked: what whet writes of the zoo and of PyTorch's and ONNX Runtime's files gives the right outputs in
PyTorch; random networks of torchvision and timm, traced, scripted and frozen, give PyTorch's outputs in whet.
"""
import json
import os
import subprocess
import sys

from checking import find_shared, other_python, skip_for, torchvision_operators

skip = skip_for("pytorch")

NETS = ["resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"]
ZOO = [("lenet", [2, 1, 28, 28]), ("cifar-convnet", [2, 3, 32, 32]), ("resnet20", [2, 3, 32, 32]), ("resnet50", [1, 3, 224, 224]),
       ("mobilenetv2", [1, 3, 224, 224]), ("efficientnet-b0", [1, 3, 224, 224]), ("vit-tiny-16", [1, 3, 224, 224])]
RANDOM = [("torchvision", "resnet50"), ("torchvision", "mobilenet_v2"), ("timm", "efficientnet_b0"), ("timm", "vit_tiny_patch16_224")]
# A literal run. The last bit of a sum, which differs between releases of PyTorch, can move a quantised activation by one step:
# deeplab's dynamic file is 2.1e-3 off in 1.13 and 5e-7 in 2.13.
BOUNDS = {"qdq_u8s8": 2e-2, "qoperator": 2e-2, "dynamic": 5e-3}
# Loads and runs a list of (model, input, wanted, bound): also what the older PyTorch is given.
JUDGE = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
torch.set_num_threads(2)
bad = 0
for model, x, want, bound in json.load(open(sys.argv[1])):
    try:
        with torch.no_grad():
            y = torch.jit.load(model)(torch.from_numpy(np.load(x))).numpy()
        want = np.load(want)
        off = np.abs(y - want).max() / np.abs(want).max() if y.shape == want.shape else float("inf")
        fault = None if off <= bound else f"output differs by {off:.3g}, at most {bound} is right"
    except Exception as error:
        fault = str(error).strip().splitlines()[-1]
    if fault:
        bad += 1
        print(f"FAILED: {model} in PyTorch {torch.__version__}: {fault}")
print(f"PyTorch {torch.__version__}: {bad} files failed")
sys.exit(bad > 0)
"""


def tool(*args):
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())


def written(program, scratch, shared, np):
    """Models that whet writes, with the outputs that others computed."""
    rows = []
    for net in NETS:
        files = [("pytorch", "legacy.onnx"), ("pytorch", "dynamo.onnx"), ("pytorch", "torchscript.pt")]
        files += [("onnx", kind + ".onnx") for kind in BOUNDS]
        for folder, file in files:
            here, kind = os.path.join(shared, "interop", folder, net), file.split(".")[0]
            source, out = os.path.join(here, file), os.path.join(scratch, f"{net}_{file}.pt")
            if not os.path.exists(source):
                continue
            tool(program, source, out)
            want = os.path.join(here, kind + "_output.npy" if folder == "onnx" else "output.npy")
            bound = 5e-2 if (net, kind) == ("vit", "qdq_u8s8") else BOUNDS.get(kind, 1e-4)
            rows.append((out, os.path.join(here, "input.npy"), want, bound))
    for name, shape in ZOO:
        model, x, y = (os.path.join(scratch, f"zoo_{name}{end}") for end in (".pt", "_x.npy", "_y.npy"))
        np.save(x, np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
        tool(program, "zoo", name, model)
        tool(program, "run", model, x, y)
        rows.append((model, x, y, 1e-4))
    return rows


def judge(python, scratch, rows):
    listing, script = os.path.join(scratch, "torchscript.json"), os.path.join(scratch, "judge_torchscript.py")
    with open(listing, "w") as file:
        json.dump(rows, file)
    with open(script, "w") as file:
        file.write(JUDGE)
    return subprocess.run([python, script, listing], check=False).returncode


def lively(torch, net):
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    return net.eval()


def read(program, scratch, torch, np):
    """Models that PyTorch makes, run by whet."""
    failed = n = 0
    operators = torchvision_operators(torch)  # noqa: F841
    for library, name in RANDOM:
        try:
            net = __import__("timm").create_model(name) if library == "timm" else getattr(__import__("torchvision").models, name)()
        except Exception as error:  # a library may be missing or not fit this PyTorch
            print(f"SKIP: {library}: {str(error).splitlines()[0]}", flush=True)
            continue
        torch.manual_seed(1)
        x, path = torch.randn(1, 3, 224, 224) / 2, [os.path.join(scratch, "read" + e) for e in (".pt", "_x.npy", "_y.npy")]
        np.save(path[1], x.numpy())
        with torch.no_grad():
            net = lively(torch, net)
            want = net(x).numpy()
            kinds = {"traced": torch.jit.trace(net, x), "scripted": torch.jit.script(net)}
            kinds["frozen"] = torch.jit.freeze(kinds["scripted"])
        for kind, module in kinds.items():
            module.save(path[0])
            n += 1
            try:
                tool(program, "run", *path)
                off = np.abs(np.load(path[2]) - want).max() / np.abs(want).max()
                fault = None if off <= 1e-4 else f"output differs by {off:.3g}"
            except RuntimeError as error:
                fault = str(error)
            if fault:
                failed += 1
                print(f"FAILED: {library} {name} {kind}: {fault}")
    print(f"{n - failed} of {n} of PyTorch's random networks read")
    return failed


def main():
    other_python("WHET_PYTHON")
    try:
        import numpy as np
        import torch
    except ImportError as error:
        skip(f"{error}; name a Python with torch in WHET_PYTHON")
    shared, program, scratch = find_shared(skip), sys.argv[1], os.path.join(sys.argv[2], "torchscript")
    os.makedirs(scratch, exist_ok=True)
    rows = written(program, scratch, shared, np)
    failed = judge(sys.executable, scratch, rows)
    old = os.environ.get("WHET_PYTHON_OLD")
    if old:
        failed += judge(old, scratch, rows)
    else:
        print("SKIP: pytorch-old: WHET_PYTHON_OLD is not set")
    print(f"{len(rows)} files written")
    failed += read(program, scratch, torch, np)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
