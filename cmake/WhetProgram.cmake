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

include(${CMAKE_SOURCE_DIR}/workers/h5/worker.cmake)
set(objects "")
foreach(m ${WHET_MODULES})
  list(APPEND objects $<TARGET_OBJECTS:whet_${m}>)
endforeach()
set(libs PkgConfig::SQLITE PkgConfig::JANSSON PkgConfig::PNG PkgConfig::JPEG ZLIB::ZLIB ${WHET_DNNL_LIB})
if(NOT WHET_MINIMAL)
  list(APPEND libs PkgConfig::WEBP PkgConfig::YAML PkgConfig::CURL PkgConfig::ARCHIVE PkgConfig::EXPAT PkgConfig::ZIP)
endif()
if(WHET_THREADS_USED STREQUAL "omp")
  list(APPEND libs OpenMP::OpenMP_C)
endif()
foreach(kind STATIC SHARED)
  string(TOLOWER libwhet_${kind} target)
  add_library(${target} ${kind} ${objects})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME whet LINKER_LANGUAGE C VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR})
  target_link_libraries(${target} PRIVATE ${libs} Threads::Threads m ${CMAKE_DL_LIBS})
endforeach()
# What the files share among themselves must not meet the names of the program that links the archive.
if(CMAKE_NM AND CMAKE_OBJCOPY)
  set(names ${CMAKE_BINARY_DIR}/libwhet_private_names.txt)
  add_custom_command(TARGET libwhet_static POST_BUILD VERBATIM COMMAND sh -c "'${CMAKE_NM}' -g --defined-only '$<TARGET_FILE:libwhet_static>' | \
sed -n 's/^[0-9a-f]* [A-Z] //p' | sort -u | sed '/^whet_/d;/^_/d;/[.]/d;s/.*/& whet_private_&/' > '${names}' && \
'${CMAKE_OBJCOPY}' --redefine-syms='${names}' '$<TARGET_FILE:libwhet_static>'")
endif()
set_target_properties(libwhet_shared PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/whet.map)
target_link_options(libwhet_shared PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/whet.map -Wl,--no-undefined)

# The man page and the completions are made by the program from its own tables.
if(NOT CMAKE_CROSSCOMPILING)
  set(made ${CMAKE_BINARY_DIR}/share)
  add_custom_command(OUTPUT ${made}/whet.1 ${made}/whet.bash ${made}/_whet ${made}/whet.fish
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
    COMMAND sh -c "\"$<TARGET_FILE:whet>\" man > ${made}/whet.1"
    COMMAND sh -c "\"$<TARGET_FILE:whet>\" completion bash > ${made}/whet.bash"
    COMMAND sh -c "\"$<TARGET_FILE:whet>\" completion zsh > ${made}/_whet"
    COMMAND sh -c "\"$<TARGET_FILE:whet>\" completion fish > ${made}/whet.fish"
    DEPENDS whet VERBATIM)
  add_custom_target(whet_share ALL DEPENDS ${made}/whet.1)
endif()
