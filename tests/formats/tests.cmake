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
  if(WHET_MINIMAL AND tname MATCHES "^test_(state_dict|torchscript|keras_.*|openvino_.*)$") # no libzip, libhdf5, expat
    continue()
  endif()
  whet_test(formats formats_${tname} ${t} ${formats_libs} PkgConfig::JANSSON)
endforeach()
foreach(t keras_read keras_write keras_damage)
  if(TARGET formats_test_${t} AND TARGET whet-h5)
    add_dependencies(formats_test_${t} whet-h5)
  endif()
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
if(TARGET formats_test_torchscript AND NOT CMAKE_CROSSCOMPILING)
add_test(NAME formats.formats_torchscript_python COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_torchscript.py
         $<TARGET_FILE:formats_test_torchscript> ${CMAKE_BINARY_DIR}/tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_torchscript_python PROPERTIES LABELS formats TIMEOUT 600)
endif()
add_test(NAME formats.formats_operator_tables COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/format_ops_doc.py --check)
set_tests_properties(formats.formats_operator_tables PROPERTIES LABELS formats TIMEOUT 30)
# The programs of bundles are compiled as a user would, without sanitizers, and so cannot use a library that has them.
if(TARGET whet AND NOT CMAKE_CROSSCOMPILING AND NOT WHET_SANITIZE)
add_test(NAME formats.formats_bundles COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_bundles.py $<TARGET_FILE:whet> ${CMAKE_SOURCE_DIR}
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_bundles PROPERTIES LABELS formats TIMEOUT 300)
endif()
if(TARGET whet AND TARGET formats_test_tensorflow AND NOT CMAKE_CROSSCOMPILING)
add_test(NAME formats.formats_tensorflow_python COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/formats/check_tensorflow.py
         $<TARGET_FILE:whet> $<TARGET_FILE:formats_test_tensorflow> ${CMAKE_BINARY_DIR}/tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(formats.formats_tensorflow_python PROPERTIES LABELS formats TIMEOUT 600)
endif()
