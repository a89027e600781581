# SPDX-License-Identifier: Apache-2.0
option(WHET_PLUGIN_OPENVINO "the OpenVINO plug-in (needs nothing to build)" ON)
if(WHET_PLUGIN_OPENVINO)
  file(GLOB openvino_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
  add_library(whet_plugin_openvino MODULE ${openvino_sources})
  target_include_directories(whet_plugin_openvino PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(whet_plugin_openvino PRIVATE whet_flags)
  # Stays in the process once it is loaded: the vendor's library, whose handles it keeps, does too.
  target_link_options(whet_plugin_openvino PRIVATE -Wl,-z,nodelete)
  set_target_properties(whet_plugin_openvino PROPERTIES PREFIX "" OUTPUT_NAME openvino C_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  install(TARGETS whet_plugin_openvino LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/whet/plugins)
endif()
