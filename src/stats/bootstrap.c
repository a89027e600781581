/* SPDX-License-Identifier: Apache-2.0 */
/* Hierarchical bootstrap of medians and of their ratio (Davison & Hinkley 1997, section 3.8: resample the upper level, then
 * the lower within it).
 *
 * A replicate gives each block a weight; the weighted median is found by walking samples that were sorted once with the
 * number of their block, in strides: of each stride it is known how many samples of which block it holds. Long series are
 * thinned evenly within each block first: the median of 20,000 is as good. */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stats/stats.h"

enum { REPLICATES = 2000, MAX_SAMPLES = 20000, MAX_BLOCKS = 4096 };

typedef struct tagged { double x; int slot; } tagged;

typedef struct series { /* one side */
    size_t n, stride, n_strides;
    tagged *v; /* sorted */
    int n_slots;
    int *held; /* [n_strides][n_slots] samples of a block within a stride */
} series;

typedef struct design { /* what is resampled: slots grouped by round */
    int n_slots, n_rounds;
    int *round;  /* of a slot, 0 .. n_rounds-1 */
    int *first;  /* per round, into order */
    int *order;  /* slots by round */
    double *weight;
} design;

static int by_value(const void *a, const void *b)
{
    const tagged *s = a, *t = b;
    return (s->x > t->x) - (s->x < t->x);
}

static void dispose(design *d)
{
    whet_free(d->round);
    whet_free(d->first);
    whet_free(d->order);
    whet_free(d->weight);
}

/* Rounds are numbered in order of appearance. */
static whet_status make_design(design *d, const whet_block *b, int n)
{
    d->n_slots = n;
    d->round = whet_calloc((size_t)n, sizeof(int));
    d->first = whet_calloc((size_t)n + 1, sizeof(int));
    d->order = whet_calloc((size_t)n, sizeof(int));
    d->weight = whet_calloc((size_t)n, sizeof(double));
    if (d->round == NULL || d->first == NULL || d->order == NULL || d->weight == NULL) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) {
        int j = 0;
        while (j < i && b[j].round != b[i].round) j++;
        d->round[i] = j < i ? d->round[j] : d->n_rounds++;
    }
    int at = 0;
    for (int r = 0; r < d->n_rounds; r++) {
        d->first[r] = at;
        for (int i = 0; i < n; i++)
            if (d->round[i] == r) d->order[at++] = i;
    }
    d->first[d->n_rounds] = at;
    return WHET_OK;
}

static void resample(design *d, whet_rng *rng)
{
    for (int i = 0; i < d->n_slots; i++) d->weight[i] = 0;
    for (int k = 0; k < d->n_rounds; k++) {
        int r = (int)whet_rng_below(rng, (uint32_t)d->n_rounds), size = d->first[r + 1] - d->first[r];
        for (int j = 0; j < size; j++) d->weight[d->order[d->first[r] + (int)whet_rng_below(rng, (uint32_t)size)]] += 1;
    }
}

static void dispose_series(series *s)
{
    whet_free(s->v);
    whet_free(s->held);
}

static whet_status make_series(series *s, const whet_block *b, int n)
{
    size_t total = 0, step = 1;
    for (int i = 0; i < n; i++) total += b[i].n;
    if (total == 0) return WHET_FAIL(WHET_EINVAL, "no samples to judge");
    step = (total + MAX_SAMPLES - 1) / MAX_SAMPLES;
    s->v = whet_calloc(total, sizeof *s->v);
    if (s->v == NULL) return WHET_ENOMEM;
    for (int i = 0; i < n; i++)
        for (size_t j = 0; j < b[i].n; j += step) s->v[s->n++] = (tagged){b[i].x[j], i};
    qsort(s->v, s->n, sizeof *s->v, by_value);
    s->n_slots = n;
    s->stride = (size_t)WHET_MAX(4 * n, 256);
    s->n_strides = (s->n + s->stride - 1) / s->stride;
    s->held = whet_calloc(s->n_strides * (size_t)n, sizeof *s->held);
    if (s->held == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < s->n; i++) s->held[i / s->stride * (size_t)n + (size_t)s->v[i].slot]++;
    return WHET_OK;
}

static double weight_of(const series *s, size_t stride, const double *weight)
{
    const int *held = s->held + stride * (size_t)s->n_slots;
    double sum = 0;
    for (int i = 0; i < s->n_slots; i++) sum += held[i] * (weight != NULL ? weight[i] : 1);
    return sum;
}

/* Nearest rank under weights, which are whole numbers, so that their sums are exact; NULL: each sample counts once. */
static double percentile_of(const series *s, const double *weight, double p)
{
    double total = 0, seen = 0;
    size_t k = 0;
    for (size_t i = 0; i < s->n_strides; i++) total += weight_of(s, i, weight);
    for (; k < s->n_strides; k++) {
        const double more = weight_of(s, k, weight);
        if (seen + more >= total * p - 1e-9 && seen + more > 0) break;
        seen += more;
    }
    for (size_t i = k * s->stride; i < s->n; i++) {
        seen += weight != NULL ? weight[s->v[i].slot] : 1;
        if (seen >= total * p - 1e-9 && seen > 0) return s->v[i].x;
    }
    return s->v[s->n - 1].x;
}

static void ends(double *sorted, int n, double confidence, double *low, double *high)
{
    const double tail = (1 - confidence) / 2;
    whet_sort_doubles(sorted, (size_t)n);
    *low = whet_percentile(sorted, (size_t)n, tail);
    *high = whet_percentile(sorted, (size_t)n, 1 - tail);
}

/* Resampling n processes gives (n - 1) / n of the variance between them: with three, intervals would be a fifth too narrow. */
static double widening(const design *a, const design *b)
{
    const int rounds = WHET_MIN(a->n_rounds, b->n_rounds), n = rounds > 1 ? rounds : WHET_MIN(a->n_slots, b->n_slots);
    return n > 1 ? sqrt((double)n / (n - 1)) : 1;
}

whet_status whet_boot_median(const whet_block *b, int n, double confidence, uint64_t seed, whet_interval *out)
{
    whet_status status = WHET_OK;
    design d = {0};
    series s = {0};
    double *m = whet_calloc(REPLICATES, sizeof *m);
    whet_rng rng = whet_rng_at(seed, 1);
    if (n <= 0 || n > MAX_BLOCKS) {
        status = WHET_FAIL(WHET_EINVAL, "%d blocks to judge; 1 to %d are possible", n, MAX_BLOCKS);
        goto done;
    }
    if (m == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(make_design(&d, b, n));
    WHET_GOTO(make_series(&s, b, n));
    out->value = percentile_of(&s, NULL, 0.5);
    for (int i = 0; i < REPLICATES; i++) {
        resample(&d, &rng);
        m[i] = percentile_of(&s, d.weight, 0.5);
    }
    const double wide = widening(&d, &d);
    for (int i = 0; i < REPLICATES && out->value > 0; i++) m[i] = m[i] > 0 ? out->value * pow(m[i] / out->value, wide) : m[i];
    ends(m, REPLICATES, confidence, &out->low, &out->high);
done:
    dispose(&d);
    dispose_series(&s);
    whet_free(m);
    return status;
}

/* True if both sides have the same (round, block) sequence, so that one set of weights serves both. */
static bool paired(const whet_block *a, int n_a, const whet_block *b, int n_b)
{
    if (n_a != n_b) return false;
    for (int i = 0; i < n_a; i++)
        if (a[i].round != b[i].round || a[i].block != b[i].block) return false;
    return true;
}

static double two_sided(const double *ratio, int n)
{
    int below = 0, above = 0;
    for (int i = 0; i < n; i++) {
        below += ratio[i] <= 1;
        above += ratio[i] >= 1;
    }
    const double p = 2.0 * (WHET_MIN(below, above) + 1) / (n + 1);
    return p < 1 ? p : 1;
}

whet_status whet_boot_ratio_at(const whet_block *a, int n_a, const whet_block *b, int n_b, double p, uint64_t seed, whet_ratio *out)
{
    whet_status status = WHET_OK;
    design da = {0}, db = {0};
    series sa = {0}, sb = {0};
    double *r = whet_calloc(REPLICATES, sizeof *r);
    whet_rng rng = whet_rng_at(seed, 2);
    const bool together = paired(a, n_a, b, n_b);
    memset(out, 0, sizeof *out);
    out->verdict = WHET_CANNOT_TELL;
    if (n_a <= 0 || n_b <= 0 || n_a > MAX_BLOCKS || n_b > MAX_BLOCKS) {
        status = WHET_FAIL(WHET_EINVAL, "%d and %d blocks to compare; 1 to %d are possible", n_a, n_b, MAX_BLOCKS);
        goto done;
    }
    if (r == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(make_design(&da, a, n_a));
    WHET_GOTO(make_design(&db, b, n_b));
    WHET_GOTO(make_series(&sa, a, n_a));
    WHET_GOTO(make_series(&sb, b, n_b));
    out->ratio = percentile_of(&sa, NULL, p) / percentile_of(&sb, NULL, p);
    for (int i = 0; i < REPLICATES; i++) {
        resample(&da, &rng);
        if (!together) resample(&db, &rng);
        r[i] = percentile_of(&sa, da.weight, p) / percentile_of(&sb, together ? da.weight : db.weight, p);
    }
    const double wide = widening(&da, &db);
    for (int i = 0; i < REPLICATES; i++) r[i] = out->ratio * pow(r[i] / out->ratio, wide);
    out->p = out->p_holm = two_sided(r, REPLICATES);
    ends(r, REPLICATES, 0.95, &out->low, &out->high);
done:
    dispose(&da);
    dispose(&db);
    dispose_series(&sa);
    dispose_series(&sb);
    whet_free(r);
    return status;
}

whet_status whet_boot_ratio(const whet_block *a, int n_a, const whet_block *b, int n_b, uint64_t seed, whet_ratio *out)
{
    return whet_boot_ratio_at(a, n_a, b, n_b, 0.5, seed, out);
}

whet_status whet_boot_items(int n, whet_boot_fn fn, void *arg, double confidence, uint64_t seed, int replicates, whet_interval *out)
{
    whet_status status = WHET_OK;
    uint32_t *index = whet_calloc((size_t)WHET_MAX(n, 1), sizeof *index);
    double *f = whet_calloc((size_t)WHET_MAX(replicates, 1), sizeof *f);
    whet_rng rng = whet_rng_at(seed, 3);
    if (n <= 0 || replicates < 1) {
        status = WHET_FAIL(WHET_EINVAL, "nothing to resample");
        goto done;
    }
    if (index == NULL || f == NULL) WHET_GOTO(WHET_ENOMEM);
    for (int i = 0; i < n; i++) index[i] = (uint32_t)i;
    out->value = fn(arg, index, n);
    for (int k = 0; k < replicates; k++) {
        for (int i = 0; i < n; i++) index[i] = whet_rng_below(&rng, (uint32_t)n);
        f[k] = fn(arg, index, n);
    }
    ends(f, replicates, confidence, &out->low, &out->high);
done:
    whet_free(index);
    whet_free(f);
    return status;
}
