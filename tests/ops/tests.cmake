# SPDX-License-Identifier: Apache-2.0
if(TARGET whet_passes AND TARGET whet_formats)
  whet_test(nodes test_onnx_nodes ${CMAKE_SOURCE_DIR}/tests/ops/test_onnx_nodes.c whet_formats whet_passes whet_exec whet_ir)
endif()
if(TARGET whet_passes)
  whet_test(ops test_ops ${CMAKE_SOURCE_DIR}/tests/ops/test_ops.c whet_passes whet_exec whet_ir)
endif()
