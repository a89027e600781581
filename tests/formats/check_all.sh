#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What whet writes, judged by the programs it is written for: check_all.sh WHET. WHET_PYTHON has onnxruntime, openvino,
# ai-edge-litert, torch, timm and torchvision, WHET_PYTHON_OLD (optional) an older torch, WHET_PYTHON_TF tensorflow and keras.
cd "$(dirname "$0")" || exit 1
whet=$1 failed=0
case $whet in /*) ;; *) whet=$OLDPWD/$whet ;; esac
for check in check_matrix.py check_four.py check_keras.py check_tflite_read.py; do
    echo "-- $check"
    python3 "$check" "$whet"
    code=$?
    [ $code = 0 ] || [ $code = 77 ] || failed=1
done
scratch=${TMPDIR:-/tmp}/whet-check-$$
mkdir -p "$scratch"
for check in check_pytorch.py; do
    echo "-- $check"
    python3 "$check" "$whet" "$scratch"
    code=$?
    [ $code = 0 ] || [ $code = 77 ] || failed=1
done
rm -rf "$scratch"
exit $failed
