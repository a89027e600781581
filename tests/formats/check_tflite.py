# SPDX-License-Identifier: Apache-2.0
"""Extended: TFLite files that whet writes, run by LiteRT where a Python has it (ai_edge_litert).

usage: check_tflite.py WHET TEST_TFLITE_WRITE SCRATCH
The Python is this one, or the one named by WHET_PYTHON. Judged: the small graphs and the zoo's networks of
test_tflite_write against the native engine (1e-4 of the largest output); the interop networks of PyTorch against their
stored outputs, as floats and as halves (2e-3); the integer files of ONNX Runtime's quantiser against the native engine (1 LSB
in 98 %, 4 at most), its dynamic files (5e-3) and those of halves (3e-3); TensorFlow's own files written again, which must give what they gave.
"""
import collections
import glob
import os
import subprocess
import sys

from checking import find_shared, other_python, skip_for

skip = skip_for("litert")

NETS = ["resnet", "mobilenetv2", "efficientnet", "convnext", "vit", "deeplab", "unet"]
KERAS = ["convnet", "mobilenet", "efficientnet", "resnet", "deeplab"]
KINDS = ["float32", "float16", "dynamic", "int8", "int8_floatio", "int16x8"]
# two for the heads of each block of a vision transformer, and one more where k is turned for itself
OWN_TRANSPOSES = {"vit-tiny-16": 24, "vit": 9}


class Checker:
    def __init__(self, litert, np, whet, scratch):
        self.litert, self.np, self.whet, self.scratch = litert, np, whet, scratch
        self.n, self.failed = 0, 0

    def run(self, path, x):
        """The first output, the operators by name, and the scale of an output that is dequantised last."""
        kinds = self.litert.OpResolverType
        plain = self.litert.Interpreter(model_path=path, experimental_op_resolver_type=kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        details = plain._get_ops_details()
        ops = collections.Counter(o["op_name"] for o in details)
        tensors = {t["index"]: t for t in plain.get_tensor_details()}
        scale = None
        if details[-1]["op_name"] == "DEQUANTIZE":
            scale = tensors[details[-1]["inputs"][0]]["quantization_parameters"]["scales"][0]
        model = self.litert.Interpreter(model_path=path, num_threads=1)
        entry = model.get_input_details()[0]
        if x.ndim == 4 and list(entry["shape_signature"])[1:] != list(x.shape)[1:]:
            x = self.np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        model.resize_tensor_input(entry["index"], x.shape)
        model.allocate_tensors()
        model.set_tensor(entry["index"], x)
        model.invoke()
        return model.get_tensor(model.get_output_details()[0]["index"]), ops, scale

    def say(self, what, fault):
        self.n += 1
        if fault:
            self.failed += 1
            print(f"FAILED: {what}: {fault}")

    def close(self, y, want, bound):
        if y.ndim == 4 and y.shape != want.shape:
            y = y.transpose(0, 3, 1, 2)
        if y.shape != want.shape:
            return f"the output is {y.shape}, not {want.shape}"
        difference = self.np.abs(y.astype("f8") - want).max() / max(self.np.abs(want).max(), 1e-30)
        return None if difference <= bound else f"the output differs by {difference:.3g}, at most {bound} is allowed"

    def steps(self, y, want, scale):
        if y.ndim == 4 and y.shape != want.shape:
            y = y.transpose(0, 3, 1, 2)
        lsb = self.np.rint(self.np.abs(y.astype("f8") - want) / scale)
        over = (lsb > 1).mean()
        few = lsb.size < 50
        good = lsb.max() <= (2 if few else 4) and ((lsb > 1).sum() <= 1 if few else over <= 0.02)
        return None if good else f"{lsb.max():.0f} LSB at most, {100 * over:.1f} % over 1"

    def transposes(self, ops, own):
        have = ops.get("TRANSPOSE", 0)
        return None if have <= own else f"{have} transpositions, {own} are the network's own"

    def convert(self, source, out, *options):
        if os.path.exists(out):
            os.remove(out)
        done = subprocess.run([self.whet, "convert", source, out, "-q", *options], capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else (done.stderr or done.stdout).strip()

    def native(self, model, x_path, out):
        subprocess.run([self.whet, "run", model, x_path, "-o", out, "-q"], stdout=subprocess.DEVNULL, check=True)
        return self.np.load(out)

    def written_cases(self, program):
        folder = os.path.join(self.scratch, "tflite_cases")
        os.makedirs(folder, exist_ok=True)
        subprocess.run([program, "--write", folder], check=True, stdout=subprocess.DEVNULL)
        for path in sorted(glob.glob(os.path.join(folder, "*.tflite"))):
            name = os.path.basename(path)[:-7]
            x, want = (self.np.load(path[:-7] + tail) for tail in ("_input.npy", "_output.npy"))
            try:
                y, ops, _ = self.run(path, x)
            except (RuntimeError, ValueError) as error:
                self.say(name, str(error)[:200])
                continue
            fault = self.close(y, want, 1e-4)
            if not fault and name in OWN_TRANSPOSES:
                fault = self.transposes(ops, OWN_TRANSPOSES[name])
            self.say(name, fault)

    def interop(self, shared, net):
        np, folder = self.np, os.path.join(shared, "interop")
        out = os.path.join(self.scratch, "check.tflite")
        x_path = os.path.join(folder, "pytorch", net, "input.npy")
        x, want = np.load(x_path), np.load(os.path.join(folder, "pytorch", net, "output.npy"))
        for kind, options, bound in (("legacy", (), 1e-4), ("dynamo", (), 1e-4), ("legacy", ("--precision", "f16"), 2e-3)):
            fault = self.convert(os.path.join(folder, "pytorch", net, kind + ".onnx"), out, *options)
            if not fault:
                y, ops, _ = self.run(out, x)
                fault = self.close(y, want, bound) or self.transposes(ops, OWN_TRANSPOSES.get(net, 0))
            self.say(f"{net}/{kind}.onnx {' '.join(options)}", fault)
        for kind in ("qdq_u8s8", "qoperator"):
            source = os.path.join(folder, "onnx", net, kind + ".onnx")
            if not os.path.exists(source) or (net, kind) == ("convnext", "qoperator"):
                continue
            fault = self.convert(source, out)
            if not fault:
                y, ops, scale = self.run(out, x)
                want_int = self.native(source, x_path, os.path.join(self.scratch, "check.npy"))
                fault = "the output is not dequantised last" if scale is None else self.steps(y, want_int, scale)
            self.say(f"{net}/{kind}.onnx", fault)

        for kind, bound in (("dynamic", 5e-3), ("fp16", 3e-3)):
            source = os.path.join(folder, "onnx", net, kind + ".onnx")
            if not os.path.exists(source) or (net, kind) == ("vit", "fp16"):
                continue
            fault = self.convert(source, out)
            if not fault:
                y, _, _ = self.run(out, x)
                stored = np.load(os.path.join(folder, "onnx", net, kind + "_output.npy"))
                fault = self.close(y, stored.astype("f4"), bound)
            self.say(f"{net}/{kind}.onnx", fault)

    def again(self, shared, net, kind):
        np, folder = self.np, os.path.join(shared, "interop", "keras", net)
        source, out = os.path.join(folder, kind + ".tflite"), os.path.join(self.scratch, "check.tflite")
        x = np.load(os.path.join(folder, "int8_input.npy" if kind == "int8" else "input.npy"))
        fault = self.convert(source, out)
        if not fault:
            before, ops, _ = self.run(source, x)
            after, ops_after, _ = self.run(out, x)
            if before.dtype != after.dtype:
                fault = f"the output is {after.dtype}, not {before.dtype}"
            elif before.dtype.kind == "i":
                fault = self.steps(after, before, 1)
            else:
                fault = self.close(after, before, 1e-5)
            if not fault and sum(ops_after.values()) > sum(ops.values()):
                fault = f"{sum(ops_after.values())} operators, there were {sum(ops.values())}"
        self.say(f"keras/{net}/{kind}.tflite", fault)


def main():
    other_python("WHET_PYTHON")
    try:
        import numpy as np
        from ai_edge_litert import interpreter
    except ImportError as error:
        skip(f"{error}; name a Python with ai_edge_litert in WHET_PYTHON")
    shared = find_shared(skip)
    check = Checker(interpreter, np, sys.argv[1], sys.argv[3])
    check.written_cases(sys.argv[2])
    for net in NETS:
        check.interop(shared, net)
    for net in KERAS:
        for kind in KINDS:
            check.again(shared, net, kind)
    print(f"{check.n - check.failed} of {check.n} files agree")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
