# SPDX-License-Identifier: Apache-2.0
if(TARGET whet)
  # Libraries that a bundle (tools/make_bundle.py) brings along; the old kind of run path holds for what they need in turn too.
  set_target_properties(whet PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
  target_link_options(whet PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS whet RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS libwhet_static libwhet_shared
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES python/whet.py DESTINATION share/whet/python)
  install(DIRECTORY include/whet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
  # For libwhet.a. Named here and not by Requires.private: their own files name libraries (of curl, say) that are needed only
  # where everything is static and that their packages do not bring.
  set(private "-lsqlite3 -ljansson -lpng -ljpeg -lz")
  if(NOT WHET_MINIMAL)
    string(APPEND private " -lwebp -lyaml -lcurl -larchive -lexpat -lzip")
  endif()
  string(APPEND private " -lm -ldl -lpthread")
  if(WHET_ONEDNN)
    string(APPEND private " -ldnnl")
  endif()
  if(WHET_THREADS_USED STREQUAL "omp")
    string(APPEND private " -lgomp")
  endif()
  # The prefix is found from the file's own place, so that the tree can be moved.
  file(WRITE ${CMAKE_BINARY_DIR}/whet.pc
"prefix=\${pcfiledir}/../..
libdir=\${prefix}/${CMAKE_INSTALL_LIBDIR}
includedir=\${prefix}/include

Name: whet
Description: train, convert, run and measure image models
Version: ${PROJECT_VERSION}
Libs: -L\${libdir} -lwhet
Libs.private: ${private}
Cflags: -I\${includedir}
")
  install(FILES ${CMAKE_BINARY_DIR}/whet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  if(NOT CMAKE_CROSSCOMPILING)
    install(FILES ${CMAKE_BINARY_DIR}/share/whet.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${CMAKE_BINARY_DIR}/share/whet.bash DESTINATION share/bash-completion/completions RENAME whet)
    install(FILES ${CMAKE_BINARY_DIR}/share/_whet DESTINATION share/zsh/site-functions)
    install(FILES ${CMAKE_BINARY_DIR}/share/whet.fish DESTINATION share/fish/vendor_completions.d)
  endif()
endif()
