# SPDX-License-Identifier: Apache-2.0
add_test(NAME unit.layers COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/check_layers.py ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.layers PROPERTIES LABELS unit TIMEOUT 60)
add_test(NAME unit.driver COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/unit/driver_counts.py)
set_tests_properties(unit.driver PROPERTIES LABELS unit TIMEOUT 60)
