/* SPDX-License-Identifier: Apache-2.0 */
/* The parity gate. Differences are taken in double; a NaN or an infinity equals only its like. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/parity.h"
#include "measure/relay.h"

typedef struct key { const char *name; size_t has, value; bool integer; } key;

static const key keys[] = {
    {"max", offsetof(whet_accept, has_max), offsetof(whet_accept, max), false},
    {"atol", offsetof(whet_accept, has_atol), offsetof(whet_accept, atol), false},
    {"rtol", offsetof(whet_accept, has_rtol), offsetof(whet_accept, rtol), false},
    {"cosine", offsetof(whet_accept, has_cosine), offsetof(whet_accept, cosine), false},
    {"lsb", offsetof(whet_accept, has_lsb), offsetof(whet_accept, lsb), true},
};

static whet_status set_key(whet_accept *a, const char *name, size_t n, const char *value)
{
    char *end = NULL;
    const double x = strtod(value, &end);
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        if (strlen(keys[i].name) != n || strncmp(keys[i].name, name, n) != 0) continue;
        if (end == value || (*end != '\0' && *end != ',') || !(x >= 0) || (keys[i].integer && (x != floor(x) || x > 1e6)))
            return WHET_FAIL(WHET_EINVAL, "'%s' needs a number from 0, not '%.*s'", keys[i].name, (int)strcspn(value, ","), value);
        if (*(bool *)((char *)a + keys[i].has)) return WHET_FAIL(WHET_EINVAL, "the acceptance key '%s' is given twice, give it one bound", keys[i].name);
        *(bool *)((char *)a + keys[i].has) = true;
        if (keys[i].integer)
            *(int *)((char *)a + keys[i].value) = (int)x;
        else
            *(double *)((char *)a + keys[i].value) = x;
        return WHET_OK;
    }
    return WHET_FAIL(WHET_EINVAL, "'%.*s' is no acceptance key; they are max, atol, rtol, cosine, lsb", (int)n, name);
}

whet_status whet_accept_parse(whet_accept *a, const char *text)
{
    memset(a, 0, sizeof *a);
    if (text[0] == '\0') return WHET_FAIL(WHET_EINVAL, "the acceptance is empty; write e.g. max=1e-4");
    for (const char *p = text; *p != '\0';) {
        const size_t n = strcspn(p, "=,");
        if (p[n] != '=') return WHET_FAIL(WHET_EINVAL, "'%.*s' is not of the form key=number", (int)n, p);
        WHET_TRY(set_key(a, p, n, p + n + 1));
        p += strcspn(p, ",");
        p += *p == ',';
    }
    return WHET_OK;
}

/* From the coarsest; a name belongs to the first whose word it has. docs/cli/verify.md says the same. */
static const struct { const char *word; whet_accept bounds; } defaults[] = {
    {"int8", {.has_cosine = true, .cosine = 0.998}},
    {"mixed", {.has_cosine = true, .cosine = 0.998}},
    {"f16", {.has_max = true, .max = 2e-2}}, /* bf16 too */
    {"fp16", {.has_max = true, .max = 2e-2}},
    {"", {.has_max = true, .max = 1e-4}}};

static size_t default_of(const char *precision)
{
    size_t i = 0;
    while (strstr(precision, defaults[i].word) == NULL) i++;
    return i;
}

void whet_accept_default(whet_accept *a, const char *precision)
{
    *a = defaults[default_of(precision)].bounds;
}

const char *whet_precision_coarser(const char *a, const char *b)
{
    return default_of(b) < default_of(a) ? b : a;
}

const char *whet_accept_text(const whet_accept *a, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        if (!*(const bool *)((const char *)a + keys[i].has)) continue;
        const void *v = (const char *)a + keys[i].value;
        const double x = keys[i].integer ? *(const int *)v : *(const double *)v;
        const int n = snprintf(buf + at, size - at, "%s%s=%g", at > 0 ? "," : "", keys[i].name, x);
        if (n < 0 || (size_t)n >= size - at) break;
        at += (size_t)n;
    }
    return buf;
}

void whet_parity_init(whet_parity *p)
{
    *p = (whet_parity){.ok = true, .cosine = 1, .snr_db = INFINITY};
}

/* --- one sample */
typedef struct sums {
    int64_t n, over_one, over_tolerance;
    double max_d, max_ref, dot, ref2, got2, d2;
    int64_t worst, nan_ref, nan_got, odd, first_odd; /* odd: not finite, and not its like */
} sums;

static double difference(double r, double g)
{
    if (r == g || (isnan(r) && isnan(g))) return 0;
    const double d = fabs(r - g);
    return isnan(d) ? INFINITY : d;
}

static double element(const whet_tensor *t, int64_t i)
{
    return t->dtype == WHET_F32 ? (double)((const float *)t->data)[i] : whet_tensor_get_f64(t, i);
}

static sums compare(const whet_accept *a, double zero, const whet_tensor *ref, const whet_tensor *got)
{
    sums s = {.n = whet_tensor_numel(ref)};
    for (int64_t i = 0; i < s.n; i++) {
        const double r = element(ref, i) - zero, g = element(got, i) - zero, d = difference(r, g);
        if (d > s.max_d) {
            s.max_d = d;
            s.worst = i;
        }
        if (isfinite(r) && fabs(r) > s.max_ref) s.max_ref = fabs(r);
        s.over_one += d > 1;
        if (!isfinite(d)) {
            if (s.odd++ == 0) s.first_odd = i;
            s.nan_ref += isnan(r);
            s.nan_got += isnan(g);
        }
        s.over_tolerance += !(d <= a->atol + a->rtol * fabs(r));
        if (!isfinite(r) || !isfinite(g)) continue;
        s.dot += r * g;
        s.ref2 += r * r;
        s.got2 += g * g;
        s.d2 += d * d;
    }
    return s;
}

/* `over`: times the bound. The worst is told; of one sample the first key that it breaks. */
static void disagree(whet_parity *p, double over, const char *fmt, ...) WHET_PRINTF(3, 4);
static void disagree(whet_parity *p, double over, const char *fmt, ...)
{
    va_list ap;
    const bool first = p->ok || (over > p->over && p->worst_sample != p->samples);
    p->ok = false;
    if (!first) return;
    va_start(ap, fmt);
    vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
    p->over = over;
    p->worst_sample = p->samples;
}

static double times(double x, double bound) { return bound > 0 ? x / bound : (double)INFINITY; }

static double cosine_of(const sums *s)
{
    if (s->odd > 0) return NAN;
    if (s->ref2 == 0 && s->got2 == 0) return 1;
    return s->ref2 > 0 && s->got2 > 0 ? s->dot / sqrt(s->ref2 * s->got2) : 0;
}

static void judge_lsb(whet_parity *p, const whet_accept *a, const sums *s, bool integers)
{
    const int64_t limit = s->n < 50 ? 1 : s->n / 50; /* 2 % */
    const double most = s->n < 50 ? 2 : a->lsb;
    if (!integers)
        disagree(p, INFINITY, "lsb judges integer outputs only");
    else if (s->max_d > most)
        disagree(p, times(s->max_d, most), "element %lld is %g steps off, at most %g are allowed", (long long)s->worst, s->max_d, most);
    else if (s->over_one > limit)
        disagree(p, times((double)s->over_one, (double)limit), "%lld of %lld elements are over 1 step off", (long long)s->over_one, (long long)s->n);
}

static void judge(whet_parity *p, const whet_accept *a, const sums *s, bool integers)
{
    const double cosine = cosine_of(s), relative = s->max_ref > 0 ? s->max_d / s->max_ref : (double)INFINITY;
    if (s->odd > 0) /* said once: the figures mean nothing then */
        disagree(p, INFINITY, "%s in the %s: %lld of %lld elements, the first is %lld", s->nan_got + s->nan_ref > 0 ? "NaN" : "infinity",
                 s->nan_ref > s->nan_got ? "reference" : "output", (long long)s->odd, (long long)s->n, (long long)s->first_odd);
    if (a->has_max && !(s->max_d <= a->max * s->max_ref))
        disagree(p, times(relative, a->max), "max %.3g (%.3g of max |reference| %.3g, at element %lld) is over %g", relative, s->max_d, s->max_ref,
                 (long long)s->worst, a->max);
    if ((a->has_atol || a->has_rtol) && s->over_tolerance > 0)
        disagree(p, 1 + (double)s->over_tolerance / (double)s->n, "%lld of %lld elements differ by over %g + %g x |reference|", (long long)s->over_tolerance, (long long)s->n,
                 a->atol, a->rtol);
    if (a->has_cosine && !(cosine >= a->cosine)) disagree(p, times(1 - cosine, 1 - a->cosine), "cosine %.6f is under %g", cosine, a->cosine);
    if (a->has_lsb) judge_lsb(p, a, s, integers);
}

/* Axis 1, or the last of maps with their channels last: the shorter side by far of pictures that are wider than it. */
static int class_axis(const whet_shape *s)
{
    const int64_t *d = s->dims;
    return s->rank == 4 && d[3] >= 2 && d[2] != d[3] && d[1] > d[3] && d[2] > d[3] ? 3 : 1;
}

static int64_t best_class(const whet_tensor *t, int64_t at, int64_t step, int64_t n)
{
    int64_t best = 0;
    for (int64_t c = 1; c < n; c++)
        if (element(t, at + c * step) > element(t, at + best * step)) best = c;
    return best;
}

/* Best class of every position; over maps also which positions each class has in both, and in either. */
static void count_top1(whet_parity *p, const whet_tensor *ref, const whet_tensor *got)
{
    const whet_shape *s = &ref->shape;
    const int axis = class_axis(s);
    if (s->rank < 2 || s->dims[axis] < 2) return;
    const int64_t classes = s->dims[axis];
    int64_t inner = 1, outer = 1;
    for (int d = 0; d < axis; d++) outer *= s->dims[d];
    for (int d = axis + 1; d < s->rank; d++) inner *= s->dims[d];
    const bool map = s->rank == 4 && s->dims[axis == 1 ? 2 : 1] > 1 && classes <= WHET_PARITY_CLASSES;
    for (int64_t n = 0; n < outer; n++)
        for (int64_t i = 0; i < inner; i++) {
            const int64_t at = n * classes * inner + i, r = best_class(ref, at, inner, classes), g = best_class(got, at, inner, classes);
            p->top1_same += r == g;
            p->top1_all++;
            if (!map) continue;
            p->both[r] += r == g;
            p->any[r]++;
            p->any[g] += r != g;
        }
}

double whet_parity_mask_iou(const whet_parity *p)
{
    double sum = 0;
    int n = 0;
    for (int c = 0; c < WHET_PARITY_CLASSES; c++) {
        if (p->any[c] == 0) continue;
        sum += (double)p->both[c] / (double)p->any[c];
        n++;
    }
    return n > 0 ? sum / n : (double)NAN;
}

/* The same picture with its channels in the other place is compared all the same. */
static bool add_turned(whet_parity *p, const whet_accept *a, const whet_tensor *ref, const whet_tensor *got)
{
    const int order = ref->dtype == got->dtype ? whet_relay_order(&ref->shape, &got->shape) : 0;
    whet_tensor t;
    whet_tensor_init(&t);
    if (order == 0 || whet_relay_tensor(&t, got, order == 1) != WHET_OK) return false;
    whet_parity_add(p, a, ref, &t);
    whet_tensor_dispose(&t);
    return true;
}

void whet_parity_add(whet_parity *p, const whet_accept *a, const whet_tensor *ref, const whet_tensor *got)
{
    char x[64], y[64];
    if (add_turned(p, a, ref, got)) return;
    p->samples++;
    if (ref->dtype != got->dtype || !whet_shape_equal(&ref->shape, &got->shape)) {
        disagree(p, INFINITY, "the reference is %s %s, the output %s %s", whet_dtype_name(ref->dtype), whet_shape_text(&ref->shape, x, sizeof x),
                 whet_dtype_name(got->dtype), whet_shape_text(&got->shape, y, sizeof y));
        p->max = p->max_abs = INFINITY;
        p->cosine = 0;
        return;
    }
    const bool bytes = ref->dtype == WHET_U8 || ref->dtype == WHET_S8;
    const sums s = compare(a, bytes ? p->zero : 0, ref, got);
    judge(p, a, &s, !whet_dtype_is_float(ref->dtype));
    p->max_abs = fmax(p->max_abs, s.max_d);
    if (s.max_d > 0) p->max = fmax(p->max, s.max_ref > 0 ? s.max_d / s.max_ref : INFINITY);
    p->cosine = isnan(p->cosine) || s.odd > 0 ? NAN : fmin(p->cosine, cosine_of(&s));
    if (s.d2 > 0) p->snr_db = fmin(p->snr_db, 10 * log10(s.ref2 / s.d2));
    count_top1(p, ref, got);
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *whet_parity_json(const whet_parity *p, const char *name)
{
    json_t *o = json_pack("{ss, sb, so, so, so, so}", "name", name, "ok", p->ok, "max", number(p->max), "max_abs", number(p->max_abs),
                          "cosine", number(p->cosine), "snr_db", number(p->snr_db));
    json_object_set_new(o, "top1", p->top1_all > 0 ? json_real((double)p->top1_same / (double)p->top1_all) : json_null());
    const double iou = whet_parity_mask_iou(p);
    if (isfinite(iou)) json_object_set_new(o, "mask_iou", json_real(iou));
    json_object_set_new(o, "why", json_string(p->why));
    return o;
}
