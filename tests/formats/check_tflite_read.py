# SPDX-License-Identifier: Apache-2.0
"""Extended: networks of one operator or a few, converted by TensorFlow in float32 and in int8, run by its own interpreter and by whet.

usage: check_tflite_read.py WHET [NAME ...]
float32: at most 2e-5 of the largest value (integers exactly); int8: at most 1 off in 98 % of the elements. DeepLab of
../shared: the same class on 99 % of the pixels. The Python is this one, or
WHET_PYTHON_TF, or WHET_PYTHON.
"""
import os
import subprocess
import sys
import tempfile

from checking import other_python, skip_for

skip = skip_for("pytensorflow")


def cases(tf, rng):
    """name -> (function, shapes of its inputs, in int8 too)"""
    c = {}
    picture = (2, 7, 9, 4)

    def weights(*shape):
        return tf.constant(rng.normal(size=shape).astype("f"))

    def add(name, f, *shapes, int8=True):
        c[name] = (f, shapes or (picture,), int8)
    eye = tf.constant([[[[float(i == k) for i in range(4)] for k in range(4)]]])

    def turn(x):  # makes the value channels-first inside
        return tf.nn.conv2d(x, eye, 1, "SAME")
    for stride, pad in ((1, "SAME"), (2, "SAME"), (2, "VALID")):
        for k in (3, 2, 5):
            w, b, d, t, tag = weights(k, k, 4, 6), weights(6), weights(k, k, 4, 2), weights(k, k, 5, 4), f"{k}_{stride}_{pad}"
            size = [n * stride + (max(k - stride, 0) if pad == "VALID" else 0) for n in picture[1:3]]
            add("conv_" + tag, lambda x, w=w, b=b, s=stride, p=pad: tf.nn.relu6(tf.nn.conv2d(x, w, s, p) + b))
            add("depthwise_" + tag, lambda x, d=d, s=stride, p=pad: tf.nn.depthwise_conv2d(x, d, [1, s, s, 1], p))
            add("transposed_" + tag, lambda x, t=t, s=stride, p=pad, z=size: tf.nn.conv2d_transpose(x, t, [2, *z, 5], s, p))
            add("max_pool_" + tag, lambda x, k=k, s=stride, p=pad: tf.nn.max_pool2d(x, k, s, p))
            add("average_pool_" + tag, lambda x, k=k, s=stride, p=pad: tf.nn.avg_pool2d(x, k, s, p))
    w3, wg, fc, wide, c4, chw = weights(3, 3, 4, 6), weights(3, 3, 2, 6), weights(4, 5), weights(252, 3), weights(4), weights(7, 9, 4)
    add("dilated", lambda x: tf.nn.conv2d(x, w3, 1, "SAME", dilations=2))
    add("grouped", lambda x: tf.nn.conv2d(x, wg, 1, "SAME"))
    add("dense_4d", lambda x: tf.tensordot(x, fc, 1))
    add("dense_2d", lambda x: tf.nn.relu(tf.matmul(x, fc)), (3, 4))
    add("flatten", lambda x: tf.matmul(tf.reshape(turn(x), [2, -1]), wide))
    add("batch_matmul", lambda a, b: tf.matmul(a, b, adjoint_b=True), (2, 3, 4), (2, 5, 4))
    for align, half in ((False, False), (True, False), (False, True)):
        for size in ((14, 20), (5, 6), (13, 9)):
            kw, tag = {"size": size, "align_corners": align, "half_pixel_centers": half}, f"{align:d}{half:d}_{size[0]}"
            add("bilinear_" + tag, lambda x, kw=kw: tf.raw_ops.ResizeBilinear(images=x, **kw))
            add("nearest_" + tag, lambda x, kw=kw: tf.raw_ops.ResizeNearestNeighbor(images=x, **kw))
    for name in ("add", "subtract", "multiply", "maximum", "minimum", "squared_difference", "less", "greater_equal", "equal", "not_equal"):
        f = getattr(tf.math, name)
        add(name, lambda a, b, f=f: f(turn(a), b), picture, picture)
        add(name + "_lower", lambda a, b, f=f: f(turn(a), b), picture, (9, 4))
        add(name + "_constant", lambda a, f=f: f(turn(a), c4))
        add(name + "_picture", lambda a, f=f: f(turn(a), chw))
    add("where", lambda a, b: tf.where(a > b, turn(a), b), picture, picture)
    for name in ("abs", "negative", "exp", "sin", "cos", "floor", "round", "sign", "square", "sigmoid", "tanh"):
        add(name, lambda x, f=getattr(tf.math, name): f(turn(x)))
    for name in ("relu", "relu6", "elu", "softmax", "log_softmax", "leaky_relu", "gelu", "silu"):
        add(name, lambda x, f=getattr(tf.nn, name): f(turn(x)))
    add("hard_swish", lambda x: x * tf.nn.relu6(x + 3) / 6)
    add("rsqrt", lambda x: tf.math.rsqrt(tf.abs(x) + 0.1))
    add("lrn", lambda x: tf.nn.local_response_normalization(x, 2, 1.5, 0.7, 0.6), int8=False)
    add("l2_normalize", lambda x: tf.nn.l2_normalize(x, -1))
    for axes in ([1, 2], [3], [1], [2, 3], [0, 1, 2]):
        for keep in (False, True):
            for name in ("mean", "sum", "max"):
                f = getattr(tf, "reduce_" + name)
                add(f"{name}_{''.join(map(str, axes))}_{keep:d}", lambda x, f=f, a=axes, k=keep: f(turn(x), a, keepdims=k))
    for axis in (0, 1, 2, 3):
        add(f"argmax_{axis}", lambda x, a=axis: tf.argmax(turn(x), a))
        add(f"concat_{axis}", lambda x, y, a=axis: tf.concat([turn(x), y, x], a), picture, picture)
        add(f"stack_{axis}", lambda x, y, a=axis: tf.stack([turn(x), y], a), picture, picture)
        add(f"unstack_{axis}", lambda x, a=axis: tf.unstack(turn(x), axis=a))
        add(f"gather_{axis}", lambda x, a=axis: tf.gather(turn(x), [1, 0, 1], axis=a))
        add(f"reverse_{axis}", lambda x, a=axis: tf.reverse(turn(x), [a]))
        add(f"cumsum_{axis}", lambda x, a=axis: tf.cumsum(turn(x), a, exclusive=a == 1, reverse=a == 2), int8=False)
    add("reshape", lambda x: tf.reshape(turn(x), [2, 9, -1]))
    add("squeeze", lambda x: tf.squeeze(tf.reduce_mean(turn(x), [1, 2], keepdims=True), [1]))
    for perm in ((0, 3, 1, 2), (0, 2, 3, 1), (0, 2, 1, 3), (3, 2, 1, 0)):
        add("transpose_" + "".join(map(str, perm)), lambda x, p=perm: tf.transpose(turn(x), p) * 2)
    add("split", lambda x: tf.split(turn(x), 2, 3))
    add("split_sizes", lambda x: tf.split(turn(x), [1, -1, 2], 3))
    add("slice", lambda x: tf.slice(turn(x), [0, 1, 2, 1], [2, 3, -1, 2]))
    add("strided_slice", lambda x: turn(x)[:, 1:6:2, ::-1, 1:])
    add("strided_slice_axes", lambda x: turn(x)[:, tf.newaxis, 2:, ..., -1])
    add("pad", lambda x: tf.pad(turn(x), [[0, 0], [1, 2], [3, 0], [0, 1]]))
    add("pad_value", lambda x: tf.pad(turn(x), [[0, 0], [1, 2], [3, 0], [0, 1]], constant_values=1.5))
    add("pad_reflect", lambda x: tf.pad(turn(x), [[0, 0], [1, 2], [3, 0], [0, 0]], "REFLECT"))
    add("tile", lambda x: tf.tile(turn(x), [1, 2, 1, 3]))
    add("space_to_depth", lambda x: tf.nn.space_to_depth(x, 3), (1, 9, 6, 2))
    add("depth_to_space", lambda x: tf.nn.depth_to_space(turn(x), 2))
    add("space_to_batch", lambda x: tf.space_to_batch(turn(x), [2, 3], [[1, 0], [0, 0]]))
    add("batch_to_space", lambda x: tf.batch_to_space(turn(x), [2, 1], [[1, 0], [0, 2]]))
    add("fake_quant", lambda x: tf.quantization.fake_quant_with_min_max_args(x, -1.2, 2.3), int8=False)
    add("shape", lambda x: tf.reshape(x, tf.stack([tf.shape(x)[0], tf.shape(x)[1] * tf.shape(x)[2], 4])), (None, 7, 9, 4), int8=False)
    return c


def convert(tf, np, rng, f, shapes, int8):
    shown = tf.function(eval("lambda *a: f(*a)", {"f": f})).get_concrete_function(*[tf.TensorSpec(s, tf.float32) for s in shapes])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([shown])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([np.clip(rng.normal(size=s), -3, 3).astype("f") for s in shapes] for _ in range(10))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def close(np, got, want):
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype} {got.shape}, wanted {want.dtype} {want.shape}"
    if want.dtype == np.float32:
        off = np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)
        return None if off <= 2e-5 else f"off by {off:.2g}"
    over = (np.abs(got.astype(int) - want.astype(int)) > (1 if want.dtype == np.int8 else 0)).mean()
    return None if over <= 0.02 else f"{100 * over:.1f} % of the elements are over"


def outputs(tf, model, details, inputs, kernels):
    i = tf.lite.Interpreter(model_content=model, experimental_op_resolver_type=kernels)
    for d, x in zip(details, inputs):
        i.resize_tensor_input(d["index"], x.shape)
    i.allocate_tensors()
    for d, x in zip(details, inputs):
        i.set_tensor(d["index"], x)
    i.invoke()
    return [i.get_tensor(d["index"]) for d in i.get_output_details()]


def run_one(tf, np, rng, whet, folder, model, shapes):
    path = os.path.join(folder, "m.tflite")
    with open(path, "wb") as file:
        file.write(model)
    details, words = tf.lite.Interpreter(model_content=model).get_input_details(), []
    for k, (d, shape) in enumerate(zip(details, shapes)):
        x = rng.normal(size=[n or 2 for n in shape]).astype("f")
        if d["dtype"] == np.int8:
            x = rng.integers(-128, 128, x.shape).astype(np.int8)
        np.save(os.path.join(folder, f"x{k}.npy"), x)
        words.append(os.path.join(folder, f"x{k}.npy"))
    inputs = [np.load(w) for w in words]
    kinds = tf.lite.experimental.OpResolverType
    want = outputs(tf, model, details, inputs, kinds.AUTO)
    names = [os.path.join(folder, f"y{k}.npy") for k in range(len(want))]
    done = subprocess.run([whet, "run", path, *words, *[w for n in names for w in ("-o", n)]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return (done.stderr or done.stdout).strip()[:200]
    fault = next(filter(None, (close(np, np.load(n), w) for n, w in zip(names, want))), None)
    if fault:  # XNNPACK's int8 BATCH_MATMUL is up to 24 steps off (TensorFlow 2.21); its reference kernels decide then
        want = outputs(tf, model, details, inputs, kinds.BUILTIN_REF)
        if not any(close(np, np.load(n), w) for n, w in zip(names, want)):
            print(f"  equal to TensorFlow's reference kernels; against its delegate {fault}")
            fault = None
    return fault


def deeplab(tf, np, whet, folder):
    """Classes of a real picture: share of the pixels that are equal."""
    coral = os.path.join(os.environ.get("WHET_SHARED") or "../shared", "models", "coral")
    model = os.path.join(coral, "deeplabv3_mnv2_dm05_pascal_quant.tflite")
    if not os.path.exists(model):
        return None
    with open(os.path.join(coral, "bird_segmentation.bmp"), "rb") as file:
        x = tf.io.decode_bmp(file.read()).numpy()[None]
    i = tf.lite.Interpreter(model_path=model)
    i.allocate_tensors()
    i.set_tensor(i.get_input_details()[0]["index"], x)
    i.invoke()
    np.save(os.path.join(folder, "x.npy"), x)
    subprocess.run([whet, "run", model, os.path.join(folder, "x.npy"), "-o", os.path.join(folder, "y.npy")], check=True, capture_output=True)
    return (np.load(os.path.join(folder, "y.npy")) == i.get_tensor(i.get_output_details()[0]["index"])).mean()


def main():
    other_python("WHET_PYTHON_TF", "WHET_PYTHON")
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    try:
        import numpy as np
        import tensorflow as tf
    except ImportError as error:
        skip(f"{error}; name a Python with tensorflow in WHET_PYTHON_TF")
    tf.get_logger().setLevel("ERROR")
    rng = np.random.default_rng(1)
    passed, unconverted, failed = 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        for name, (f, shapes, also_int8) in cases(tf, rng).items():
            for int8 in (False, True)[:1 + also_int8]:
                if len(sys.argv) > 2 and name not in sys.argv[2:]:
                    continue
                try:
                    model = convert(tf, np, rng, f, shapes, int8)
                except Exception:  # what the converter cannot do is not ours
                    unconverted += 1
                    continue
                wrong = run_one(tf, np, rng, sys.argv[1], folder, model, shapes)
                passed += wrong is None
                if wrong:
                    failed.append(f"{name} {'int8' if int8 else 'float32'}: {wrong}")
        share = deeplab(tf, np, sys.argv[1], folder) if len(sys.argv) < 3 else None
        if share is None:
            print("SKIP: shared: DeepLab is not there (set WHET_SHARED)")
        else:
            print(f"DeepLab: {100 * share:.2f} % of the pixels have the same class")
            if share < 0.99:
                failed.append("DeepLab: 99 % are needed")
    print("\n".join(failed + [f"{passed} equal, {len(failed)} not, {unconverted} that TensorFlow does not convert"]))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
