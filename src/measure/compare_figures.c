/* SPDX-License-Identifier: Apache-2.0 */
/* One pair of rows, figure by figure. Speed: bootstrap of the raw samples over processes and blocks. Accuracy: paired where
 * both rows say which of the same pictures they got right, else from the two intervals. Size is exact. Memory is one
 * measurement a side, so its band has a floor. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "measure/compare.h"
#include "wire/json.h"

/* Peak memory of the same program moves by this much from run to run: pages of the allocator, of the loader. */
static const double memory_floor = 1e6;

/* --- speed */
const char whet_other_rate[] = "another rate of arrivals";

typedef struct side { int n; whet_block *blocks; double *ms; } side;

static void dispose(side *s)
{
    whet_free(s->blocks);
    whet_free(s->ms);
}

static whet_scenario scenario_of(const json_t *row)
{
    whet_scenario s = WHET_SCENARIO_SINGLE;
    if (whet_scenario_parse(&s, whet_json_str(row, "scenario")) != WHET_OK) whet_error_clear(); /* a document of before there were any */
    return s;
}

/* Throughput: a block is one number, the wall time of a sample. */
static bool by_rate(const json_t *row)
{
    const whet_scenario s = scenario_of(row);
    const json_t *first = json_array_get(json_object_get(row, "samples"), 0);
    return (s == WHET_SCENARIO_MULTI || s == WHET_SCENARIO_OFFLINE) && json_is_number(json_object_get(first, "wall_ns"));
}

static whet_status take_times(side *s, whet_block *b, const json_t *o, bool rate, const char *row)
{
    const json_t *ns = json_object_get(o, "ns");
    b->n = rate ? 1 : json_array_size(ns);
    for (size_t k = 0; k < b->n; k++) {
        const double x = rate ? whet_json_real(o, "wall_ns") / fmax(whet_json_real(o, "samples"), 1) / 1e6 : json_number_value(json_array_get(ns, k)) / 1e6;
        if (!(x > 0) || !isfinite(x)) return WHET_FAIL(WHET_EFORMAT, "row '%s' has a sample that is no time", row);
        s->ms[(size_t)(b->x - s->ms) + k] = x;
    }
    return WHET_OK;
}

/* Rounds of the two sides are numbered apart, so that they never count as pairs. */
static whet_status read_side(side *s, const json_t *row, bool rate, int offset)
{
    const json_t *list = json_object_get(row, "samples");
    const size_t n = json_array_size(list);
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++) total += json_array_size(json_object_get(json_array_get(list, i), "ns")) + 1;
    s->blocks = whet_calloc(n + 1, sizeof *s->blocks);
    s->ms = whet_calloc(total + 1, sizeof *s->ms);
    if (s->blocks == NULL || s->ms == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        whet_block *b = &s->blocks[s->n++];
        *b = (whet_block){.round = (int)(json_integer_value(json_object_get(o, "round")) % offset) + offset,
                          .block = (int)json_integer_value(json_object_get(o, "block")), .x = s->ms + at};
        WHET_TRY(take_times(s, b, o, rate, whet_json_str(row, "id")));
        at += b->n;
    }
    return WHET_OK;
}

static size_t count_samples(const json_t *row)
{
    const json_t *list = json_object_get(row, "samples");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) n += json_array_size(json_object_get(json_array_get(list, i), "ns"));
    return n;
}

/* Arrivals that a row did not begin in its time: the slowest of its latencies are not there. */
static int64_t undone(const json_t *row)
{
    const json_t *load = json_object_get(row, "load");
    const json_int_t n = json_integer_value(json_object_get(load, "planned")) - json_integer_value(json_object_get(load, "queries"));
    return n > 0 ? n : 0;
}

/* Latencies at 30 and at 300 arrivals a second are figures of two loads. */
static bool other_load(const json_t *a, const json_t *b)
{
    return whet_scenario_open(scenario_of(a)) && whet_json_real(json_object_get(a, "load"), "rate") != whet_json_real(json_object_get(b, "load"), "rate");
}

whet_status whet_pair_speed(whet_pair *p, uint64_t seed)
{
    enum { APART = 1 << 20 };
    side base = {0}, now = {0};
    whet_status status = WHET_OK;
    const bool timed = json_is_object(json_object_get(p->base, "latency")) && json_is_object(json_object_get(p->now, "latency"));
    const size_t n_now = count_samples(p->now), n_base = count_samples(p->base);
    p->why = !timed ? "not timed on both sides" : n_now == 0 || n_base == 0 ? "no raw samples on both sides" : other_load(p->now, p->base) ? whet_other_rate : NULL;
    p->has_ratio = p->why == NULL;
    if (!p->has_ratio) return WHET_OK;
    p->rate = by_rate(p->now) && by_rate(p->base);
    whet_scenario_judged(&p->by, p->rate || whet_scenario_open(scenario_of(p->now)) ? scenario_of(p->now) : WHET_SCENARIO_SINGLE, WHET_MIN(n_now, n_base),
                         WHET_MAX(undone(p->now), undone(p->base)));
    WHET_GOTO(read_side(&now, p->now, p->rate, APART));
    WHET_GOTO(read_side(&base, p->base, p->rate, 2 * APART));
    WHET_GOTO(whet_boot_ratio_at(now.blocks, now.n, base.blocks, base.n, p->by.p, seed, &p->ratio));
done:
    dispose(&base);
    dispose(&now);
    return status;
}

json_t *whet_pair_time(const whet_pair *p, const json_t *row)
{
    const double per_s = whet_json_real(row, "img_per_s");
    json_t *t = json_object_get(json_object_get(row, "latency"), p->by.p > 0.5 ? p->by.figure : "p50");
    if (p->rate) return per_s > 0 ? json_real(1e3 / per_s) : NULL;
    return t != NULL ? json_incref(t) : NULL;
}

static json_t *speed(const whet_pair *p, const whet_gate *g, const char **na)
{
    const whet_ratio *r = &p->ratio;
    (void)g;
    if (!p->has_ratio) {
        *na = p->why;
        return json_null();
    }
    return json_pack("{ss, ss, so?, so?, sf, sf, sf, sf, ss, ss}", "unit", p->rate ? "ms a picture, wall time" : "ms", "figure", p->by.figure, "base",
                          whet_pair_time(p, p->base), "now", whet_pair_time(p, p->now), "ratio", r->ratio, "low", r->low, "high", r->high, "p_holm", r->p_holm,
                          "verdict", whet_verdict_name(r->verdict), "how", "bootstrap over processes and blocks");
}

/* --- accuracy */
whet_interval whet_difference_apart(whet_interval base, whet_interval now)
{
    const double d = now.value - base.value;
    const double down = sqrt((now.value - now.low) * (now.value - now.low) + (base.high - base.value) * (base.high - base.value));
    const double up = sqrt((now.high - now.value) * (now.high - now.value) + (base.value - base.low) * (base.value - base.low));
    return (whet_interval){d, d - down, d + up};
}

whet_interval whet_difference_paired(int64_t fixed, int64_t broken, int64_t n)
{
    const double c = (double)fixed + 0.5, b = (double)broken + 0.5, all = (double)n + 2;
    const double d = (c - b) / all, se = sqrt(fmax(0, (b + c) - (c - b) * (c - b) / all)) / all, z = whet_normal_quantile(0.975);
    return (whet_interval){(double)(fixed - broken) / (double)n, d - z * se, d + z * se};
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool whet_pair_flips(const json_t *base, const json_t *now, int64_t *fixed, int64_t *broken, int64_t *n)
{
    const json_t *e = json_object_get(base, "eval"), *f = json_object_get(now, "eval"), *a = json_object_get(e, "hits"), *b = json_object_get(f, "hits");
    const char *x = whet_json_str(a, "right"), *y = whet_json_str(b, "right"), *split = whet_json_str(e, "split_sha256");
    if (split[0] == '\0' || strcmp(split, whet_json_str(f, "split_sha256")) != 0) return false;
    if (x[0] == '\0' || strlen(x) != strlen(y) || !json_equal(json_object_get(a, "pictures"), json_object_get(b, "pictures"))) return false;
    if (!json_equal(json_object_get(a, "n"), json_object_get(b, "n"))) return false;
    *n = json_integer_value(json_object_get(a, "n"));
    *fixed = *broken = 0;
    for (; *x != '\0'; x++, y++) {
        const int p = hex_digit(*x), q = hex_digit(*y);
        if (p < 0 || q < 0) return false;
        *fixed += __builtin_popcount((unsigned)(q & ~p));
        *broken += __builtin_popcount((unsigned)(p & ~q));
    }
    return *n > 0;
}

static whet_interval interval_of(const json_t *a)
{
    const double v = whet_json_real(a, "value");
    const json_t *low = json_object_get(a, "low"), *high = json_object_get(a, "high");
    return (whet_interval){v, json_is_number(low) ? json_number_value(low) : v, json_is_number(high) ? json_number_value(high) : v};
}

/* More is better. */
static const char *judge_gain(const whet_interval *d, double band)
{
    if (d->low >= -band && d->high <= band) return whet_verdict_name(WHET_SAME);
    if (d->low > 0) return whet_verdict_name(WHET_BETTER);
    return whet_verdict_name(d->high < 0 ? WHET_WORSE : WHET_CANNOT_TELL);
}

static json_t *accuracy(const whet_pair *p, const whet_gate *g, const char **na)
{
    const json_t *a = json_object_get(p->base, "accuracy"), *b = json_object_get(p->now, "accuracy");
    int64_t fixed = 0, broken = 0, n = 0;
    char how[160];
    if (!json_is_number(json_object_get(a, "value")) || !json_is_number(json_object_get(b, "value"))) {
        *na = "not measured on both sides";
        return json_null();
    }
    static const char *const keys[] = {"metric", "data", "split"};
    for (size_t i = 0; i < WHET_COUNT(keys); i++)
        if (strcmp(whet_json_str(a, keys[i]), whet_json_str(b, keys[i])) != 0) {
            *na = "another metric, data set or split";
            return json_null();
        }
    whet_interval d = whet_difference_apart(interval_of(a), interval_of(b));
    const bool paired = whet_pair_flips(p->base, p->now, &fixed, &broken, &n);
    if (paired) {
        d = whet_difference_paired(fixed, broken, n);
        snprintf(how, sizeof how, "paired over %lld pictures: %lld only the base got right, %lld only the new one", (long long)n, (long long)broken,
                 (long long)fixed);
    } else {
        snprintf(how, sizeof how, "from the two intervals (the pictures are not known to be the same)");
    }
    const double band = g->points ? g->band : g->band * whet_json_real(a, "value");
    json_t *o = json_pack("{ss, sO, sO, sf, sf, sf, sb, ss, ss}", "metric", whet_json_str(a, "metric"), "base", json_object_get(a, "value"), "now",
                          json_object_get(b, "value"), "difference", d.value, "low", d.low, "high", d.high, "paired", paired, "verdict",
                          paired && fixed == 0 && broken == 0 ? whet_verdict_name(WHET_SAME) : judge_gain(&d, band), "how", how);
    if (paired) {
        json_object_set_new(o, "fixed", json_integer(fixed));
        json_object_set_new(o, "broken", json_integer(broken));
    }
    return o;
}

/* --- size, memory: less is better, no interval */
static json_t *bytes(double base, double now, double band, double floor, const char *how)
{
    const double ratio = base > 0 ? now / base : 1, change = now - base;
    const whet_verdict v = fabs(change) <= fmax(band * base, floor) ? WHET_SAME : change < 0 ? WHET_BETTER : WHET_WORSE;
    return json_pack("{ss, sf, sf, sf, ss, ss}", "unit", "bytes", "base", base, "now", now, "ratio", ratio, "verdict", whet_verdict_name(v), "how", how);
}

static json_t *size(const whet_pair *p, const whet_gate *g, const char **na)
{
    const double a = whet_json_real(p->base, "size_bytes"), b = whet_json_real(p->now, "size_bytes");
    if (a > 0 && b > 0) return bytes(a, b, g->band, 0, "exact: all files of the model");
    *na = "not known on both sides";
    return json_null();
}

static json_t *memory(const whet_pair *p, const whet_gate *g, const char **na)
{
    const json_t *a = json_object_get(json_object_get(p->base, "memory"), "delta_bytes"), *b = json_object_get(json_object_get(p->now, "memory"), "delta_bytes");
    if (json_is_number(a) && json_is_number(b))
        return bytes(fmax(0, json_number_value(a)), fmax(0, json_number_value(b)), g->band, memory_floor,
                     "peak over the empty worker, one run a side; under 1 MB is noise");
    *na = "not measured on both sides";
    return json_null();
}

json_t *whet_pair_figure(const whet_pair *p, whet_figure f, const whet_gate *g, const char **na)
{
    static json_t *(*const figures[WHET_FIGURES])(const whet_pair *, const whet_gate *, const char **) = {speed, accuracy, size, memory};
    *na = NULL;
    return figures[f](p, g, na);
}
