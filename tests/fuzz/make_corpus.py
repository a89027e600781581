# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets: make_corpus.py FOLDER. A few KB in all; only the standard library is used."""
import collections
import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib


# --- protocol buffers
def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def num(field, n):
    return varint(field << 3) + varint(n)


def blob(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def real(field, x):
    return varint(field << 3 | 5) + struct.pack("<f", x)


# --- ONNX
def attr_int(name, x):
    return blob(5, blob(1, name) + num(3, x) + num(20, 2))


def attr_float(name, x):
    return blob(5, blob(1, name) + real(2, x) + num(20, 1))


def attr_ints(name, xs):
    return blob(5, blob(1, name) + b"".join(num(8, x) for x in xs) + num(20, 7))


def attr_text(name, s):
    return blob(5, blob(1, name) + blob(4, s) + num(20, 3))


def node(op, ins, outs, *attrs, name=None, domain=None):
    out = b"".join(blob(1, i) for i in ins) + b"".join(blob(2, o) for o in outs)
    out += blob(3, name) if name else b""
    out += blob(4, op) + b"".join(attrs) + (blob(7, domain) if domain else b"")
    return blob(1, out)


def tensor_body(name, dims, kind, raw):
    return b"".join(num(1, d) for d in dims) + num(2, kind) + blob(8, name) + blob(9, raw)


def floats(name, dims, n):
    return blob(5, tensor_body(name, dims, 1, struct.pack(f"<{n}f", *[0.25 * i - 1 for i in range(n)])))


def longs(name, *xs):
    return blob(5, tensor_body(name, [len(xs)], 7, struct.pack(f"<{len(xs)}q", *xs)))


def value(field, name, dims, kind=1):
    shape = b"".join(blob(1, blob(2, d) if isinstance(d, str) else num(1, d)) for d in dims)
    return blob(field, blob(1, name) + blob(2, blob(1, num(1, kind) + blob(2, shape))))


def model(graph, opset=13, extra=b""):
    return num(1, 8) + blob(2, "seed") + blob(7, graph + blob(2, "g")) + blob(8, num(2, opset)) + extra


def onnx_seeds():
    x = value(11, "x", ["N", 3, 8, 8])
    yield "conv", model(
        node("Conv", ["x", "w", "b"], ["c"], attr_ints("pads", [1, 1, 1, 1]), attr_ints("strides", [2, 2]), attr_text("auto_pad", "NOTSET"))
        + node("Relu", ["c"], ["r"]) + node("GlobalAveragePool", ["r"], ["p"]) + node("Flatten", ["p"], ["f"])
        + node("Gemm", ["f", "g"], ["y"], attr_int("transB", 1), attr_float("alpha", 0.5))
        + floats("w", [2, 3, 3, 3], 54) + floats("b", [2], 2) + floats("g", [4, 2], 8) + x + value(12, "y", ["N", 4]),
        extra=blob(14, blob(1, "whet.contract") + blob(2, "{}")))
    yield "old", model(
        node("Clip", ["x"], ["c"], attr_float("min", 0), attr_float("max", 6)) + node("Dropout", ["c"], ["d"], attr_float("ratio", 0.5))
        + node("Softmax", ["d"], ["s"], attr_int("axis", 1)) + node("ReduceMean", ["s"], ["m"], attr_ints("axes", [2, 3]))
        + node("Slice", ["m"], ["l"], attr_ints("starts", [0]), attr_ints("ends", [1]), attr_ints("axes", [1]))
        + node("Squeeze", ["l"], ["y"], attr_ints("axes", [1, 2, 3])) + x + value(12, "y", ["N"]), 9)
    yield "shapes", model(
        node("Shape", ["x"], ["s"]) + node("Gather", ["s", "zero"], ["n"], attr_int("axis", 0)) + node("Unsqueeze", ["n", "zeros"], ["u"])
        + node("Concat", ["u", "rest"], ["t"], attr_int("axis", 0)) + node("Reshape", ["x", "t"], ["v"])
        + node("Transpose", ["v"], ["w"], attr_ints("perm", [1, 0])) + node("Split", ["w"], ["a", "b2"], attr_int("axis", 0))
        + node("Add", ["a", "b2"], ["y"]) + blob(5, tensor_body("zero", [], 7, bytes(8))) + longs("zeros", 0) + longs("rest", 192)
        + x + value(12, "y", [96, "N"]))
    bn = b"".join(floats(n, [3], 3) for n in ("sc", "bi", "me", "va"))
    yield "norm", model(
        node("BatchNormalization", ["x", "sc", "bi", "me", "va"], ["b1", "rm", "rv"], attr_int("training_mode", 1))
        + node("MaxPool", ["b1"], ["p"], attr_ints("kernel_shape", [2, 2]), attr_ints("strides", [2, 2]), attr_int("ceil_mode", 1))
        + node("AveragePool", ["p"], ["q"], attr_ints("kernel_shape", [3, 3]), attr_text("auto_pad", "SAME_UPPER"))
        + node("ConvTranspose", ["q", "w"], ["y"], attr_ints("strides", [2, 2]), attr_ints("output_padding", [1, 1]))
        + floats("w", [3, 1, 2, 2], 12) + bn + x + value(12, "y", ["N", 1, "H", "W"]), 15)
    function = (blob(1, "F") + blob(4, "a") + blob(5, "b") + blob(7, blob(1, "a") + blob(2, "b") + blob(4, "Neg"))
                + blob(9, num(2, 13)) + blob(10, "mine"))
    yield "function", model(node("F", ["x"], ["y"], name="call", domain="mine") + x + value(12, "y", ["N", 3, 8, 8]),
                            extra=blob(8, blob(1, "mine") + num(2, 1)) + blob(25, function))
    constant = blob(5, blob(1, "value") + blob(5, tensor_body("c", [3], 1, struct.pack("<3f", 1, 2, 3))) + num(20, 4))
    typed = blob(5, num(1, 2) + num(2, 1) + blob(4, struct.pack("<2f", 1, 2)) + blob(8, "t2"))
    external = blob(5, num(1, 2) + num(2, 1) + blob(8, "ex") + blob(13, blob(1, "location") + blob(2, "../w.bin")) + num(14, 1))
    yield "constant", model(node("Constant", [], ["c"], constant) + node("Mul", ["x", "c"], ["y"]) + typed + value(11, "x", [3]) + value(12, "y", [3]))
    yield "external", model(node("Relu", ["x"], ["y"]) + external + value(11, "x", [3]) + value(12, "y", [3]))


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors_seeds():
    yield "two", safetensors({"__metadata__": {"format": "pt"}, "a.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
                              "b": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]}}, bytes(24))
    yield "empty", safetensors({}, b"")
    yield "zero", safetensors({"z": {"dtype": "BF16", "shape": [0, 3], "data_offsets": [0, 0]}}, b"")


def npy(descr, order, shape, data, version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H", len(text)) if version == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def npy_seeds():
    yield "c", npy("<f4", False, "(2, 3)", bytes(24))
    yield "fortran", npy("<i8", True, "(2, 1, 3)", bytes(range(48)), 2)
    yield "scalar", npy("|b1", False, "()", b"\1", 3)


def idx_seeds():
    yield "images", struct.pack(">IIII", 0x803, 2, 4, 3) + bytes(range(24))
    yield "labels", struct.pack(">II", 0x801, 5) + bytes([0, 1, 2, 3, 9])


YAML = """# a study
study: demo
seeds: [1, 2]
model:
  name: "lenet"
  layers:
    - {conv: 8, act: 'relu'}
    - |
      text
data: {name: mnist, split: 0.1}
flag: true
none: ~
"""


def yaml_seeds():
    yield "study", YAML.encode()
    yield "flow", b"{a: [1, [2, {b: c}]], \"d\": 'e', f: >\n  g\n}"
    yield "anchor", b"a: &x 1\nb: *x\n!!t c: d\n--- \n"


def study_seeds():
    yield "demo", b"name: demo\ndata: digits\nmodels:\n  - lenet\ntrain:\n  epochs: [1, 2]\nruntimes: [native]\n"


def png(width, height, kind, depth, rows):
    def chunk(tag, data):
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def image_seeds():
    yield "rgb", png(2, 2, 2, 8, b"\0" + bytes(6) + b"\1" + bytes(range(6)))
    yield "grey16", png(2, 1, 0, 16, b"\0" + bytes(4))
    bmp = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0)
    yield "bmp", b"BM" + struct.pack("<IHHI", 54 + 16, 0, 0, 54) + bmp + bytes(16)


def json_contract_seeds():
    yield "full", json.dumps({"height": 32, "width": 32, "fit": "crop", "crop": 0.875, "resize": "pillow", "filter": "bilinear",
                              "color": "RGB", "scale": 1 / 255, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "layout": "NCHW",
                              "labels": ["a", "b"]}).encode()
    yield "empty", b"{}"


# --- pickles, archives, PyTorch files
def torch_tensor(kind, key, numel, size, stride, offset=0):
    def ints(xs):
        return b"(" + b"".join(b"K" + bytes([x]) for x in xs) + b"t"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" + kind + b"\nU\x01" + key + b"U\x03cpuK" + bytes([numel])
            + b"tQK" + bytes([offset]) + ints(size) + ints(stride) + b"\x89ccollections\nOrderedDict\n)RtR")


def torch_dict(tensors):
    items = b"".join(b"X" + struct.pack("<I", len(name)) + name + t for name, t in tensors)
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u}U\x09_metadataNsb."


def pickle_seeds():
    value = {"a": [1, -2, 3.5, None, True, (1, 2), b"bytes"], "\u00e9": 1 << 40, "long": 0x1950A86A20F9469CFC6C, "d": {"k": ("x",) * 3}}
    for protocol in range(6):
        yield f"protocol{protocol}", pickle.dumps(value, protocol)
    yield "ordered", pickle.dumps(collections.OrderedDict(a=1, b=[2]), 0)
    yield "tensor", torch_dict([(b"w", torch_tensor(b"FloatStorage", b"0", 6, [2, 3], [3, 1]))])
    yield "system", b"cos\nsystem\n(S'id'\ntR."
    yield "memo", b"\x80\x02]q\x00(h\x00h\x00er\xff\xff\xff\x7f."


def archive(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            z.writestr(info, data)
    return out.getvalue()


def zip_seeds():
    entries = [("top/data.pkl", b"\x80\x02}."), ("top/data/0", bytes(range(64))), ("top/version", b"3\n")]
    yield "stored", archive(entries)
    yield "deflated", archive(entries, zipfile.ZIP_DEFLATED)
    yield "traversal", archive([("../x", b"y")])


def state_dict_seeds():
    tensors = [(b"a.w", torch_tensor(b"FloatStorage", b"0", 6, [2, 3], [3, 1])), (b"a.t", torch_tensor(b"FloatStorage", b"0", 6, [3, 2], [1, 3])),
               (b"n", torch_tensor(b"LongStorage", b"1", 1, [], []))]
    floats6, long1 = struct.pack("<6f", *range(6)), struct.pack("<q", 7)
    yield "zip", archive([("n/data.pkl", torch_dict(tensors)), ("n/byteorder", b"little"), ("n/data/0", floats6), ("n/data/1", long1)])
    head = b"\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}U\x0dlittle_endian\x88s."
    yield "older", (head + torch_dict(tensors) + b"\x80\x02](U\x010U\x011e." + struct.pack("<q", 6) + floats6
                    + struct.pack("<q", 1) + long1)


def main():
    for name, seeds in list(globals().items()):
        if not name.endswith("_seeds"):
            continue
        folder = os.path.join(sys.argv[1], name[: -len("_seeds")])
        os.makedirs(folder, exist_ok=True)
        for seed, data in seeds():
            with open(os.path.join(folder, seed), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
