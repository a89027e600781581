/* SPDX-License-Identifier: Apache-2.0 */
/* Results: every command of the program yields one document. JSON is its truth; text is a rendering for people. */
#ifndef WHET_RESULT_H
#define WHET_RESULT_H

#include "whet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_result whet_result;

void whet_result_free(whet_result *r); /* accepts NULL */
/* The document as JSON text, keys in a fixed order; borrowed. Carries "schema_version" and "kind". */
const char *whet_result_json(const whet_result *r);
/* Rendering for a terminal, `width` columns (0: 80), with ANSI colours if `color`; borrowed until the next call. */
const char *whet_result_text(whet_result *r, int width, int color);
/* 0, or 1 if a gate in it failed (parity, baseline, bound). */
int whet_result_gate(const whet_result *r);

#ifdef __cplusplus
}
#endif
#endif
