/* SPDX-License-Identifier: Apache-2.0 */
/* The product of all lists, counted through like a mileage: the last list changes fastest. */
#include "api/bench_cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "formats/formats.h"
#include "measure/runtimes.h"
#include "measure/settings.h"
#include "wire/json.h"

enum { MAX_VALUES = 32, MAX_CELLS = 512, LISTS = 9 };
enum { MODELS, RUNTIMES, BATCHES, THREADS, STREAMS, SETTINGS }; /* SETTINGS: one list for each row of the table of settings */

typedef struct list { int n; const char *item[MAX_VALUES]; } list;

static whet_status split(whet_bench_cells *c, list *l, const char *text, const char *what)
{
    char *save = NULL, *copy = whet_strdup(text);
    if (copy == NULL) return WHET_ENOMEM;
    c->text[c->n_texts++] = copy;
    l->n = 0;
    for (char *p = strtok_r(copy, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
        for (int i = 0; i < l->n; i++)
            if (strcmp(l->item[i], p) == 0) return WHET_FAIL(WHET_EINVAL, "%s: '%s' stands twice in the list, name it once", what, p);
        if (l->n == MAX_VALUES) return WHET_FAIL(WHET_EINVAL, "%s: at most %d values are possible", what, MAX_VALUES);
        l->item[l->n++] = p;
    }
    return l->n > 0 ? WHET_OK : WHET_FAIL(WHET_EINVAL, "%s: the list is empty", what);
}

/* A list that was not given has one value: NULL. */
static whet_status optional(whet_bench_cells *c, list *l, const char *text, const char *what)
{
    *l = (list){.n = 1};
    return text != NULL ? split(c, l, text, what) : WHET_OK;
}

static whet_status number(const char *text, const char *what, int most, int *out)
{
    char *end = NULL;
    if (text == NULL) return WHET_OK; /* the default */
    const long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > most) return WHET_FAIL(WHET_EINVAL, "%s '%s' is not a number from 1 to %d", what, text, most);
    *out = (int)n;
    return WHET_OK;
}

/* True unless the runtime was not asked for by name and says that it does not read files of this format. */
static bool concerns(const whet_bench_cells *c, const char *model, const char *runtime)
{
    const whet_model_format *f = NULL;
    const json_t *r = NULL, *x = NULL;
    size_t i = 0, k = 0;
    if (c->found == NULL || strcmp(runtime, "native") == 0 || whet_format_of_file(model, &f) != WHET_OK) return true;
    json_array_foreach(c->found, i, r) {
        const json_t *formats = json_object_get(json_object_get(r, "caps"), "formats");
        if (strcmp(whet_json_str(r, "name"), runtime) != 0 || !json_is_array(formats)) continue;
        json_array_foreach(formats, k, x) {
            if (json_is_string(x) && strcmp(json_string_value(x), f->name) == 0) return true;
        }
        return false;
    }
    return true;
}

/* All runtimes that have a plug-in, native first: those that cannot be used become rows that say why. */
static whet_status all_runtimes(whet_bench_cells *c, list *l, const char *program)
{
    whet_strbuf names;
    WHET_TRY(whet_runtimes_probe(&c->found, program));
    whet_strbuf_init(&names);
    for (size_t i = 0; i < json_array_size(c->found); i++)
        whet_strbuf_printf(&names, "%s%s", i > 0 ? "," : "", whet_json_str(json_array_get(c->found, i), "name"));
    char *text = whet_strbuf_take(&names);
    const whet_status status = text != NULL ? split(c, l, text, "runtimes") : WHET_ENOMEM;
    whet_free(text);
    return status;
}

static whet_status read_lists(whet_bench_cells *c, list *l, const whet_bench_options *o)
{
    const char *const settings[] = {o->optimisation, o->precision, o->denormals, o->arena}; /* as in the table of settings */
    WHET_TRY(o->runtimes != NULL ? split(c, &l[RUNTIMES], o->runtimes, "runtimes") : all_runtimes(c, &l[RUNTIMES], o->program));
    WHET_TRY(optional(c, &l[BATCHES], o->batch, "batch"));
    WHET_TRY(optional(c, &l[THREADS], o->threads, "threads"));
    WHET_TRY(optional(c, &l[STREAMS], o->streams, "streams"));
    for (int i = 0; whet_setting_at(i) != NULL; i++) {
        WHET_TRY(optional(c, &l[SETTINGS + i], settings[i], whet_setting_at(i)->name));
        for (int k = 0; settings[i] != NULL && k < l[SETTINGS + i].n; k++) WHET_TRY(whet_setting_check(whet_setting_at(i), l[SETTINGS + i].item[k]));
    }
    return WHET_OK;
}

static whet_status fill(whet_bench_cell *c, const char *model, const list *l, const int *at)
{
    *c = (whet_bench_cell){.model = model, .runtime = l[RUNTIMES].item[at[RUNTIMES]], .optimisation = l[SETTINGS].item[at[SETTINGS]],
                           .precision = l[SETTINGS + 1].item[at[SETTINGS + 1]], .denormals = l[SETTINGS + 2].item[at[SETTINGS + 2]],
                           .arena = l[SETTINGS + 3].item[at[SETTINGS + 3]]};
    WHET_TRY(number(l[BATCHES].item[at[BATCHES]], "batch", 65536, &c->batch));
    WHET_TRY(number(l[THREADS].item[at[THREADS]], "threads", 1024, &c->threads));
    return number(l[STREAMS].item[at[STREAMS]], "streams", WHET_SCENARIO_MAX_STREAMS, &c->streams);
}

/* The next combination; false after the last. */
static bool advance(int *at, const int *counts)
{
    for (int i = LISTS - 1; i >= 0; i--) {
        if (++at[i] < counts[i]) return true;
        at[i] = 0;
    }
    return false;
}

static whet_status add_best(whet_bench_cells *c)
{
    const int n = c->n;
    for (int i = 0; i < n; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++)
            seen = c->v[k].model == c->v[i].model && strcmp(c->v[k].runtime, c->v[i].runtime) == 0 && c->v[k].batch == c->v[i].batch;
        if (seen) continue;
        if (c->n == MAX_CELLS) return WHET_FAIL(WHET_EINVAL, "over %d rows: give fewer models, runtimes or settings", MAX_CELLS);
        c->v[c->n] = c->v[i];
        c->v[c->n++].best = true;
    }
    return WHET_OK;
}

whet_status whet_bench_cells_make(whet_bench_cells *c, int n_models, const char *const *models, const whet_bench_options *o)
{
    list l[LISTS];
    int counts[LISTS], at[LISTS] = {0};
    memset(c, 0, sizeof *c);
    c->v = whet_calloc(MAX_CELLS, sizeof *c->v);
    if (c->v == NULL) return WHET_ENOMEM;
    WHET_TRY(read_lists(c, l, o));
    counts[MODELS] = n_models;
    for (int i = 1; i < LISTS; i++) counts[i] = l[i].n;
    do {
        if (c->n == MAX_CELLS) return WHET_FAIL(WHET_EINVAL, "over %d rows: give fewer models, runtimes or settings", MAX_CELLS);
        if (concerns(c, models[at[MODELS]], l[RUNTIMES].item[at[RUNTIMES]])) WHET_TRY(fill(&c->v[c->n++], models[at[MODELS]], l, at));
    } while (advance(at, counts));
    return o->best ? add_best(c) : WHET_OK;
}

void whet_bench_cells_dispose(whet_bench_cells *c)
{
    for (int i = 0; i < c->n_texts; i++) whet_free(c->text[i]);
    whet_free(c->v);
    json_decref(c->found);
    memset(c, 0, sizeof *c);
}
