/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison of two results as text. */
#ifndef WHET_API_COMPARE_TEXT_H
#define WHET_API_COMPARE_TEXT_H

#include "api/result.h"

/* A whet_render_fn for the kind "compare", and for the "baseline_compare" of a bench or a study. */
void whet_render_compare(const json_t *doc, int width, bool color, whet_strbuf *out);

#endif
