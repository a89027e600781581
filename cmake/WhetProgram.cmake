# SPDX-License-Identifier: Apache-2.0
# libwhet (static and shared, from the same objects) and the program build/whet.
set(parts "")
foreach(m ${WHET_MODULES})
  list(APPEND parts whet_${m})
endforeach()
file(GLOB cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.c)
add_executable(whet ${cli_sources})
target_include_directories(whet PRIVATE ${CMAKE_SOURCE_DIR}/cli)
target_link_libraries(whet PRIVATE whet_api ${parts} PkgConfig::JANSSON whet_flags)
set_target_properties(whet PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} ENABLE_EXPORTS OFF)
