# SPDX-License-Identifier: Apache-2.0
if(CMAKE_CROSSCOMPILING)
  return() # these start programs themselves
endif()
add_test(NAME cli.commands COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/cli/run_cli.py $<TARGET_FILE:whet>)
set_tests_properties(cli.commands PROPERTIES LABELS cli TIMEOUT 600)
add_test(NAME cli.docs COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/update_cli_docs.py $<TARGET_FILE:whet> --check)
set_tests_properties(cli.docs PROPERTIES LABELS cli TIMEOUT 60)
add_test(NAME cli.coming_from COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/cli/coming_from.py $<TARGET_FILE:whet>)
set_tests_properties(cli.coming_from PROPERTIES LABELS cli TIMEOUT 60)
