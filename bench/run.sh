#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Native against its peers, interleaved, on this machine: latency beside ONNX Runtime, training step beside PyTorch.
# Peers are driven from Python: WHET_PYTHON names one that has numpy, onnx, onnxruntime 1.31.1 and torch 2.13.0.
# Usage: bench/run.sh [BUILD]. docs/PERFORMANCE.md quotes what this prints.
set -eu
build=${1:-build}
python=${WHET_PYTHON:-python3}
here=$(dirname "$0")
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, load $(cut -d' ' -f1-3 /proc/loadavg)"
"$build/whet" version
ninja -C "$build" native_loop >/dev/null
"$python" "$here/infer_peers.py" --build "$build"
for net in resnet20 cifar-convnet; do
    echo "training step, $net"
    "$python" "$here/train_speed.py" "$build/whet" --model "$net"
done
