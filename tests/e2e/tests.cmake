# SPDX-License-Identifier: Apache-2.0
add_test(NAME e2e.resume COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/resume.sh $<TARGET_FILE:whet> 3)
set_tests_properties(e2e.resume PROPERTIES LABELS e2e TIMEOUT 300)
add_test(NAME e2e.report COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/e2e/report_page.py $<TARGET_FILE:whet> ${CMAKE_BINARY_DIR}/e2e)
set_tests_properties(e2e.report PROPERTIES LABELS e2e TIMEOUT 300 SKIP_RETURN_CODE 77)
add_test(NAME e2e.study COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/e2e/study_steps.py $<TARGET_FILE:whet>)
set_tests_properties(e2e.study PROPERTIES LABELS e2e TIMEOUT 300)
