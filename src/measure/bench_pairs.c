/* SPDX-License-Identifier: Apache-2.0 */
/* Rows against each other: which differ in one thing alone, the ratio of the figure that their scenario is judged by, its
 * verdict among those of the table, and the sentence that says it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "measure/bench_private.h"
#include "wire/json.h"

enum { MAX_PAIRS = 512 };

typedef struct pair { int a, b; whet_judged by; } pair;

/* Of rows at best settings each has its own. */
static bool same_settings(const whet_bench_row *x, const whet_bench_row *y)
{
    return x->cell->best || whet_settings_equal(&x->settings, &y->settings);
}

/* The row at best settings has its rival in the first one of its runtime at equal settings. */
static bool first_of_runtime(const whet_bench *b, int row)
{
    const whet_bench_row *r = &b->rows[row];
    for (int i = 0; i < row; i++)
        if (b->rows[i].facts == r->facts && b->rows[i].batch == r->batch && strcmp(b->rows[i].cell->runtime, r->cell->runtime) == 0) return false;
    return !r->cell->best;
}

/* Two runtimes on one file: native first. Two files, or one at two settings, on one runtime: the later against the earlier. */
static int find_pairs(const whet_bench *b, pair *p)
{
    int n = 0;
    for (int i = 0; i < b->n_rows; i++)
        for (int j = i + 1; j < b->n_rows && n < MAX_PAIRS; j++) {
            const whet_bench_row *x = &b->rows[i], *y = &b->rows[j];
            const bool file = x->facts == y->facts, runtime = strcmp(x->cell->runtime, y->cell->runtime) == 0;
            if (x->dead || y->dead || x->n_blocks == 0 || y->n_blocks == 0 || x->batch != y->batch) continue;
            if (file && runtime && !x->cell->best && y->cell->best && first_of_runtime(b, i)) {
                p[n++] = (pair){.a = j, .b = i};
                continue;
            }
            if (x->cell->best != y->cell->best || (x->threads != y->threads && !x->cell->best)) continue;
            if (!file + !runtime + !same_settings(x, y) != 1) continue; /* they differ in one thing */
            p[n++] = file && !runtime && strcmp(y->cell->runtime, "native") != 0 ? (pair){.a = i, .b = j} : (pair){.a = j, .b = i};
        }
    return n;
}

/* "optimisation off" and "optimisation all", of the settings in which two rows differ. */
static void tell_difference(const whet_settings *x, const whet_settings *y, char *sx, char *sy, size_t size)
{
    json_t *ox = whet_settings_json(x), *oy = whet_settings_json(y), *v = NULL;
    const char *key = NULL, *between = "";
    json_object_foreach(ox, key, v)
    {
        const json_t *w = json_object_get(oy, key);
        if (json_equal(v, w)) continue;
        const size_t nx = strlen(sx), ny = strlen(sy);
        snprintf(sx + nx, size - nx, "%s%s %s", between, key, json_string_value(v));
        snprintf(sy + ny, size - ny, "%s%s %s", between, key, whet_json_str(oy, key));
        between = ", ";
    }
    json_decref(ox);
    json_decref(oy);
}

static void describe(const whet_bench *b, const pair *p, const whet_ratio *r, char *text, size_t size)
{
    const whet_bench_row *x = &b->rows[p->a], *y = &b->rows[p->b];
    const bool file = x->facts == y->facts, settings = file && strcmp(x->cell->runtime, y->cell->runtime) == 0;
    char sx[200], sy[200], where[200];
    const char *a = file ? x->title : x->facts->name, *c = file ? y->title : y->facts->name, *on = file ? x->facts->name : x->title;
    if (x->cell->best != y->cell->best) { /* which they are stands beneath the table */
        snprintf(sx, sizeof sx, "%.60s at its best settings", x->title);
        snprintf(sy, sizeof sy, "%.60s at the equal ones", y->title);
        a = sx;
        c = sy;
    } else if (settings) {
        snprintf(sx, sizeof sx, "%.60s with ", x->title);
        snprintf(sy, sizeof sy, "%.60s with ", y->title);
        tell_difference(&x->settings, &y->settings, sx, sy, sizeof sx);
        a = sx;
        c = sy;
    } else if (file && strcmp(a, c) == 0) { /* two versions of one runtime */
        a = x->cell->runtime;
        c = y->cell->runtime;
    }
    if (x->cell->best && y->cell->best)
        snprintf(where, sizeof where, "on %s, each at its best settings", on);
    else if (x->batch > 1)
        snprintf(where, sizeof where, "on %s at batch %d", on, x->batch);
    else
        snprintf(where, sizeof where, "on %s", on);
    switch (r->verdict) {
    case WHET_BETTER:
        snprintf(text, size, "%.80s is %.2fx as fast as %.80s %.80s (%.2f to %.2f): better", a, 1 / r->ratio, c, where, 1 / r->high, 1 / r->low);
        break;
    case WHET_WORSE:
        snprintf(text, size, "%.80s takes %.2fx the time of %.80s %.80s (%.2f to %.2f): worse", a, r->ratio, c, where, r->low, r->high);
        break;
    case WHET_SAME:
        snprintf(text, size, "%.80s and %.80s are equally fast %.80s (%.3f to %.3f): same", a, c, where, r->low, r->high);
        break;
    case WHET_CANNOT_TELL:
        snprintf(text, size, "%.80s takes %.2fx the time of %.80s %.80s (%.2f to %.2f): cannot tell which is faster", a, r->ratio, c, where, r->low, r->high);
        break;
    }
}

static void choose_figure(const whet_bench *b, pair *p)
{
    const whet_bench_row *rows[] = {&b->rows[p->a], &b->rows[p->b]};
    size_t n[2] = {0, 0};
    int64_t undone = 0, planned = 0;
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < rows[side]->n_blocks; i++) n[side] += rows[side]->blocks[i].n;
        undone += whet_bench_undone(rows[side]->blocks, rows[side]->n_blocks, &planned);
    }
    whet_scenario_judged(&p->by, rows[0]->scenario, WHET_MIN(n[0], n[1]), undone);
}

static whet_status compare(const whet_bench *b, pair *p, whet_ratio *r)
{
    whet_block *x = NULL, *y = NULL;
    double *own_x = NULL, *own_y = NULL;
    const whet_bench_row *ra = &b->rows[p->a], *rb = &b->rows[p->b];
    choose_figure(b, p);
    whet_status status = whet_bench_judged_blocks(ra, &x, &own_x);
    if (status == WHET_OK) status = whet_bench_judged_blocks(rb, &y, &own_y);
    if (status == WHET_OK) status = whet_boot_ratio_at(x, ra->n_blocks, y, rb->n_blocks, p->by.p, b->spec->seed, r);
    whet_free(x);
    whet_free(y);
    whet_free(own_x);
    whet_free(own_y);
    return status;
}

static json_t *pair_json(const whet_bench *b, const pair *p, const whet_ratio *r)
{
    char text[500] = "", ia[16], ib[16];
    snprintf(ia, sizeof ia, "r%d", p->a);
    snprintf(ib, sizeof ib, "r%d", p->b);
    snprintf(text, sizeof text, "%s", p->by.by);
    const size_t used = strlen(text);
    describe(b, p, r, text + used, sizeof text - used);
    json_t *o = json_pack("{ss, ss, sf, sf, sf, sf, ss, sf, sf, sf, si}", "a", ia, "b", ib, "ratio", r->ratio, "low", r->low, "high", r->high, "p_holm",
                          r->p_holm, "verdict", whet_verdict_name(r->verdict), "speedup", 1 / r->ratio, "speedup_low", 1 / r->high, "speedup_high",
                          1 / r->low, "blocks", b->rows[p->a].n_blocks);
    json_object_set_new(o, "figure", json_string(p->by.figure));
    json_object_set_new(o, "text", json_string(text));
    return o;
}

whet_status whet_bench_comparisons(const whet_bench *b, json_t *list)
{
    whet_status status = WHET_OK;
    pair *p = whet_calloc(MAX_PAIRS, sizeof *p);
    whet_ratio *r = whet_calloc(MAX_PAIRS, sizeof *r);
    if (p == NULL || r == NULL) WHET_GOTO(WHET_ENOMEM);
    const int n = find_pairs(b, p);
    for (int i = 0; i < n; i++) WHET_GOTO(compare(b, &p[i], &r[i]));
    whet_ratio_judge(r, n);
    for (int i = 0; i < n; i++)
        if (p[i].by.unknown) r[i].verdict = WHET_CANNOT_TELL;
    for (int i = 0; i < n; i++) json_array_append_new(list, pair_json(b, &p[i], &r[i]));
done:
    whet_free(p);
    whet_free(r);
    return status;
}
