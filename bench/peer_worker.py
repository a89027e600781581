# SPDX-License-Identifier: Apache-2.0
"""One peer in a process of its own under the control of bench_peers.py, in the words of native_loop.c.

    peer_worker.py ort|ov MODEL THREADS INPUT          after the first result: "ready"; then N, load, out FILE
    peer_worker.py torch NET MODE THREADS TRAIN_PY     after two steps: "ready"; then N, load

Imports, and the input's bytes, are in memory before the clock starts and before the empty worker's memory is read: "imported" is
said then, and a line "go" awaited.
"""
import json
import sys
import time


def memory_kb(key):
    with open("/proc/self/status") as f:
        return next((int(line.split()[1]) for line in f if line.startswith(key + ":")), 0)


def wait_for_go():
    print("imported", flush=True)
    sys.stdin.readline()


def onnxruntime(path, threads, feed_of):
    import onnxruntime as ort
    wait_for_go()
    empty = memory_kb("VmHWM")
    begin = time.perf_counter_ns()
    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
    s = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    x = s.get_inputs()[0]
    feed = {x.name: feed_of(x.shape)}
    result = s.run(None, feed)
    return empty, begin, lambda: s.run(None, feed), lambda: result


def openvino(path, threads, feed_of):
    import openvino as ov
    core = ov.Core()
    wait_for_go()
    empty = memory_kb("VmHWM")
    begin = time.perf_counter_ns()
    m = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
                                         "INFERENCE_NUM_THREADS": threads})
    r = m.create_infer_request()
    r.set_input_tensor(ov.Tensor(feed_of(list(m.inputs[0].shape))))
    r.infer()
    return empty, begin, r.infer, lambda: [r.get_output_tensor(i).data for i in range(len(m.outputs))]


def inference(kind, path, threads, source):
    import numpy as np
    data = np.fromfile(source, np.float32)
    empty, begin, run, outputs = {"ort": onnxruntime, "ov": openvino}[kind](path, threads, lambda shape: data.reshape(shape))
    load = {"first_ms": (time.perf_counter_ns() - begin) / 1e6, "empty_kb": empty, "peak_kb": memory_kb("VmHWM")}

    def out(path):
        with open(path, "wb") as f:
            for y in outputs():
                f.write(np.ascontiguousarray(y).tobytes())
    return run, load, out


def training(net, mode, threads, source):
    import importlib.util
    import torch
    spec = importlib.util.spec_from_file_location("torch_train", source)
    module = importlib.util.module_from_spec(spec)
    sys.argv = [source]  # the script trains what its arguments name: none
    sys.modules["torch_train"] = module  # the compiled mode looks for it there
    spec.loader.exec_module(module)
    torch.set_num_threads(threads)
    wait_for_go()
    empty = memory_kb("VmHWM")
    begin = time.perf_counter_ns()
    make, shape = module.J[net]
    m, x, y = make().train(), torch.randn(shape), torch.randint(0, 10, (shape[0],))
    if mode != "plain":
        m, x = m.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    call = torch.compile(m) if mode == "compiled" else m

    def step():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(call(x), y).backward()
        optimizer.step()
    step()
    step()
    return step, {"first_ms": (time.perf_counter_ns() - begin) / 1e6, "empty_kb": empty, "peak_kb": memory_kb("VmHWM")}, None


def main():
    kind, what, *rest = sys.argv[1:]
    if kind == "torch":
        run, load, out = training(what, rest[0], int(rest[1]), rest[2])
    else:
        run, load, out = inference(kind, what, int(rest[0]), rest[1])
    print("ready", flush=True)
    for line in sys.stdin:
        word, _, path = line.strip().partition(" ")
        if word == "load":
            print(json.dumps({**load, "rss_kb": memory_kb("VmRSS"), "end_kb": memory_kb("VmHWM")}), flush=True)
        elif word == "out":
            out(path)
            print("ok", flush=True)
        else:
            times = []
            for _ in range(int(word)):
                begin = time.perf_counter_ns()
                run()
                times.append(time.perf_counter_ns() - begin)
            print(*times, flush=True)


if __name__ == "__main__":
    main()
