# SPDX-License-Identifier: Apache-2.0
"""Seeds of the readers of protocol buffers, ONNX and TensorFlow, for make_corpus.py; with them the pieces they are made of."""
import struct


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


# --- TensorFlow
def tf_attr(key, value):
    return blob(5, blob(1, key) + blob(2, value))


def tf_node(name, op, *inputs, **attrs):
    return blob(1, blob(1, name) + blob(2, op) + b"".join(blob(3, i) for i in inputs) + b"".join(tf_attr(k, v) for k, v in attrs.items()))


def tf_shape(*dims):
    return b"".join(blob(2, num(1, d)) for d in dims)


def tf_const(name, kind, dims, data):
    return tf_node(name, "Const", dtype=num(6, kind), value=blob(8, num(1, kind) + blob(2, tf_shape(*dims)) + blob(4, data)))


def tf_list(*xs):
    return blob(1, blob(3, b"".join(varint(x) for x in xs)))


def tf_floats(name, *dims):
    n = 1
    for d in dims:
        n *= d
    return tf_const(name, 1, dims, struct.pack(f"<{n}f", *(i / 8 - 1 for i in range(n))))


def tf_ints(name, dims, *xs):
    return tf_const(name, 3, dims, struct.pack(f"<{len(xs)}i", *xs))


def tf_net():
    one = tf_list(1, 1, 1, 1)
    return [tf_node("in", "Placeholder", dtype=num(6, 1), shape=blob(7, tf_shape(1, 6, 6, 2))), tf_floats("w", 3, 3, 2, 4), tf_floats("b", 4),
            tf_node("conv", "Conv2D", "in", "w", T=num(6, 1), strides=one, padding=blob(2, "SAME"), data_format=blob(2, "NHWC")),
            tf_node("bias", "BiasAdd", "conv", "b", T=num(6, 1)), tf_node("relu", "Relu6", "bias", T=num(6, 1)),
            tf_ints("block", (2,), 2, 2), tf_ints("pads", (2, 2), 2, 2, 2, 2), tf_ints("crops", (2, 2), 0, 0, 0, 0), tf_floats("d", 3, 3, 4, 1),
            tf_node("s2b", "SpaceToBatchND", "relu", "block", "pads"),
            tf_node("dw", "DepthwiseConv2dNative", "s2b", "d", strides=one, padding=blob(2, "VALID")),
            tf_node("b2s", "BatchToSpaceND", "dw", "block", "crops"),
            tf_node("norm", "FusedBatchNormV3", "b2s", "b", "b", "b", "b", is_training=num(5, 0), epsilon=real(4, 0.001)),
            tf_node("pool", "MaxPool", "norm", ksize=tf_list(1, 2, 2, 1), strides=tf_list(1, 2, 2, 1), padding=blob(2, "VALID")),
            tf_ints("size", (2,), 5, 5), tf_node("resize", "ResizeBilinear", "pool", "size", align_corners=num(5, 1)),
            tf_ints("axes", (2,), 1, 2), tf_node("mean", "Mean", "resize", "axes", keep_dims=num(5, 0)), tf_floats("m", 4, 3),
            tf_node("fc", "MatMul", "mean", "m", transpose_a=num(5, 0), transpose_b=num(5, 0)), tf_node("out", "Softmax", "fc")]


def tensorflow_seeds():
    yield "net", b"".join(tf_net()) + blob(4, num(1, 1087))
    shapes = [tf_node("in", "Placeholder", dtype=num(6, 1), shape=blob(7, tf_shape(2, 3, 4))), tf_node("shape", "Shape", "in"),
              tf_ints("zero", (1,), 0), tf_ints("one", (1,), 1), tf_ints("six", (), -1),
              tf_node("n", "StridedSlice", "shape", "zero", "one", "one", shrink_axis_mask=num(3, 1)),
              tf_node("to", "Pack", "n", "six", N=num(3, 2), axis=num(3, 0)), tf_node("flat", "Reshape", "in", "to"),
              tf_ints("perm", (2,), 1, 0), tf_node("turned", "Transpose", "flat", "perm"), tf_ints("axis", (), 0),
              tf_node("twice", "ConcatV2", "turned", "turned", "axis", N=num(3, 2)), tf_ints("p", (2, 2), 1, 0, 0, 2),
              tf_node("out", "Pad", "twice", "p")]
    yield "shapes", b"".join(shapes)
    body = [blob(3, tf_node("r", "Relu", "x")[2:]), blob(3, tf_node("again", "PartitionedCall", "r:activations:0", f=blob(10, blob(1, "g")))[2:])]
    def function(name, ret, nodes):
        arg = blob(1, "x") + num(3, 1)
        return blob(1, blob(1, blob(1, name) + blob(2, arg) + blob(3, blob(1, "y") + num(3, 1))) + b"".join(nodes) + blob(4, blob(1, "y") + blob(2, ret)))
    library = function("f", "again:output:0", body) + function("g", "n:y:0", [blob(3, tf_node("n", "Neg", "x")[2:])])
    graph = b"".join([tf_node("in", "Placeholder", dtype=num(6, 1), shape=blob(7, tf_shape(1, 4))),
                      tf_node("call", "StatefulPartitionedCall", "in", f=blob(10, blob(1, "f")))]) + blob(2, library)
    yield "calls", graph
    port = lambda key, name: blob(1, key) + blob(2, blob(1, name) + num(2, 1) + blob(3, tf_shape(1, 4)))
    sig = blob(1, port("x", "in:0")) + blob(2, port("y", "call:0"))
    yield "saved_model", num(1, 1) + blob(2, blob(1, blob(4, "serve")) + blob(2, graph) + blob(5, blob(1, "serving_default") + blob(2, sig)))


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def tfbundle_seeds():
    mask = lambda crc: ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
    entry = lambda shared, own, value: varint(shared) + varint(len(own)) + varint(len(value)) + own + value
    tensor = lambda kind, size, dims: num(1, kind) + blob(2, tf_shape(*dims)) + num(5, size) + varint(6 << 3 | 5) + struct.pack("<I", 0)
    block = entry(0, b"", num(1, 1)) + entry(0, b"dense/kernel", tensor(1, 24, (2, 3))) + entry(6, b"mean", tensor(1, 8, (2,))) + entry(6, b"text", tensor(7, 5, (1,)))
    file, handles = b"", []
    for body in (block, b"", None):
        if body is None:
            body = entry(0, b"z", handles[0])
        handles.append(varint(len(file)) + varint(len(body) + 8))
        body += struct.pack("<IIB", 0, 1, 0)
        file += body + struct.pack("<I", mask(crc32c(body)))
    yield "two", file + (handles[1] + handles[2]).ljust(40, b"\0") + struct.pack("<Q", 0xdb4775248b80fb57)
