# SPDX-License-Identifier: Apache-2.0
if(CMAKE_CROSSCOMPILING)
  return() # these start the program
endif()
add_test(NAME e2e.python COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/python/test_whet.py $<TARGET_FILE:whet>)
set_tests_properties(e2e.python PROPERTIES LABELS e2e TIMEOUT 300)
