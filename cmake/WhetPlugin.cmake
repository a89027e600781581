# SPDX-License-Identifier: Apache-2.0
# whet_plugin(name what): the plug-in `name` of the C files in its own folder (the caller's) and those of plugins/common, unless
# WHET_PLUGIN_<NAME> is OFF. Only whet_backend_entry is visible in it.
function(whet_plugin name what)
  string(TOUPPER ${name} upper)
  option(WHET_PLUGIN_${upper} "the ${what} plug-in" ON)
  if(NOT WHET_PLUGIN_${upper})
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c ${CMAKE_SOURCE_DIR}/plugins/common/*.c)
  add_library(whet_plugin_${name} MODULE ${sources})
  target_include_directories(whet_plugin_${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/plugins/common)
  target_link_libraries(whet_plugin_${name} PRIVATE whet_flags ${CMAKE_DL_LIBS})
  set_target_properties(whet_plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  install(TARGETS whet_plugin_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/whet/plugins)
endfunction()
