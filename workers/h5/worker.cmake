# SPDX-License-Identifier: Apache-2.0
# The HDF5 worker, beside the program and in libexec/whet. libhdf5 is linked here and nowhere else.
if(NOT WHET_MINIMAL)
  file(GLOB h5_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/workers/h5/*.c)
  add_executable(whet-h5 ${h5_sources} ${CMAKE_SOURCE_DIR}/src/wire/hdf5_stream.c)
  target_include_directories(whet-h5 PRIVATE ${CMAKE_SOURCE_DIR}/workers/h5)
  target_link_libraries(whet-h5 PRIVATE whet_base whet_flags PkgConfig::HDF5)
  set_target_properties(whet-h5 PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  set_target_properties(whet-h5 PROPERTIES INSTALL_RPATH "$ORIGIN/../../lib")
  target_link_options(whet-h5 PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS whet-h5 RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/whet)
endif()
