#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program of another machine under its emulator: looks into a network, runs it, compares with what PyTorch gave, scores a
# model. Usage: emulated.sh BUILD EMULATOR [ARG ...]; the emulator's words come before the program.
set -u
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
shift
shared=${WHET_SHARED:-$source/../shared}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

expect() { # WANTED-TEXT COMMAND...
    wanted=$1
    shift
    if out=$("$@" 2>&1 </dev/null) && printf '%s' "$out" | grep -q -- "$wanted"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL: no "%s" from: %s\n%s\n' "$wanted" "$*" "$out"
    fi
}

expect "^whet [0-9]" "$@" "$build/whet" --version
expect "ONNX, opset" "$@" "$build/whet" inspect "$build/fuzz-seeds/onnx/conv" --kernels
if [ ! -e "$shared/README.md" ]; then
    echo "SKIP: shared: $shared not found (set WHET_SHARED)"
    echo "$passed passed, $failed failed, 1 skipped"
    exit $((failed > 0))
fi
export WHET_HOME="$scratch/home" WHET_SHARED="$shared"
net=$shared/interop/pytorch/resnet
expect "y" "$@" "$build/whet" run "$net/legacy.onnx" "$net/input.npy" -o "$scratch/y.npy"
expect "same" python3 -c '
import struct, sys
def values(path):
    data = open(path, "rb").read()
    n = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack(f"<{(len(data) - n) // 4}f", data[n:])
a, b = values(sys.argv[1]), values(sys.argv[2])
assert len(a) == len(b) > 0 and max(abs(x - y) for x, y in zip(a, b)) <= 1e-4 * max(map(abs, b)), (a, b)
print("same")' "$scratch/y.npy" "$net/output.npy"
# verify starts a process of its own program, which a plain user-mode emulator cannot
if out=$("$@" "$build/whet" verify "$net/legacy.onnx" --input "$net/input.npy" --expect "$net/output.npy" 2>&1); then
    expect "they agree" echo "$out"
else
    expect "worker program cannot be executed" echo "$out"
fi
expect "top-1  *\(9[0-9]\|100\)[.]" "$@" "$build/whet" eval "$shared/models/mnist-pytorch/model.onnx" --data mnist --contract unit --size 28 --limit 64
echo "$passed passed, $failed failed"
exit $((failed > 0))
