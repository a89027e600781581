# SPDX-License-Identifier: Apache-2.0
import sys, time, numpy as np, onnxruntime as ort
path, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
x = session.get_inputs()[0]
feeds = [{x.name: np.random.rand(*x.shape).astype(np.float32)} for _ in range(16)]
def loop(seconds):
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        feed = feeds[len(times) % 16]
        begin = time.perf_counter_ns()
        session.run(None, feed)
        times.append(time.perf_counter_ns() - begin)
    return times
loop(0.5)
print(*loop(seconds))
