# SPDX-License-Identifier: Apache-2.0
import sys, time, numpy as np
from ai_edge_litert.interpreter import Interpreter
path, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
model = Interpreter(model_path=path, num_threads=threads)
model.allocate_tensors()
x = model.get_input_details()[0]
inputs = [np.random.rand(*x["shape"]).astype(np.float32) for _ in range(16)]
def loop(seconds):
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        model.set_tensor(x["index"], inputs[len(times) % 16])
        begin = time.perf_counter_ns()
        model.invoke()
        times.append(time.perf_counter_ns() - begin)
    return times
loop(0.5)
print(*loop(seconds))
