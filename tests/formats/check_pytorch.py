# SPDX-License-Identifier: Apache-2.0
"""Extended: state dicts and safetensors between whet and PyTorch.

usage: check_pytorch.py WHET SCRATCH   (WHET is the program)
The Python is this one, or the one named by WHET_PYTHON; WHET_PYTHON_OLD (optional) names one with an older PyTorch, which must
load the same files. Checked: files that whet writes load with torch.load(weights_only=True) and with safetensors, bit for bit;
odd tensors that PyTorch saves in each form are read bit for bit; random networks of timm and torchvision, converted by
`whet convert --model`, give PyTorch's outputs.
"""
import os
import subprocess
import sys

from checking import find_shared, other_python, skip_for, torchvision_operators

skip = skip_for("pytorch")
NETS = ["resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"]
OLD = """
import sys, torch
for a, b in zip(sys.argv[1::2], sys.argv[2::2]):
    x, y = torch.load(a, weights_only=True), torch.load(b, weights_only=True)
    assert list(x) == list(y), b
    assert all(x[k].dtype == y[k].dtype and torch.equal(x[k], y[k]) for k in x), b
print(torch.__version__, "loads", len(sys.argv) // 2, "files")
"""


def whet(program, *args):
    done = subprocess.run([program, *args, "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"whet {' '.join(args)}: {done.stderr.strip()}")


def same(torch, a, b):
    if set(a) != set(b):
        raise RuntimeError(f"other names: {sorted(set(a) ^ set(b))[:4]}")
    for k in a:
        x, y = (t[k].contiguous().reshape(-1).view(torch.uint8) for t in (a, b))
        if a[k].dtype != b[k].dtype or a[k].shape != b[k].shape or not torch.equal(x, y):
            raise RuntimeError(f"'{k}' differs")


def written(program, scratch, shared, torch, load_file):
    """What whet writes is what PyTorch wrote."""
    pairs = []
    for net in NETS:
        source = os.path.join(shared, "interop", "pytorch", net, "state_dict.pt")
        pth, safe = os.path.join(scratch, net + ".pth"), os.path.join(scratch, net + ".safetensors")
        whet(program, "convert", source, pth)
        whet(program, "convert", source, safe)
        want = torch.load(source, weights_only=True)
        same(torch, want, torch.load(pth, weights_only=True))
        same(torch, want, torch.load(pth, weights_only=True, mmap=True))
        same(torch, want, load_file(safe))
        if list(want) != list(torch.load(pth, weights_only=True)):
            raise RuntimeError("other order of names")
        pairs += [source, pth]
    print(f"{len(NETS)} state dicts and safetensors load in PyTorch {torch.__version__}")
    old = os.environ.get("WHET_PYTHON_OLD")
    if not old:
        print("SKIP: pytorch-old: WHET_PYTHON_OLD is not set")
        return
    done = subprocess.run([old, "-c", OLD, *pairs], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"older PyTorch: {done.stderr.strip().splitlines()[-1]}")
    print(done.stdout.strip())


def odd_tensors(torch):
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    out = {"whole": base, "transposed": base.permute(2, 0, 1), "strided": base[:, ::2, 1:], "expanded": base[0, 0].expand(7, 5),
           "parameter": torch.nn.Parameter(base[1]), "scalar": torch.tensor(3.5), "empty": torch.empty(0, 4),
           "large": torch.randn(300, 400), "large_t": torch.randn(300, 400).t(), "buffer": torch.nn.Buffer(base[2])}
    kinds = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    for kind in kinds:
        out[str(kind)[6:]] = torch.arange(5).to(kind)
    return out


def read(program, scratch, torch, load_file):
    """What PyTorch saves, in each form and wrapping, is what whet reads."""
    torch.manual_seed(1)
    tensors = odd_tensors(torch)
    plain = {k: v.detach().contiguous() for k, v in tensors.items()}
    new = dict(tensors, uint16=torch.arange(5).to(torch.uint16), uint32=torch.arange(5).to(torch.uint32), uint64=torch.arange(5).to(torch.uint64))
    cases = [("zip", tensors, {}), ("older", tensors, {"_use_new_zipfile_serialization": False}), ("protocol 3", tensors, {"pickle_protocol": 3}),
             ("protocol 4", tensors, {"pickle_protocol": 4}), ("older, protocol 5", tensors, {"_use_new_zipfile_serialization": False, "pickle_protocol": 5}),
             ("newer types", new, {}),
             ("checkpoint", {"epoch": 3, "best": 0.5, "args": {"lr": [0.1]}, "optimizer": {"state": {0: {"m": torch.ones(2)}}}, "state_dict": tensors}, {})]
    for name, value, how in cases:
        file, back, safe = (os.path.join(scratch, f) for f in ("odd.pt", "odd.pth", "odd.safetensors"))
        torch.save(value, file, **how)
        whet(program, "convert", file, back, "--to", "state_dict")
        whet(program, "convert", file, safe)
        want = dict(plain, **{k: new[k] for k in ("uint16", "uint32", "uint64")}) if value is new else plain
        try:
            same(torch, want, torch.load(back, weights_only=True))
            same(torch, want, load_file(safe))
        except RuntimeError as error:
            raise RuntimeError(f"{name}: {error}") from error
    print(f"{len(cases)} ways of saving are read bit for bit")


def networks(program, scratch, torch, np):
    """Weights by the names of timm and torchvision, in the zoo's networks."""
    operators = torchvision_operators(torch)  # noqa: F841
    import timm
    import torchvision
    cases = [("mobilenetv2", "timm", lambda: timm.create_model("mobilenetv2_100")), ("resnet50", "timm", lambda: timm.create_model("resnet50")),
             ("efficientnet-b0", "timm", lambda: timm.create_model("efficientnet_b0")),
             ("vit-tiny-16", "timm", lambda: timm.create_model("vit_tiny_patch16_224")),
             ("mobilenetv2", "torchvision", torchvision.models.mobilenet_v2), ("resnet50", "torchvision", torchvision.models.resnet50),
             ("efficientnet-b0", "torchvision", torchvision.models.efficientnet_b0)]
    torch.manual_seed(2)
    x = torch.randn(2, 3, 224, 224)
    files = [os.path.join(scratch, f) for f in ("net.pth", "net.onnx", "x.npy", "y.npy")]
    np.save(files[2], x.numpy())
    for name, source, make in cases:
        net = make()
        with torch.no_grad():
            for module in net.modules():  # running statistics as no fresh network has them
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean.normal_(0, 0.1)
                    module.running_var.uniform_(0.5, 2)
                    module.weight.uniform_(0.5, 1.5)
            want = net.eval()(x).numpy()
        torch.save({"model": net.state_dict(), "epoch": 1}, files[0])
        whet(program, "convert", files[0], files[1], "--model", name)
        whet(program, "run", files[1], files[2], "-o", files[3])
        difference = np.abs(np.load(files[3]) - want).max() / np.abs(want).max()
        print(f"{name} with {source}'s weights: off by {difference:.2g} of the largest output")
        if not difference <= 1e-4:
            raise RuntimeError(f"{name} with {source}'s weights gives other outputs")


def main():
    other_python("WHET_PYTHON")
    try:
        import numpy as np
        import torch
        from safetensors.torch import load_file
    except ImportError as error:
        skip(f"{error}; name a Python with torch and safetensors in WHET_PYTHON")
    program, scratch = sys.argv[1], os.path.join(sys.argv[2], "check_pytorch")
    os.makedirs(scratch, exist_ok=True)
    torch.set_num_threads(1)
    try:
        written(program, scratch, find_shared(skip), torch, load_file)
        read(program, scratch, torch, load_file)
        try:
            networks(program, scratch, torch, np)
        except ImportError as error:
            print(f"SKIP: timm: {error}")
    except RuntimeError as error:
        print(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
