# SPDX-License-Identifier: Apache-2.0
# cmake -DIN=FILE -DOUT=FILE.c -DSYMBOL=name -P embed.cmake: a text file as a C array of its lines, NULL at the end.
file(READ "${IN}" text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REGEX REPLACE "([^\n]*)\n" "    \"\\1\\\\n\",\n" text "${text}")
get_filename_component(name "${IN}" NAME)
file(WRITE "${OUT}" "/* Made of ${name}. */\n#include <stddef.h>\n\n#include \"report/report_html.h\"\n\nconst char *const ${SYMBOL}[] = {\n${text}    NULL};\n")
