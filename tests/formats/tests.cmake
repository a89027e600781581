# SPDX-License-Identifier: Apache-2.0
# Every test_*.c here is one program, linked with everything up to the passes and the models.
set(formats_libs "")
foreach(m convert passes exec models formats ir data tensor wire base)
  if(TARGET whet_${m})
    list(APPEND formats_libs whet_${m})
  endif()
endforeach()
file(GLOB formats_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/formats/test_*.c)
foreach(t ${formats_tests})
  get_filename_component(tname ${t} NAME_WE)
  if(WHET_MINIMAL AND tname STREQUAL "test_state_dict") # no libzip
    continue()
  endif()
  whet_test(formats formats_${tname} ${t} ${formats_libs} PkgConfig::JANSSON)
endforeach()
if(TARGET formats_test_onnx_write AND NOT CMAKE_CROSSCOMPILING)
add_test(NAME formats.formats_onnx_python COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_onnx.py
         $<TARGET_FILE:formats_test_onnx_write> ${CMAKE_BINARY_DIR}/tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_onnx_python PROPERTIES LABELS formats TIMEOUT 300)
endif()
if(TARGET whet AND NOT CMAKE_CROSSCOMPILING)
add_test(NAME formats.formats_convert_python COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_convert.py
         $<TARGET_FILE:whet> ${CMAKE_BINARY_DIR}/tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_convert_python PROPERTIES LABELS formats TIMEOUT 300)
endif()
if(TARGET whet AND TARGET formats_test_tflite_write AND NOT CMAKE_CROSSCOMPILING)
add_test(NAME formats.formats_tflite_python COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_tflite.py
         $<TARGET_FILE:whet> $<TARGET_FILE:formats_test_tflite_write> ${CMAKE_BINARY_DIR}/tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_tflite_python PROPERTIES LABELS formats TIMEOUT 300)
endif()
add_test(NAME formats.formats_operator_tables COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/format_ops_doc.py --check)
set_tests_properties(formats.formats_operator_tables PROPERTIES LABELS formats TIMEOUT 30)
if(TARGET whet AND NOT CMAKE_CROSSCOMPILING)
add_test(NAME formats.formats_bundles COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_bundles.py $<TARGET_FILE:whet> ${CMAKE_SOURCE_DIR}
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_bundles PROPERTIES LABELS formats TIMEOUT 300)
endif()
