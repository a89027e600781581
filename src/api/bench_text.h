/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_API_BENCH_TEXT_H
#define WHET_API_BENCH_TEXT_H

#include "api/result.h"

/* A document "bench" for people: the table, what was asked, reasons, warnings, comparisons. */
void whet_bench_render(const json_t *doc, int width, bool color, whet_strbuf *out);

#endif
