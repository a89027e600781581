/* SPDX-License-Identifier: Apache-2.0 */
/* --baseline: rows against those of an earlier result. The runs were not made in turns, so the sides are resampled apart. */
#include "measure/baseline.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "stats/stats.h"
#include "wire/json.h"

enum { MAX_ROWS = 512, APART = 1 << 20 };

typedef struct side { int n; whet_block *blocks; double *ms; } side;

static void dispose(side *s)
{
    whet_free(s->blocks);
    whet_free(s->ms);
}

/* Raw samples of a row as blocks; rounds of the two sides are numbered apart, so that they never count as pairs. */
static whet_status read_side(side *s, const json_t *row, int offset)
{
    const json_t *list = json_object_get(row, "samples");
    size_t total = 0, at = 0;
    for (size_t i = 0; i < json_array_size(list); i++) total += json_array_size(json_object_get(json_array_get(list, i), "ns"));
    s->blocks = whet_calloc(json_array_size(list) + 1, sizeof *s->blocks);
    s->ms = whet_calloc(total + 1, sizeof *s->ms);
    if (s->blocks == NULL || s->ms == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i), *ns = json_object_get(o, "ns");
        whet_block *b = &s->blocks[s->n++];
        *b = (whet_block){(int)json_integer_value(json_object_get(o, "round")) + offset, (int)json_integer_value(json_object_get(o, "block")),
                          json_array_size(ns), s->ms + at};
        for (size_t k = 0; k < b->n; k++) s->ms[at++] = json_number_value(json_array_get(ns, k)) / 1e6;
    }
    return total > 0 ? WHET_OK : WHET_FAIL(WHET_EINVAL, "a row has no samples");
}

static const json_t *twin(const json_t *rows, const json_t *row)
{
    static const char *const keys[] = {"model", "runtime", "batch", "threads"};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i);
        bool same = true;
        for (size_t k = 0; k < WHET_COUNT(keys); k++) same = same && json_equal(json_object_get(o, keys[k]), json_object_get(row, keys[k]));
        if (same) return o;
    }
    return NULL;
}

static json_t *entry(const json_t *row, const json_t *old, const whet_ratio *r)
{
    char text[400];
    snprintf(text, sizeof text, "%s on %s takes %.2fx the time of the baseline (%.2f to %.2f): %s", json_string_value(json_object_get(row, "model")),
             json_string_value(json_object_get(row, "runtime")), r->ratio, r->low, r->high, whet_verdict_name(r->verdict));
    return json_pack("{sO, sO, sf, sf, sf, sf, ss, ss}", "a", json_object_get(row, "id"), "b", json_object_get(old, "id"), "ratio", r->ratio, "low",
                     r->low, "high", r->high, "p_holm", r->p_holm, "verdict", whet_verdict_name(r->verdict), "text", text);
}

whet_status whet_bench_compare_stored(json_t *doc, const char *path, uint64_t seed)
{
    json_t *old = NULL, *list = json_array();
    const json_t *rows = json_object_get(doc, "rows"), *pairs[MAX_ROWS][2];
    whet_ratio *r = whet_calloc(MAX_ROWS, sizeof *r);
    whet_status status = r != NULL ? whet_json_read(&old, path) : WHET_ENOMEM;
    int n = 0;
    for (size_t i = 0; status == WHET_OK && i < json_array_size(rows) && n < MAX_ROWS; i++) {
        side a = {0}, b = {0};
        const json_t *row = json_array_get(rows, i), *was = twin(json_object_get(old, "rows"), row);
        if (was == NULL || !json_is_object(json_object_get(row, "latency")) || !json_is_object(json_object_get(was, "latency"))) continue;
        status = read_side(&a, row, 0);
        if (status == WHET_OK) status = read_side(&b, was, APART);
        if (status == WHET_OK) status = whet_boot_ratio(a.blocks, a.n, b.blocks, b.n, seed, &r[n]);
        pairs[n][0] = row;
        pairs[n++][1] = was;
        dispose(&a);
        dispose(&b);
    }
    if (status == WHET_OK && n == 0) status = WHET_FAIL(WHET_EINVAL, "'%s' holds no row of the same model, runtime, batch and threads", path);
    if (status == WHET_OK) whet_ratio_judge(r, n);
    for (int i = 0; status == WHET_OK && i < n; i++) json_array_append_new(list, entry(pairs[i][0], pairs[i][1], &r[i]));
    if (status == WHET_OK) json_object_set(doc, "baseline", list);
    json_decref(list);
    json_decref(old);
    whet_free(r);
    return status;
}
