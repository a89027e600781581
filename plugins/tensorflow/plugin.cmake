# SPDX-License-Identifier: Apache-2.0
option(WHET_PLUGIN_TENSORFLOW "the TensorFlow plug-in (needs nothing to build)" ON)
if(WHET_PLUGIN_TENSORFLOW)
  file(GLOB tensorflow_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
  add_library(whet_plugin_tensorflow MODULE ${tensorflow_sources})
  target_include_directories(whet_plugin_tensorflow PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(whet_plugin_tensorflow PRIVATE whet_flags)
  # Stays in the process once it is loaded, as the vendor's library does.
  target_link_options(whet_plugin_tensorflow PRIVATE -Wl,-z,nodelete)
  set_target_properties(whet_plugin_tensorflow PROPERTIES PREFIX "" OUTPUT_NAME tensorflow C_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  install(TARGETS whet_plugin_tensorflow LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/whet/plugins)
endif()
