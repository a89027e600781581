# SPDX-License-Identifier: Apache-2.0
# The modules, lowest level first. Who may include whom is judged by tools/check_layers.py; the same table stands there.
# A cross build runs those tests that are one program each, under an emulator.
set(WHET_BUILD_TESTS ${WHET_TESTS})
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  set(WHET_BUILD_TESTS OFF)
endif()
if(WHET_BUILD_TESTS)
  enable_testing()
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

set(other_threads pool)
if(WHET_THREADS_USED STREQUAL "pool")
  set(other_threads omp)
endif()
whet_module(base EXCLUDE threads_${other_threads})
if(WHET_THREADS_USED STREQUAL "omp")
  target_link_libraries(whet_base PUBLIC OpenMP::OpenMP_C)
endif()

set(wire_libs ZLIB::ZLIB PkgConfig::JANSSON)
set(image_libs PkgConfig::PNG PkgConfig::JPEG)
set(data_libs ZLIB::ZLIB PkgConfig::JANSSON)
if(NOT WHET_MINIMAL)
  list(APPEND wire_libs PkgConfig::YAML PkgConfig::EXPAT PkgConfig::ZIP)
  list(APPEND image_libs PkgConfig::WEBP)
  list(APPEND data_libs PkgConfig::CURL PkgConfig::ARCHIVE)
endif()
whet_module(wire DEPS base LIBS ${wire_libs})                                    # L1
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/wire/hdf5_worker.c PROPERTIES COMPILE_DEFINITIONS
  "WHET_LIBEXEC=\"${CMAKE_INSTALL_FULL_LIBEXECDIR}/whet\"") # where whet-h5 is installed
whet_module(image DEPS base LIBS ${image_libs})                                  # L1
whet_module(stats DEPS base)                                                     # L1
whet_module(kernels DEPS base)                                                   # L1
whet_module(tensor DEPS base)                                                    # L2
whet_module(store DEPS stats wire base LIBS PkgConfig::SQLITE PkgConfig::JANSSON) # L2
whet_module(ir DEPS tensor kernels wire base)                                    # L3
whet_module(data DEPS tensor image wire stats base LIBS ${data_libs})            # L3
whet_module(models DEPS ir tensor base)                                          # L4
set(formats_exclude "")
if(WHET_MINIMAL) # no expat, libzip, libhdf5: the rows of formats.def say the same
  set(formats_exclude "formats/openvino/" "formats/pytorch/" "formats/torchscript/" "formats/keras/")
endif()
whet_module(formats DEPS ir data tensor wire base LIBS PkgConfig::JANSSON EXCLUDE ${formats_exclude}) # L4
set(exec_exclude "")
if(WHET_ONEDNN)
  set(exec_libs ${WHET_DNNL_LIB})
else()
  set(exec_exclude "onednn")
endif()
whet_module(exec DEPS ir tensor kernels base LIBS ${exec_libs} PkgConfig::JANSSON EXCLUDE ${exec_exclude}) # L4
whet_module(passes DEPS exec formats data ir tensor base LIBS PkgConfig::JANSSON)                             # L5
whet_module(convert DEPS passes formats exec data ir tensor base LIBS PkgConfig::JANSSON) # L6
whet_module(eval DEPS data ir stats tensor base LIBS PkgConfig::JANSSON)         # L5
whet_module(train DEPS eval passes exec models formats data ir stats wire tensor base LIBS PkgConfig::JANSSON) # L6
set(backend_libs PkgConfig::JANSSON)
if(NOT WHET_MINIMAL)
  list(APPEND backend_libs PkgConfig::ARCHIVE)
endif()
whet_module(backend DEPS passes exec formats data ir wire tensor base LIBS ${backend_libs})  # L6
whet_module(measure DEPS backend convert eval formats data stats store wire ir kernels tensor base LIBS PkgConfig::JANSSON) # L7
whet_module(report DEPS store stats wire base LIBS PkgConfig::JANSSON)           # L8
# the page's style sheet and script are files of their own; here they become text of the program
foreach(asset "page.css:report_css" "page.js:report_script")
  string(REPLACE ":" ";" asset "${asset}")
  list(GET asset 0 asset_file)
  list(GET asset 1 asset_symbol)
  set(asset_out ${CMAKE_BINARY_DIR}/generated/${asset_symbol}.c)
  add_custom_command(OUTPUT ${asset_out} DEPENDS ${CMAKE_SOURCE_DIR}/src/report/${asset_file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/src/report/${asset_file} -DOUT=${asset_out} -DSYMBOL=${asset_symbol} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
  target_sources(whet_report PRIVATE ${asset_out})
endforeach()
whet_module(study DEPS report measure train convert formats data store wire base LIBS PkgConfig::JANSSON) # L9
whet_module(api DEPS study report measure backend train convert eval passes exec models formats data store wire base
            LIBS PkgConfig::JANSSON)                                             # L10

include(WhetProgram OPTIONAL)
if(WHET_BUILD_TESTS)
  file(GLOB test_lists CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*/tests.cmake)
  foreach(t ${test_lists})
    include(${t})
  endforeach()
endif()
include(WhetPlugin)
file(GLOB plugin_lists CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/plugins/*/plugin.cmake)
foreach(p ${plugin_lists})
  include(${p})
endforeach()
