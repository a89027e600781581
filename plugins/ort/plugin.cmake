# SPDX-License-Identifier: Apache-2.0
whet_plugin(ort "ONNX Runtime")
