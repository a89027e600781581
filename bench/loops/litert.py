# SPDX-License-Identifier: Apache-2.0
import sys, time, numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert import cpu_options, options
path, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
model = CompiledModel.from_file(path, options=options.Options(cpu_options=cpu_options.CpuOptions(num_threads=threads)))
xs, ys = model.create_input_buffers(0), model.create_output_buffers(0)
shape = next(iter(model.get_input_tensor_details("serving_default").values()))["shape"]
inputs = [np.random.rand(*shape).astype(np.float32) for _ in range(16)]
def loop(seconds):
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        xs[0].write(inputs[len(times) % 16])
        begin = time.perf_counter_ns()
        model.run_by_index(0, xs, ys)
        times.append(time.perf_counter_ns() - begin)
    return times
loop(0.5)
print(*loop(seconds))
