/* SPDX-License-Identifier: Apache-2.0 */
/* Benches of the fake plug-in's models. */
#ifndef WHET_TESTS_FAKE_BENCH_H
#define WHET_TESTS_FAKE_BENCH_H

#include "measure/bench.h"
#include "support.h"

/* The path of a model that does `trick` (see fake_plugin.c), below `folder`; heap. */
static inline char *fake_model(const char *folder, const char *trick)
{
    char *path = whet_format("%s/%s.fake", folder, trick), *text = whet_format("fake\n%s\n", trick);
    for (char *p = path + strlen(folder); *p != '\0'; p++)
        if (*p == ' ') *p = '_';
    assert_ok(whet_file_write(path, text, strlen(text)));
    whet_free(text);
    return path;
}

/* A quick bench of the cells, with hardly any warm-up. */
static inline void fake_spec(whet_bench_spec *s, const whet_bench_cell *cells, int n, int min_runs, double min_seconds, double time_limit)
{
    whet_bench_spec_init(s);
    s->cells = cells;
    s->n_cells = n;
    s->mode = WHET_BENCH_QUICK;
    s->min_runs = min_runs;
    s->min_seconds = min_seconds;
    s->warmup_seconds = 0.005;
    s->time_limit = time_limit;
}

#endif
