# SPDX-License-Identifier: Apache-2.0
option(WHET_PLUGIN_LITERT "the LiteRT plug-in (needs nothing to build)" ON)
if(WHET_PLUGIN_LITERT)
  set(litert_dir ${CMAKE_CURRENT_LIST_DIR})
  add_library(whet_plugin_litert MODULE ${litert_dir}/litert.c ${litert_dir}/litert_library.c ${litert_dir}/litert_profile.c)
  target_include_directories(whet_plugin_litert PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(whet_plugin_litert PRIVATE whet_flags)
  set_target_properties(whet_plugin_litert PROPERTIES PREFIX "" OUTPUT_NAME litert C_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  install(TARGETS whet_plugin_litert LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/whet/plugins)
endif()
