# SPDX-License-Identifier: Apache-2.0
add_test(NAME e2e.resume COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/resume.sh $<TARGET_FILE:whet> 3)
set_tests_properties(e2e.resume PROPERTIES LABELS e2e TIMEOUT 300)
