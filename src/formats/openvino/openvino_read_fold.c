/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on small integer constants, done while reading: models compute shapes and expand's -1 with it, further than the
 * graph's inference follows (which knows sizes, and so no negative numbers). */
#include "formats/openvino/openvino_readers.h"

enum { MAX_FOLD = 256 };

static int64_t wrap(uint64_t x) { return (int64_t)x; }
static int64_t f_add(int64_t a, int64_t b) { return wrap((uint64_t)a + (uint64_t)b); }
static int64_t f_sub(int64_t a, int64_t b) { return wrap((uint64_t)a - (uint64_t)b); }
static int64_t f_mul(int64_t a, int64_t b) { return wrap((uint64_t)a * (uint64_t)b); }
static int64_t f_max(int64_t a, int64_t b) { return WHET_MAX(a, b); }
static int64_t f_min(int64_t a, int64_t b) { return WHET_MIN(a, b); }
static int64_t f_equal(int64_t a, int64_t b) { return a == b; }
static int64_t f_not_equal(int64_t a, int64_t b) { return a != b; }
static int64_t f_less(int64_t a, int64_t b) { return a < b; }
static int64_t f_greater(int64_t a, int64_t b) { return a > b; }
static int64_t f_and(int64_t a, int64_t b) { return a && b; }
static int64_t f_or(int64_t a, int64_t b) { return a || b; }

static const struct folding { const char *type; int64_t (*fn)(int64_t, int64_t); bool test; } foldings[] = {
    {"Add", f_add, false}, {"Subtract", f_sub, false}, {"Multiply", f_mul, false}, {"Maximum", f_max, false}, {"Minimum", f_min, false},
    {"Equal", f_equal, true}, {"NotEqual", f_not_equal, true}, {"Less", f_less, true}, {"Greater", f_greater, true},
    {"LogicalAnd", f_and, true}, {"LogicalOr", f_or, true}};

static bool small(const whet_tensor *t)
{
    return t && (whet_dtype_is_int(t->dtype) || t->dtype == WHET_BOOL) && whet_tensor_numel(t) <= MAX_FOLD && t->shape.rank <= 1;
}

/* Lists and scalars: one length, or 1. */
static int64_t element(const whet_tensor *t, int64_t i) { return whet_tensor_get_s64(t, whet_tensor_numel(t) == 1 ? 0 : i); }

static bool common_shape(int n, const whet_tensor *const *t, whet_shape *s)
{
    *s = (whet_shape){.rank = 0};
    for (int i = 0; i < n; i++) {
        if (!small(t[i])) return false;
        s->rank = WHET_MAX(s->rank, t[i]->shape.rank);
    }
    int64_t len = 1;
    for (int i = 0; i < n; i++) {
        const int64_t k = whet_tensor_numel(t[i]);
        if (k != 1 && len != 1 && k != len) return false;
        if (k != 1) len = k;
    }
    if (s->rank) s->dims[0] = len;
    return true;
}

static bool make(ov_work *w, whet_dtype t, const whet_shape *s, whet_tensor *out)
{
    whet_tensor_init(out);
    w->status = ov_budget(w->r, (size_t)whet_shape_numel(s) * 8);
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(out, t, s);
    return w->status == WHET_OK;
}

static bool fold_select(ov_work *w)
{
    const whet_tensor *t[3] = {ov_const(w, 0), ov_const(w, 1), ov_const(w, 2)};
    whet_shape s;
    whet_tensor out;
    if (!common_shape(3, t, &s) || t[1]->dtype != t[2]->dtype || t[0]->dtype != WHET_BOOL) return false;
    ov_must_be(w, "auto_broadcast", "numpy");
    if (w->status != WHET_OK || !make(w, t[1]->dtype, &s, &out)) return true;
    for (int64_t i = 0; i < whet_shape_numel(&s); i++) whet_tensor_set_s64(&out, i, element(element(t[0], i) ? t[1] : t[2], i));
    ov_out_const(w, 0, &out, NULL);
    return true;
}

/* One number as a list of the length that is asked for. */
static bool fold_broadcast(ov_work *w)
{
    const whet_tensor *x = ov_const(w, 0);
    int64_t n = 0;
    int count = 0;
    whet_tensor out;
    if (!small(x) || whet_tensor_numel(x) != 1 || !ov_ints(w, 1, &count, &n, 1) || count != 1 || n < 0 || n > MAX_FOLD || ov_has(w, 2)) return false;
    const whet_shape s = WHET_SHAPE(n);
    ov_must_be(w, "mode", "numpy bidirectional");
    if (w->status != WHET_OK || !make(w, x->dtype, &s, &out)) return true;
    for (int64_t i = 0; i < n; i++) whet_tensor_set_s64(&out, i, whet_tensor_get_s64(x, 0));
    ov_out_const(w, 0, &out, NULL);
    return true;
}

bool ov_fold(ov_work *w)
{
    const whet_tensor *t[2] = {ov_const(w, 0), ov_const(w, 1)};
    whet_shape s;
    whet_tensor out;
    if (w->l->n_out != 1) return false;
    if (strcmp(w->l->type, "Select") == 0) return fold_select(w);
    if (strcmp(w->l->type, "Broadcast") == 0) return fold_broadcast(w);
    for (size_t i = 0; i < WHET_COUNT(foldings); i++) {
        const struct folding *f = &foldings[i];
        if (strcmp(w->l->type, f->type) != 0 || !common_shape(2, t, &s) || t[0]->dtype != t[1]->dtype) continue;
        ov_must_be(w, "auto_broadcast", "numpy");
        if (w->status != WHET_OK || !make(w, f->test ? WHET_BOOL : t[0]->dtype, &s, &out)) return true;
        for (int64_t k = 0; k < whet_shape_numel(&s); k++) whet_tensor_set_s64(&out, k, f->fn(element(t[0], k), element(t[1], k)));
        ov_out_const(w, 0, &out, NULL);
        return true;
    }
    return false;
}

void ov_keep_known(ov_work *w)
{
    for (int o = 0; o < w->l->n_out && w->status == WHET_OK; o++) {
        ov_port *p = &w->l->out[o];
        const whet_value *v = p->v >= 0 ? &w->g->values[p->v] : NULL;
        whet_shape s;
        whet_tensor t;
        if (!v || p->is_const || v->n_known < 0 || !whet_dtype_is_int(v->dtype) || !whet_dims_concrete(&v->dims, &s)) continue;
        bool all = whet_shape_numel(&s) == v->n_known;
        for (int i = 0; i < v->n_known; i++) all = all && v->known[i] >= 0;
        if (!all || !make(w, v->dtype, &s, &t)) continue;
        for (int i = 0; i < v->n_known; i++) whet_tensor_set_s64(&t, i, v->known[i]);
        ov_out_const(w, o, &t, NULL);
    }
}
