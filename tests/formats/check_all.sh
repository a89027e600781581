#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What whet reads and writes, judged by the programs that the formats are of: check_all.sh BUILD/whet. The test programs lie in
# BUILD/tests. WHET_PYTHON has onnx, onnxruntime, openvino, ai-edge-litert, torch, timm and torchvision, WHET_PYTHON_OLD (optional) an
# older torch, WHET_PYTHON_TF tensorflow and keras; a check
# whose Python lacks a package says SKIP and why.
whet=$(realpath "$1") && cd "$(dirname "$0")" || exit 1
tests=$(dirname "$whet")/tests
root=$(realpath ../..)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
check() {
    echo "-- $1"
    python3 "$@"
    code=$?
    [ $code = 0 ] || [ $code = 77 ] || failed=1
}
check check_matrix.py "$whet"
check check_four.py "$whet"
check check_convert.py "$whet" "$scratch"
check check_bundles.py "$whet" "$root"
check check_onnx.py "$tests/formats_test_onnx_write" "$scratch"
check check_tflite_read.py "$whet"
check check_tflite.py "$whet" "$tests/formats_test_tflite_write" "$scratch"
check check_openvino.py "$tests/formats_test_openvino_write" "$scratch"
check check_torchscript.py "$tests/formats_test_torchscript" "$scratch"
check check_tensorflow.py "$whet" "$tests/formats_test_tensorflow" "$scratch"
check check_keras.py "$whet"
check check_pytorch.py "$whet" "$scratch"
exit $failed
