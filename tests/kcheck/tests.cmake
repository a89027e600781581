# SPDX-License-Identifier: Apache-2.0
file(GLOB kcheck_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
add_executable(kcheck ${kcheck_sources})
target_include_directories(kcheck PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(kcheck PRIVATE whet_kernels whet_base whet_flags)
set_target_properties(kcheck PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME kcheck.kcheck COMMAND kcheck)
set_tests_properties(kcheck.kcheck PROPERTIES LABELS kcheck TIMEOUT 300)

# bench/infer_peers.py times the native engine through this program: ninja native_loop
if(TARGET whet_passes AND TARGET whet_formats)
  add_executable(native_loop EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/native_loop.c)
  target_link_libraries(native_loop PRIVATE whet_passes whet_formats whet_exec whet_ir whet_tensor whet_kernels whet_base whet_flags)
  set_target_properties(native_loop PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()

# make bench-kernels: the own rows of convolutions and products against oneDNN's
if(TARGET whet_exec)
  add_executable(own_against_onednn EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/own_against_onednn.c)
  target_link_libraries(own_against_onednn PRIVATE whet_exec whet_ir whet_tensor whet_kernels whet_base whet_flags)
  set_target_properties(own_against_onednn PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
