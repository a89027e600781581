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

import corpus_protobuf


# --- flatbuffers: a table is {field: scalar bytes, or an object}; parents come before their children
def flat(root, identifier):
    out = bytearray(8)
    out[4:8] = identifier
    todo = [(0, root)]
    while todo:
        at, thing = todo.pop(0)
        out.extend(bytes(-len(out) % 8))
        if isinstance(thing, dict):
            n = max(thing, default=-1) + 1
            vtable = struct.pack("<HH", 4 + 2 * n, 8 + 8 * n) + b"".join(struct.pack("<H", 8 + 8 * i if i in thing else 0) for i in range(n))
            vtable += bytes(-len(vtable) % 8)
            start = len(out) + len(vtable)
            out += vtable + struct.pack("<i", len(vtable)) + bytes(4 + 8 * n)
            for i, x in thing.items():
                where = start + 8 + 8 * i
                if isinstance(x, bytes):
                    out[where:where + len(x)] = x
                else:
                    todo.append((where, x))
        elif isinstance(thing, tuple):  # (count, bytes): a vector of scalars, or text
            start = len(out)
            out += struct.pack("<I", thing[0]) + thing[1] + b"\0"
        else:  # a vector of tables
            start = len(out)
            out += struct.pack("<I", len(thing)) + bytes(4 * len(thing))
            todo += [(start + 4 + 4 * i, x) for i, x in enumerate(thing)]
        out[at:at + 4] = struct.pack("<I", start - at)
    return bytes(out)


def text(s):
    return (len(s), s.encode())


def s32s(*xs):
    return (len(xs), struct.pack(f"<{len(xs)}i", *xs))


def s32(x):
    return struct.pack("<i", x)


def lite_tensor(name, shape, kind=0, buffer=0, scale=(), zero=0):
    scales = {2: (len(scale), struct.pack(f"<{len(scale)}f", *scale)), 3: (len(scale), struct.pack(f"<{len(scale)}q", *[zero] * len(scale)))}
    return {0: s32s(*shape), 1: bytes([kind]), 2: s32(buffer), 3: text(name), 4: scales}


def lite_op(code, ins, outs, options=0, **fields):
    table = {int(k[1:]): s32(v) for k, v in fields.items()}
    return {0: s32(code), 1: s32s(*ins), 2: s32s(*outs), 3: bytes([options]), 4: table}


def lite_model(codes, buffers, tensors, ops, ins, outs, extra=None):
    graph = {0: tensors, 1: s32s(*ins), 2: s32s(*outs), 3: ops, 4: text("main")}
    model = {0: s32(3), 1: [{0: bytes([c]), 2: s32(1), 3: s32(c)} for c in codes], 2: [graph], 3: text("seed"),
             4: [{0: (len(b), b)} if b else {} for b in buffers]}
    return flat({**model, **(extra or {})}, b"TFL3")


def tflite_seeds():
    weights, bias = bytes(range(2 * 9 * 3)), struct.pack("<2i", 5, -7)
    meta = flat({3: [{2: [{4: [{0: b"\1", 1: {0: (1, struct.pack("<f", 127.5)), 1: (1, struct.pack("<f", 127.5))}}]}],
                      3: [{6: [{0: text("labels.txt"), 2: b"\2"}]}]}]}, b"M001")
    int8 = lite_model(
        [3, 17, 22, 9, 25], [b"", weights, bias, struct.pack("<2i", -1, 8), bytes(16), meta],
        [lite_tensor("x", [1, 4, 4, 3], 9, 0, [0.5], 3), lite_tensor("w", [2, 3, 3, 3], 9, 1, [0.1, 0.2]),
         lite_tensor("b", [2], 2, 2, [0.05, 0.1]), lite_tensor("c", [1, 4, 4, 2], 9, 0, [0.3]), lite_tensor("p", [1, 2, 2, 2], 9, 0, [0.3]),
         lite_tensor("s", [2], 2, 3), lite_tensor("f", [1, 8], 9, 0, [0.3]), lite_tensor("v", [2, 8], 9, 4, [0.1]),
         lite_tensor("g", [1, 2], 9, 0, [0.4]), lite_tensor("y", [1, 2], 9, 0, [1 / 256], -128)],
        [lite_op(0, [0, 1, 2], [3], 1, f1=1, f2=1, f3=3), lite_op(1, [3], [4], 5, f1=2, f2=2, f3=2, f4=2), lite_op(2, [4, 5], [6], 17),
         lite_op(3, [6, 7, -1], [8], 8), lite_op(4, [8], [9], 9)], [0], [9],
        {6: [{0: text("TFLITE_METADATA"), 1: s32(5)}],
         7: [{0: [{0: text("in"), 1: s32(0)}], 1: [{0: text("out"), 1: s32(9)}], 2: text("serving_default")}]})
    yield "int8", int8
    entry = b"labels.txt"
    body = b"cat\ndog\n"
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0x21, zlib.crc32(body), len(body), len(body), len(entry), 0) + entry + body
    central = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0x21, zlib.crc32(body), len(body), len(body), len(entry), 0, 0, 0,
                          0, 0, len(int8)) + entry
    yield "labels", int8 + local + central + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(int8) + len(local), 0)
    one = bytes.fromhex("003c") * 12
    yield "float", lite_model(
        [6, 4, 0, 40, 67, 34, 45, 49, 2], [b"", one, struct.pack("<2i", 1, 2), struct.pack("<4i", 1, 8, 8, 3), bytes(36),
                                          struct.pack("<8i", 0, 0, 1, 1, 2, 0, 0, 0), struct.pack("<4i", 0, 1, 1, 0),
                                          struct.pack("<4i", 1, 4, 4, 3), struct.pack("<4i", 1, 1, 2, 1), struct.pack("<i", 2)],
        [lite_tensor("x", [1, 4, 4, 3]), lite_tensor("h", [1, 2, 2, 3], 1, 1), lite_tensor("w", [1, 2, 2, 3]), lite_tensor("d", [1, 4, 4, 3]),
         lite_tensor("a", [1, 4, 4, 3]), lite_tensor("ax", [2], 2, 2), lite_tensor("m", [1, 1, 1, 3]), lite_tensor("os", [4], 2, 3),
         lite_tensor("tw", [3, 1, 1, 3], 0, 4), lite_tensor("t", [1, 8, 8, 3]), lite_tensor("pp", [4, 2], 2, 5), lite_tensor("q", [1, 6, 6, 3]),
         lite_tensor("b", [4], 2, 6), lite_tensor("e", [4], 2, 7), lite_tensor("st", [4], 2, 8), lite_tensor("sl", [1, 3, 2, 3]),
         lite_tensor("i", [], 2, 9), lite_tensor("s0", [1, 4, 2, 3]), lite_tensor("s1", [1, 4, 2, 3]), lite_tensor("cc", [1, 4, 4, 6])],
        [lite_op(0, [1], [2], 38), lite_op(1, [0, 2], [3], 2, f1=1, f2=1, f3=1), lite_op(2, [3, 0], [4], 11, f0=1),
         lite_op(3, [4, 5], [6], 27, f0=1), lite_op(4, [7, 8, 4], [9], 49, f1=2, f2=2), lite_op(5, [4, 10], [11], 22),
         lite_op(6, [4, 12, 13, 14], [15], 32, f0=1, f1=1), lite_op(7, [16, 4], [17, 18], 35), lite_op(8, [4, 3], [19], 10, f0=3)], [0], [6, 9, 11, 15, 17, 19])


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


# --- Keras: what the HDF5 worker makes of an .h5 file (src/wire/hdf5_stream.h)
def h5_record(at, kind, path, name="", shape=(), code=b"\0", size=0, data=b""):
    head = struct.pack("<B1sBBIIIQ", kind, code, size, len(shape), len(path), len(name), 0, len(data))
    head += struct.pack(f"<{len(shape)}Q", *shape) + path.encode() + b"\0" + name.encode() + b"\0"
    out = bytes(-at % 8) + head
    return out + bytes(-(at + len(out)) % (64 if kind == 2 else 8)) + data


def h5_stream(config, weights, version="2.15.0"):
    def texts(*all_texts):
        return b"".join(struct.pack("<I", len(t)) + t.encode() + b"\0" for t in all_texts)

    records = [(1, ""), (3, "", "keras_version", (), b"s", 0, texts(version)), (3, "", "model_config", (), b"s", 0, texts(json.dumps(config))),
               (1, "model_weights")]
    for layer, parts in weights:
        group = "model_weights/" + layer
        names = [f"{layer}/{part}:0" for part, _ in parts]
        records += [(1, group), (3, group, "weight_names", (len(names),), b"s", 0, texts(*names)), (1, f"{group}/{layer}")]
        for name, shape in zip(names, [s for _, s in parts]):
            n = 1
            for d in shape:
                n *= d
            records.append((2, f"{group}/{name}", "", shape, b"f", 4, struct.pack(f"<{n}f", *[0.125 * (i % 9) - 0.25 for i in range(n)])))
    out = b"whetH5\1\n"
    for r in records:
        out += h5_record(len(out), *r)
    out += bytes(-len(out) % 8) + struct.pack("<B1sBBIIIQ", 255, b"\0", 0, 0, 0, 0, 0, len(records)) + b"\0\0"
    return out + bytes(-len(out) % 8)


def k_layer(cls, name, *sources, **config):
    nodes = [[[s, 0, 0, {}] for s in sources]] if sources else []
    return {"class_name": cls, "name": name, "config": dict(config, name=name), "inbound_nodes": nodes}


def k_model(layers, first, last):
    return {"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]}}


def keras_seeds():
    x = k_layer("InputLayer", "x", batch_input_shape=[None, 6, 6, 2], dtype="float32")
    yield "conv", h5_stream(k_model([
        x, k_layer("Conv2D", "c", "x", filters=2, kernel_size=[3, 3], strides=[2, 2], padding="same", activation="relu"),
        k_layer("BatchNormalization", "b", "c", axis=[3], epsilon=0.001), k_layer("Add", "a", "b", "c"),
        k_layer("GlobalAveragePooling2D", "g", "a"), k_layer("Dense", "d", "g", units=3, activation="softmax")], "x", "d"),
        [("c", [("kernel", (3, 3, 2, 2)), ("bias", (2,))]),
         ("b", [("gamma", (2,)), ("beta", (2,)), ("moving_mean", (2,)), ("moving_variance", (2,))]), ("d", [("kernel", (2, 3)), ("bias", (3,))])])
    inner = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        k_layer("InputLayer", "i", batch_input_shape=[None, 6, 6, 2]), k_layer("DepthwiseConv2D", "w", kernel_size=2, depth_multiplier=2, use_bias=False),
        k_layer("ReLU", "r", max_value=6.0), k_layer("Flatten", "f")]}, "name": "s", "inbound_nodes": [[["x", 0, 0, {}]]]}
    yield "nested", h5_stream(k_model([x, inner, k_layer("Reshape", "t", "s", target_shape=[10, 10]), k_layer("LayerNormalization", "n", "t", axis=-1)],
                                      "x", "n"), [("s", [("w/depthwise_kernel", (2, 2, 2, 2))]), ("n", [("gamma", (10,)), ("beta", (10,))])])
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 6, 6, 2], "dtype": "float32", "keras_history": ["x", 0, 0]}}
    plus = {"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "p"}, "registered_name": "Add", "name": "p",
            "inbound_nodes": [{"args": [tensor, 0.5], "kwargs": {}}]}
    yield "three", h5_stream(k_model([
        x, plus, k_layer("ZeroPadding2D", "z", "p", padding=[[1, 0], [0, 1]]), k_layer("MaxPooling2D", "m", "z", pool_size=[2, 2]),
        k_layer("UpSampling2D", "u", "m", size=2, interpolation="bilinear"), k_layer("Concatenate", "k", "u", "u", axis=-1),
        k_layer("Rescaling", "q", "k", scale=[1, 2, 3, 4], offset=-1)], "x", "q"), [], "3.15.1")


# --- OpenVINO IR: the .xml, a NUL byte, the .bin
class Ir:
    def __init__(self):
        self.layers, self.edges, self.bin, self.n = "", "", b"", 0

    def layer(self, kind, data="", ins=(), dims=((),), version="opset1", precision="FP32"):
        ports = "".join(f'<port id="{i}" />' for i in range(len(ins)))
        outs = "".join(f'<port id="{len(ins) + i}" precision="{precision}" names="t{self.n}_{i}">' + "".join(f"<dim>{x}</dim>" for x in d) + "</port>"
                       for i, d in enumerate(dims))
        self.edges += "".join(f'<edge from-layer="{a}" from-port="{p}" to-layer="{self.n}" to-port="{i}" />' for i, (a, p) in enumerate(ins))
        self.layers += (f'<layer id="{self.n}" name="l{self.n}" type="{kind}" version="{version}">' + (f"<data {data} />" if data else "")
                        + (f"<input>{ports}</input>" if ins else "") + (f"<output>{outs}</output>" if outs else "") + "</layer>\n")
        self.n += 1
        return self.n - 1, len(ins)

    def const(self, kind, dims, raw):
        at, self.bin = len(self.bin), self.bin + raw
        shape = ",".join(map(str, dims))
        precision = {"f32": "FP32", "f16": "FP16", "i64": "I64", "i8": "I8"}[kind]
        return self.layer("Const", f'element_type="{kind}" shape="{shape}" offset="{at}" size="{len(raw)}"', (), (dims,), "opset1", precision)

    def floats(self, dims, *xs):
        return self.const("f32", dims, struct.pack(f"<{len(xs)}f", *xs))

    def ints(self, *xs):
        return self.const("i64", (len(xs),), struct.pack(f"<{len(xs)}q", *xs))

    def done(self, last, version=11):
        self.layer("Result", "", (last,), ())
        info = '<rt_info><whet_metadata><info name="k" value="v" /></whet_metadata><model_info><labels value="a b" /></model_info></rt_info>'
        return (f'<?xml version="1.0"?>\n<net name="n" version="{version}"><layers>{self.layers}</layers><edges>{self.edges}</edges>{info}</net>').encode() \
            + b"\0" + self.bin


def openvino_seeds():
    window = 'strides="1,1" dilations="1,1" pads_begin="1,1" pads_end="1,1" auto_pad="explicit"'
    numpy = 'auto_broadcast="numpy"'
    g = Ir()
    x = g.layer("Parameter", 'shape="?,2,4,4" element_type="f32"', (), ((-1, 2, 4, 4),))
    lo, hi = g.floats((), -1.0), g.floats((), 127 / 128)
    q = g.layer("FakeQuantize", 'levels="256" ' + numpy, (x, lo, hi, lo, hi), ((-1, 2, 4, 4),))
    w8 = g.layer("Convert", 'destination_type="f32"', (g.const("i8", (2, 2, 3, 3), bytes(range(36))),), ((2, 2, 3, 3),))
    w = g.layer("Multiply", numpy, (w8, g.floats((2, 1, 1, 1), 0.5, 0.25)), ((2, 2, 3, 3),))
    c = g.layer("Convolution", window, (q, w), ((-1, 2, 4, 4),))
    s = g.layer("ShapeOf", 'output_type="i64"', (c,), ((4,),), "opset3", "I64")
    b = g.layer("Reshape", 'special_zero="false"', (g.floats((2,), 1.0, 2.0), g.ints(1, 2, 1, 1)), ((1, 2, 1, 1),))
    y = g.layer("Add", numpy, (c, b), ((-1, 2, 4, 4),))
    y = g.layer("Reshape", 'special_zero="true"', (y, s), ((-1, 2, 4, 4),))
    yield "int8", g.done(y)
    g = Ir()
    x = g.layer("Parameter", 'shape="1,2,4,4" element_type="f32"', (), ((1, 2, 4, 4),))
    w = g.layer("Convert", 'destination_type="f32"', (g.const("f16", (2, 1, 1, 3, 3), bytes(36)),), ((2, 1, 1, 3, 3),))
    y = g.layer("GroupConvolution", window, (x, w), ((1, 2, 4, 4),))
    y = g.layer("MVN", 'eps="1e-6" normalize_variance="true" eps_mode="INSIDE_SQRT"', (y, g.ints(3)), ((1, 2, 4, 4),), "opset6")
    y = g.layer("MaxPool", 'strides="2,2" dilations="1,1" kernel="2,2" pads_begin="0,0" pads_end="0,0" rounding_type="floor" auto_pad="explicit" '
                'index_element_type="i64" axis="0"', (y,), ((1, 2, 2, 2), (1, 2, 2, 2)), "opset8")
    y = g.layer("Interpolate", 'mode="linear_onnx" shape_calculation_mode="sizes" coordinate_transformation_mode="half_pixel" antialias="false"',
                (y, g.ints(4, 4), g.ints(2, 3)), ((1, 2, 4, 4),), "opset11")
    y = g.layer("StridedSlice", 'begin_mask="1,0" end_mask="1,0" shrink_axis_mask="0,1"', (y, g.ints(0, 1), g.ints(0, 2)), ((1, 4, 4),))
    y = g.layer("VariadicSplit", "", (y, g.ints(1), g.ints(1, -1)), ((1, 1, 4), (1, 3, 4)))
    y = g.layer("Transpose", "", (y, g.ints(0, 2, 1)), ((1, 4, 1),))
    yield "plain", g.done(y, 10)
    yield "attack", b'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "b">]><net name="&a;" version="11"><layers/></net>'


# --- TorchScript
SCRIPT = b"""class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  __annotations__["0"] = __torch__.Act
  def forward(self: __torch__.Net,
    x: Tensor,
    flag: bool=False) -> Tuple[Tensor, Tensor]:
    _0 = torch.conv2d(x, self.weight, None, [1, 1], [0, 0], [1, 1], 1)
    if torch.eq(torch.dim(_0), 4):
      pass
    else:
      ops.prim.RaiseException("AssertionError: ")
    y = annotate(List[Tensor], [])
    for i in range(2):
      _1 = torch.append(y, torch.mul(_0, -0.5))
    a, b, = y
    c = (getattr(self, "0")).forward(torch.add_(a, b, alpha=2), )
    B = ops.prim.NumToTensor(torch.size(c, 0))
    return (torch.reshape(c, [int(B), -1]), torch.slice(c, 2, 0, 9223372036854775807, 2))
class Act(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.Act,
    x: Tensor) -> Tensor:
    training = self.training
    if training:
      return torch.relu(x)
    return torch.softmax(torch.gelu(x), 1, None)
"""


def torchscript_seeds():
    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s

    def module(name, items):
        return b"c__torch__\n" + name + b"\n)\x81}(" + b"".join(text(k) + v for k, v in items) + b"ub"
    act = module(b"Act", [(b"training", b"\x89")])
    net = module(b"Net", [(b"weight", torch_tensor(b"FloatStorage", b"0", 6, [2, 3, 1, 1], [3, 1, 1, 1])), (b"training", b"\x88"), (b"0", act)])
    yield "net", archive([("n/data.pkl", b"\x80\x02" + net + b"."), ("n/constants.pkl", b"\x80\x02)."), ("n/version", b"3\n"),
                          ("n/code/__torch__.py", SCRIPT), ("n/data/0", struct.pack("<6f", *range(6)))])
    yield "source", SCRIPT
    yield "odd", b"def f(x: int=-1) -> int:\n  while x[1:]:\n    y, = {\"a\\x41\": (1., )}, None\n  return -9223372036854775808\n"


def main():
    for name, seeds in {**vars(corpus_protobuf), **globals()}.items():
        if not name.endswith("_seeds"):
            continue
        folder = os.path.join(sys.argv[1], name[: -len("_seeds")])
        os.makedirs(folder, exist_ok=True)
        for seed, data in seeds():
            with open(os.path.join(folder, seed), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
