/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring the rows of a graph's products against each other. The graph is bound as it would be, and once more with each
 * other row put first; the two run by turns on the same random inputs and the least time of each node counts, so that a
 * neighbour's noise hits both alike. The static choice stays unless another is clearly faster. What is chosen must give the
 * same bits on one thread and on several: rows of a library are checked for that on the spot. */
#include "base/clock.h"
#include "base/rng.h"
#include "exec/exec_tune_private.h"

enum { LEAST_ROUNDS = 5, MOST_ROUNDS = 200 };
#define ROUNDS_NS 300000000u /* rounds are added up to this much time */
#define CLEARLY 1.03

typedef struct subject {
    whet_tuning prefer; /* holds nothing but the name */
    whet_exec *e;
    whet_plan *p;
    uint64_t *best, *now;
} subject;

static void subject_dispose(subject *s)
{
    whet_exec_free(s->e);
    whet_free(s->best);
    whet_free(s->now);
    *s = (subject){0};
}

/* Small inputs are rates and counters of a training step. */
static void fill_inputs(whet_plan *p)
{
    for (int i = 0; i < p->g->n_inputs; i++) {
        whet_tensor *t = whet_plan_input(p, i);
        const size_t bytes = whet_tensor_bytes(t);
        if (bytes > 0) memset(t->data, 0, bytes);
        if (t->dtype != WHET_F32) continue;
        whet_rng r = whet_rng_at(1, (uint64_t)i);
        const int64_t n = whet_tensor_numel(t);
        for (int64_t k = 0; k < n; k++) ((float *)t->data)[k] = n < 16 ? 1e-3f : (float)(whet_rng_uniform(&r) * 2 - 1);
    }
}

/* row NULL: the static choice. The exec keeps the address of s->prefer. */
static whet_status subject_make(subject *s, const whet_graph *g, const whet_exec_options *opt, const char *row, int n,
                                const whet_shape *shapes)
{
    whet_exec_options o = *opt;
    s->prefer.prefer = row;
    o.tuning = row != NULL ? &s->prefer : NULL;
    o.poison = false;
    WHET_TRY(whet_exec_create(&s->e, g, &o));
    WHET_TRY(whet_exec_plan(s->e, n, shapes, &s->p));
    s->best = whet_calloc((size_t)s->p->n_steps + 1, sizeof *s->best);
    s->now = whet_calloc((size_t)s->p->n_steps + 1, sizeof *s->now);
    if (s->best == NULL || s->now == NULL) return WHET_ENOMEM;
    for (int i = 0; i < s->p->n_steps; i++) s->best[i] = UINT64_MAX;
    return WHET_OK;
}

static whet_status turn(subject *s)
{
    memset(s->now, 0, (size_t)s->p->n_steps * sizeof *s->now);
    WHET_TRY(whet_plan_profile(s->p, s->now));
    for (int i = 0; i < s->p->n_steps; i++) s->best[i] = WHET_MIN(s->best[i], s->now[i]);
    return WHET_OK;
}

static whet_status by_turns(subject *a, subject *b)
{
    const uint64_t from = whet_now_ns();
    fill_inputs(a->p);
    fill_inputs(b->p);
    WHET_TRY(whet_plan_run(a->p));
    WHET_TRY(whet_plan_run(b->p));
    for (int i = 0; i < MOST_ROUNDS; i++) {
        if (i >= LEAST_ROUNDS && whet_now_ns() - from > ROUNDS_NS) break;
        WHET_TRY(turn(i % 2 == 0 ? a : b));
        WHET_TRY(turn(i % 2 == 0 ? b : a));
    }
    return WHET_OK;
}

/* --- the products that no entry knows */
typedef struct product {
    char *key;
    const whet_cpu_impl *first;
    const char *row, *other; /* the best so far that is not the first */
    uint32_t provider;       /* of row */
    double gain, other_gain; /* time of the first / time of it */
} product;

typedef struct survey {
    product *items;
    size_t n, cap;
    size_t *of; /* per step: its product + 1, 0 none */
} survey;

static void survey_dispose(survey *v)
{
    for (size_t i = 0; i < v->n; i++) whet_free(v->items[i].key);
    whet_free(v->items);
    whet_free(v->of);
}

static bool fast(const plan_step *s)
{
    return !s->view && (s->k.impl->provider & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN)) != 0 && whet_tunable_(s->k.impl->op);
}

static whet_status find_products(whet_tuning *t, const whet_plan *p, survey *v)
{
    v->of = whet_calloc((size_t)p->n_steps + 1, sizeof *v->of);
    if (v->of == NULL) return WHET_ENOMEM;
    for (int i = 0; i < p->n_steps; i++) {
        const plan_step *s = &p->steps[i];
        if (!fast(s)) continue;
        char *key = whet_tuning_key_(p, s);
        if (key == NULL) return WHET_ENOMEM;
        tuned *known = whet_tuning_find_(t, key);
        size_t k = 0;
        while (k < v->n && strcmp(v->items[k].key, key) != 0) k++;
        if (known != NULL) known->used = true;
        if (known != NULL || k < v->n) {
            if (known == NULL) v->of[i] = k + 1;
            whet_free(key);
            continue;
        }
        if (!WHET_GROW(&v->items, v->n, &v->cap)) {
            whet_free(key);
            return WHET_ENOMEM;
        }
        v->items[v->n++] = (product){.key = key, .first = s->k.impl, .gain = 1};
        v->of[i] = v->n;
    }
    return WHET_OK;
}

/* oneDNN's weight gradients and its convolutions outside NHWC depend on the number of threads (docs/KERNELS.md). */
static bool repeatable(const plan_step *s)
{
    const whet_cpu_node *k = &s->k;
    if (k->impl->provider != WHET_PROVIDER_ONEDNN) return true;
    if (strstr(k->impl->op, "ConvGradWeights") != NULL) return false;
    return strstr(k->impl->op, "Conv") == NULL || (k->in[0].layout == WHET_NHWC && k->out[0].layout == WHET_NHWC);
}

/* What the row of b did for each product, against the first of a. */
static void compare(survey *v, const subject *a, const subject *b, const char *row)
{
    for (size_t k = 0; k < v->n; k++) {
        product *x = &v->items[k];
        double mine = 0, its = 0;
        const whet_cpu_impl *impl = NULL;
        for (int i = 0; i < a->p->n_steps; i++) {
            const plan_step *s = &b->p->steps[i];
            if (v->of[i] != k + 1 || s->view || s->k.impl == x->first || strcmp(s->k.impl->name, row) != 0 || !repeatable(s)) continue;
            impl = s->k.impl;
            mine += (double)a->best[i];
            its += (double)b->best[i];
        }
        if (impl == NULL) continue;
        const double gain = mine / WHET_MAX(its, 1.0);
        if (x->other == NULL || gain > x->other_gain) x->other = impl->name, x->other_gain = gain;
        if (gain > CLEARLY && gain > x->gain) x->row = impl->name, x->gain = gain, x->provider = impl->provider;
    }
}

static bool accepted_somewhere(const survey *v, const subject *b, const char *row)
{
    for (int i = 0; i < b->p->n_steps; i++) {
        const plan_step *s = &b->p->steps[i];
        if (v->of[i] > 0 && !s->view && s->k.impl != v->items[v->of[i] - 1].first && strcmp(s->k.impl->name, row) == 0) return true;
    }
    return false;
}

/* A row's name is looked at once, and only if an operator at hand has a row of that name. */
static bool worth_trying(const survey *v, int i)
{
    const whet_cpu_impl *x = whet_cpu_impl_at(i);
    bool any = false;
    if ((x->provider & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN)) == 0) return false;
    for (int k = 0; k < i; k++) {
        const whet_cpu_impl *y = whet_cpu_impl_at(k);
        if ((y->provider & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN)) != 0 && strcmp(y->name, x->name) == 0) return false;
    }
    for (size_t k = 0; k < v->n && !any; k++)
        for (int r = i; r < whet_cpu_impl_count() && !any; r++) {
            const whet_cpu_impl *y = whet_cpu_impl_at(r);
            any = strcmp(y->name, x->name) == 0 && strcmp(y->op, v->items[k].first->op) == 0 && y != v->items[k].first;
        }
    return any;
}

typedef struct job {
    whet_tuning *t;
    const whet_graph *g;
    const whet_exec_options *opt;
    int n;
    const whet_shape *shapes;
} job;

static whet_status try_rows(const job *j, survey *v, subject *first)
{
    whet_status status = WHET_OK;
    subject other = {0};
    for (int i = 0; i < whet_cpu_impl_count(); i++) {
        const char *row = whet_cpu_impl_at(i)->name;
        if (!worth_trying(v, i)) continue;
        WHET_GOTO(subject_make(&other, j->g, j->opt, row, j->n, j->shapes));
        if (other.p->n_steps == first->p->n_steps && accepted_somewhere(v, &other, row)) {
            for (int k = 0; k < first->p->n_steps; k++) first->best[k] = UINT64_MAX;
            WHET_GOTO(by_turns(first, &other));
            compare(v, first, &other, row);
        }
        subject_dispose(&other);
    }
done:
    subject_dispose(&other);
    return status;
}

static whet_status keep(whet_tuning *t, survey *v)
{
    for (size_t k = 0; k < v->n; k++) {
        product *x = &v->items[k];
        const char *first = x->first->name, *row = x->row != NULL ? x->row : first;
        const char *rival = x->row != NULL ? first : x->other != NULL ? x->other : "";
        const double gain = x->row != NULL ? x->gain : x->other != NULL ? 1 / WHET_MAX(x->other_gain, 1e-6) : 1;
        const tuned item = {.key = x->key, .row = (char *)(uintptr_t)row, .first = (char *)(uintptr_t)first,
                            .rival = (char *)(uintptr_t)rival, .gain = gain, .used = true, .fresh = true};
        WHET_TRY(whet_tuning_add_(t, &item));
    }
    return WHET_OK;
}

/* --- the same bits on one thread and on several */
static bool same_bytes(const whet_tensor *a, const whet_tensor *b)
{
    const size_t n = whet_tensor_bytes(a);
    return n == whet_tensor_bytes(b) && (n == 0 || memcmp(a->data, b->data, n) == 0);
}

static bool same_results(const subject *a, const subject *b)
{
    for (int i = 0; i < a->p->g->n_outputs; i++)
        if (!same_bytes(whet_plan_output(a->p, i), whet_plan_output(b->p, i))) return false;
    for (int i = 0; i < whet_exec_variable_count(a->e); i++)
        if (!same_bytes(whet_exec_variable_at(a->e, i), whet_exec_variable_at(b->e, i))) return false;
    return true;
}

static whet_status run_chosen(const job *j, subject *s, whet_team *team)
{
    whet_exec_options o = *j->opt;
    o.team = team;
    o.poison = false;
    o.tuning = j->t;
    WHET_TRY(whet_exec_create(&s->e, j->g, &o));
    WHET_TRY(whet_exec_plan(s->e, j->n, j->shapes, &s->p));
    fill_inputs(s->p);
    return whet_plan_run(s->p);
}

static whet_status drop_what_differs(const job *j, const survey *v)
{
    whet_status status = WHET_OK;
    whet_team *pair = NULL;
    subject one = {0}, many = {0};
    bool any = false;
    for (size_t k = 0; k < v->n; k++) any |= v->items[k].row != NULL && v->items[k].provider == WHET_PROVIDER_ONEDNN;
    if (!any) return WHET_OK;
    if (j->opt->team == NULL || whet_team_size(j->opt->team) < 2) WHET_GOTO(whet_team_create(&pair, 2));
    WHET_GOTO(run_chosen(j, &one, NULL));
    WHET_GOTO(run_chosen(j, &many, pair != NULL ? pair : j->opt->team));
    if (same_results(&one, &many)) goto done;
    for (size_t k = 0; k < v->n; k++) {
        tuned *x = whet_tuning_find_(j->t, v->items[k].key);
        if (v->items[k].row == NULL || v->items[k].provider != WHET_PROVIDER_ONEDNN || x == NULL) continue;
        char *row = whet_strdup(x->first), *rival = whet_strdup("");
        if (row == NULL || rival == NULL) {
            whet_free(row);
            whet_free(rival);
            WHET_GOTO(WHET_ENOMEM);
        }
        whet_free(x->row);
        whet_free(x->rival);
        x->row = row, x->rival = rival, x->gain = 1;
    }
done:
    subject_dispose(&one);
    subject_dispose(&many);
    whet_team_free(pair);
    return status;
}

whet_status whet_tuning_graph(whet_tuning *t, const whet_graph *g, const whet_exec_options *opt, int n_inputs,
                              const whet_shape *shapes, bool measure)
{
    const uint64_t from = whet_now_ns();
    const job j = {t, g, opt, n_inputs, shapes};
    whet_status status = WHET_OK;
    subject first = {0};
    survey v = {0};
    WHET_GOTO(subject_make(&first, g, opt, NULL, n_inputs, shapes));
    WHET_GOTO(find_products(t, first.p, &v));
    if (!measure || v.n == 0) goto done;
    WHET_GOTO(try_rows(&j, &v, &first));
    WHET_GOTO(keep(t, &v));
    subject_dispose(&first);
    WHET_GOTO(drop_what_differs(&j, &v));
    t->seconds += (double)(whet_now_ns() - from) / 1e9;
done:
    subject_dispose(&first);
    survey_dispose(&v);
    return status;
}
