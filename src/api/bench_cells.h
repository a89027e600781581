/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of models, runtimes and settings become the rows of a bench. */
#ifndef WHET_API_BENCH_CELLS_H
#define WHET_API_BENCH_CELLS_H

#include "measure/bench.h"
#include "whet/bench.h"

typedef struct whet_bench_cells {
    int n;
    whet_bench_cell *v;
    char *text[16]; /* what the cells point into */
    int n_texts;
    json_t *found;  /* the runtimes that there are, where none were named */
} whet_bench_cells;

/* Where no runtime is named, those that read the file. Every model x runtime x batch x threads x streams x setting; with o->best one more row for each model and runtime.
 * EINVAL for a value that is none, an empty list, or over 512 rows. Dispose also after a failure. */
whet_status whet_bench_cells_make(whet_bench_cells *c, int n_models, const char *const *models, const whet_bench_options *o);
void whet_bench_cells_dispose(whet_bench_cells *c);

#endif
