/* SPDX-License-Identifier: Apache-2.0 */
/* Documents with rows as text: the short table, the remarks, the verdict. */
#ifndef WHET_API_ROWS_H
#define WHET_API_ROWS_H

#include "api/result.h"

/* A whet_render_fn for the kinds "bench", "study" and "report" (whose rows stand under "of"); others as indented JSON. */
void whet_render_rows(const json_t *doc, int width, bool color, whet_strbuf *out);

#endif
