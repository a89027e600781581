# SPDX-License-Identifier: Apache-2.0
option(WHET_PLUGIN_ORT "the ONNX Runtime plug-in (needs nothing to build)" ON)
if(WHET_PLUGIN_ORT)
  add_library(whet_plugin_ort MODULE ${CMAKE_CURRENT_LIST_DIR}/ort.c ${CMAKE_CURRENT_LIST_DIR}/ort_onnx.c
    ${CMAKE_CURRENT_LIST_DIR}/ort_profile.c)
  target_include_directories(whet_plugin_ort PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(whet_plugin_ort PRIVATE whet_flags)
  set_target_properties(whet_plugin_ort PROPERTIES PREFIX "" OUTPUT_NAME ort C_VISIBILITY_PRESET default
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  install(TARGETS whet_plugin_ort LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/whet/plugins)
endif()
