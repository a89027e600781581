/* SPDX-License-Identifier: Apache-2.0 */
/* A predictor over a split: batches come preprocessed from the loader, scores become predictions. This is the one place
 * where a test split is read for scoring, and it counts the reads. */
#include <math.h>
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/rng.h"
#include "eval/scores.h"

whet_status whet_scores_finish(whet_scores *s);

void whet_evaluate_options_init(whet_evaluate_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->split = WHET_SPLIT_TEST;
    o->workers = 1;
}

/* map[output] = class of the set, or -1. */
static whet_status map_outputs(int32_t *map, const whet_dataset *d, const whet_predictor *p, const whet_contract *c)
{
    int classes = whet_dataset_classes(d);

    if (p->classes < classes)
        return WHET_FAIL(WHET_ESHAPE, "the model has %d outputs, data set '%s' has %d classes", p->classes, whet_dataset_name(d),
                         classes);
    for (int i = 0; i < p->classes; i++) map[i] = i < classes ? i : -1;
    if (c->n_labels == 0) return WHET_OK;
    if (c->n_labels != p->classes)
        return WHET_FAIL(WHET_EINVAL, "the contract names %d classes, the model has %d outputs, give the right names with --labels",
                         c->n_labels, p->classes);
    for (int i = 0; i < p->classes; i++) map[i] = -1;
    for (int k = 0; k < classes; k++) {
        int at = -1;
        for (int i = 0; i < c->n_labels && at < 0; i++)
            if (strcmp(c->labels[i], whet_dataset_class_name(d, k)) == 0) at = i;
        if (at < 0)
            return WHET_FAIL(WHET_EINVAL, "class '%s' of the data is not among the model's class names, give the right ones "
                                          "with --labels", whet_dataset_class_name(d, k));
        map[at] = k;
    }
    return WHET_OK;
}

static whet_status score_row(whet_scores *s, int i, const float *row, int outputs, const int32_t *map)
{
    int best = 0, above = 0, target = -1;

    for (int k = 0; k < outputs; k++) {
        if (!isfinite(row[k]))
            return WHET_FAIL(WHET_ENUMERIC, "output %d for picture %d is %s", k, s->index[i], isnan(row[k]) ? "NaN" : "infinite");
        if (row[k] > row[best]) best = k;
        if (map[k] == s->label[i]) target = k;
    }
    for (int k = 0; k < outputs; k++) above += row[k] > row[target] || (row[k] == row[target] && k < target);
    s->pred[i] = map[best];
    s->in5[i] = above < 5;
    return WHET_OK;
}

struct run {
    const whet_predictor *p;
    const whet_evaluate_options *o;
    whet_scores *s;
    int32_t *map;
    float *y;
    uint8_t *wanted; /* NULL: all pictures */
};

static whet_status score_batch(struct run *r, const whet_batch *b)
{
    WHET_TRY(r->p->predict(r->p->arg, b->x, b->n, r->y));
    for (int k = 0; k < b->n; k++) {
        int i = r->s->n;
        r->s->label[i] = (int32_t)b->y[k];
        r->s->index[i] = b->index[k];
        WHET_TRY(score_row(r->s, i, r->y + (size_t)k * (size_t)r->p->classes, r->p->classes, r->map));
        r->s->n++;
    }
    return WHET_OK;
}

static whet_status drive(struct run *r, whet_loader *l, int total)
{
    whet_batch b = {0};
    const char *stage = r->o->stage ? r->o->stage : "evaluate";
    whet_status status = whet_loader_start(l, 0, 0);

    while (status == WHET_OK) {
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted after %d pictures", r->s->n);
        WHET_TRY(whet_loader_next(l, &b));
        if (b.n == 0 || r->s->n >= total) break;
        status = score_batch(r, &b);
        whet_loader_release(l, &b);
        if (r->o->progress) r->o->progress(r->o->progress_arg, stage, WHET_MIN(r->s->n, total), total, "img", NULL);
    }
    return status;
}

static whet_status check(const whet_dataset *d, const whet_evaluate_options *o)
{
    if (whet_dataset_classes(d) == 0)
        return WHET_FAIL(WHET_EINVAL, "data set '%s' is unlabelled (pictures without class folders), accuracy needs labels: use "
                                      "train/<class>/..., test/<class>/... or <class>/...", whet_dataset_name(d));
    if (whet_dataset_count(d, o->split) == 0)
        return WHET_FAIL(WHET_EINVAL, "data set '%s' has no pictures in its %s split, choose another with --split",
                         whet_dataset_name(d), whet_split_name(o->split));
    return WHET_OK;
}

static whet_status allocate(struct run *r, const whet_dataset *d, int n)
{
    whet_scores *s = r->s;

    s->classes = whet_dataset_classes(d);
    s->outputs = r->p->classes;
    s->unnamed = r->o->contract->n_labels == 0;
    s->split = r->o->split;
    s->label = whet_calloc((size_t)n, sizeof *s->label);
    s->pred = whet_calloc((size_t)n, sizeof *s->pred);
    s->in5 = whet_calloc((size_t)n, sizeof *s->in5);
    s->index = whet_calloc((size_t)n, sizeof *s->index);
    r->map = whet_calloc((size_t)r->p->classes, sizeof *r->map);
    r->y = whet_calloc((size_t)r->p->classes * (size_t)r->p->batch, sizeof *r->y);
    return s->label && s->pred && s->in5 && s->index && r->map && r->y ? WHET_OK : WHET_ENOMEM;
}

whet_status whet_evaluate(whet_scores **out, whet_dataset *d, const whet_predictor *p, const whet_evaluate_options *opt)
{
    struct run r = {.p = p, .o = opt};
    whet_loader_options lo;
    whet_loader *l = NULL;
    whet_contract c;
    int n = 0, total = 0, broken = whet_dataset_broken(d, NULL);
    whet_status status = WHET_OK;

    *out = NULL;
    whet_contract_init(&c);
    WHET_TRY(check(d, opt));
    n = whet_dataset_count(d, opt->split);
    total = opt->limit > 0 && opt->limit < n ? opt->limit : n;
    r.s = whet_calloc(1, sizeof *r.s);
    if (!r.s) return WHET_ENOMEM;
    WHET_GOTO(allocate(&r, d, total + p->batch));
    WHET_GOTO(whet_contract_copy(&c, opt->contract));
    c.nhwc = p->nhwc;
    WHET_GOTO(map_outputs(r.map, d, p, &c));
    whet_loader_options_init(&lo);
    lo.contract = &c;
    lo.channels = p->channels;
    lo.height = p->height;
    lo.width = p->width;
    lo.batch = p->batch;
    lo.workers = opt->workers;
    lo.prefetch = p->batch == 1 ? 16 : 3;
    lo.cache = false;
    lo.shuffle = total < n; /* a part is a random one */
    lo.seed = opt->seed;
    WHET_GOTO(whet_loader_create(&l, d, opt->split, &lo));
    if (opt->split == WHET_SPLIT_TEST) whet_dataset_count_test_read(d);
    WHET_GOTO(drive(&r, l, total));
    r.s->n = WHET_MIN(r.s->n, total);
    r.s->broken = whet_dataset_broken(d, NULL) - broken;
    if (r.s->n == 0) {
        status = WHET_FAIL(WHET_EFORMAT, "no picture of the %s split could be read", whet_split_name(opt->split));
        goto done;
    }
    WHET_GOTO(whet_scores_finish(r.s));
    *out = r.s;
    r.s = NULL;
done:
    whet_loader_free(l);
    whet_contract_dispose(&c);
    whet_scores_free(r.s);
    whet_free(r.map);
    whet_free(r.y);
    return status;
}
