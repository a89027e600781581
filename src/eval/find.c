/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the contract: every candidate is scored on the same pictures, so that differences are paired; whether a
 * runner-up may be as good as the best is judged by McNemar's test (1947) without continuity correction. Of equals the
 * plainer one, which stands first in the table, is named. */
#include "eval/find.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { DEFAULT_PICTURES = 1000 };

/* Values are in grey levels divided by 255 unless scale is 1. `gray`: also for one channel. */
static const struct entry {
    const char *name;
    whet_color color;
    float scale;
    float mean[3], std[3];
    bool gray;
} table[] = {
    {"unit", WHET_COLOR_RGB, 1.f / 255.f, {0, 0, 0}, {1, 1, 1}, true},
    {"pm1", WHET_COLOR_RGB, 1.f / 255.f, {.5f, .5f, .5f}, {.5f, .5f, .5f}, true},
    {"raw", WHET_COLOR_RGB, 1.f, {0, 0, 0}, {1, 1, 1}, true},
    {"imagenet", WHET_COLOR_RGB, 1.f / 255.f, {.485f, .456f, .406f}, {.229f, .224f, .225f}, false},
    {"cifar10", WHET_COLOR_RGB, 1.f / 255.f, {.4914f, .4822f, .4465f}, {.247f, .243f, .262f}, false},
    {"mnist", WHET_COLOR_RGB, 1.f / 255.f, {.1307f, .1307f, .1307f}, {.3081f, .3081f, .3081f}, true},
    {"caffe", WHET_COLOR_BGR, 1.f, {103.939f, 116.779f, 123.68f}, {1, 1, 1}, false},
    {"unit-bgr", WHET_COLOR_BGR, 1.f / 255.f, {0, 0, 0}, {1, 1, 1}, false},
    {"pm1-bgr", WHET_COLOR_BGR, 1.f / 255.f, {.5f, .5f, .5f}, {.5f, .5f, .5f}, false},
    {"raw-bgr", WHET_COLOR_BGR, 1.f, {0, 0, 0}, {1, 1, 1}, false},
    {"imagenet-bgr", WHET_COLOR_BGR, 1.f / 255.f, {.406f, .456f, .485f}, {.225f, .224f, .229f}, false},
};

void whet_find_options_init(whet_find_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->workers = 1;
}

void whet_findings_dispose(whet_findings *f)
{
    if (!f) return;
    for (int i = 0; i < f->n_candidates; i++) whet_contract_dispose(&f->c[i].contract);
    f->n_candidates = 0;
}

static whet_status prepare(whet_candidate *c, const struct entry *e, const whet_contract *base, int channels)
{
    whet_contract_init(&c->contract);
    if (base) WHET_TRY(whet_contract_copy(&c->contract, base));
    snprintf(c->name, sizeof c->name, "%s", e->name);
    c->contract.given = true;
    c->contract.color = channels == 1 ? WHET_COLOR_GRAY : e->color;
    c->contract.scale = e->scale;
    for (int k = 0; k < WHET_MAX_CHANNELS; k++) {
        c->contract.mean[k] = e->mean[k < 3 ? k : 0];
        c->contract.std[k] = e->std[k < 3 ? k : 0];
    }
    whet_contract_formula(&c->contract, c->formula, sizeof c->formula);
    return WHET_OK;
}

struct trial { whet_candidate c; whet_scores *s; int place; };

static int compare_trials(const void *a, const void *b)
{
    double x = whet_scores_top1(((const struct trial *)a)->s), y = whet_scores_top1(((const struct trial *)b)->s);

    return x < y ? 1 : x > y ? -1 : ((const struct trial *)a)->place - ((const struct trial *)b)->place;
}

static whet_status judge(struct trial *t, int n, whet_findings *out)
{
    qsort(t, (size_t)n, sizeof *t, compare_trials);
    for (int i = 0; i < n; i++) {
        whet_agreement a;
        double d = 0, m = 0;
        WHET_TRY(whet_scores_agree(t[0].s, t[i].s, &a));
        d = a.only_a - a.only_b;
        m = a.only_a + a.only_b;
        t[i].c.loss = d / a.n;
        t[i].c.tie = i > 0 && d * d <= 3.841459 * m;
        t[i].c.accuracy = whet_wilson((int64_t)(whet_scores_top1(t[i].s) * a.n + .5), a.n, .95);
    }
    out->n_pictures = t[0].s->n;
    out->chance = t[0].c.accuracy.low <= 1.0 / t[0].s->classes;
    return WHET_OK;
}

whet_status whet_contract_find(whet_findings *out, whet_dataset *d, const whet_predictor *p, const whet_find_options *opt)
{
    struct trial t[WHET_COUNT(table)];
    whet_evaluate_options eo;
    int n = 0;
    whet_status status = WHET_OK;

    memset(out, 0, sizeof *out);
    memset(t, 0, sizeof t);
    whet_evaluate_options_init(&eo);
    out->split = whet_dataset_count(d, WHET_SPLIT_VAL) ? WHET_SPLIT_VAL : WHET_SPLIT_TRAIN;
    eo.split = out->split;
    eo.limit = opt->pictures > 0 ? opt->pictures : DEFAULT_PICTURES;
    eo.workers = opt->workers;
    eo.seed = opt->seed;
    for (size_t i = 0; i < WHET_COUNT(table); i++) {
        if (p->channels == 1 && !table[i].gray) continue;
        WHET_GOTO(prepare(&t[n].c, &table[i], opt->base, p->channels));
        t[n].place = n;
        eo.contract = &t[n].c.contract;
        if (opt->progress) opt->progress(opt->progress_arg, "try contracts", (double)i, WHET_COUNT(table), "contracts", t[n].c.name);
        status = whet_evaluate(&t[n].s, d, p, &eo);
        n++;
        if (status != WHET_OK) goto done;
    }
    WHET_GOTO(judge(t, n, out));
    out->n_candidates = n;
    for (int i = 0; i < n; i++) {
        out->c[i] = t[i].c;
        whet_contract_init(&t[i].c.contract);
    }
done:
    for (int i = 0; i < n; i++) {
        whet_scores_free(t[i].s);
        if (t[i].c.contract.std[0] != 0) whet_contract_dispose(&t[i].c.contract);
    }
    return status;
}
