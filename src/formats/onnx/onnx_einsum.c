/* SPDX-License-Identifier: Apache-2.0 */
/* Einsum of one or two operands as sums, transposes, reshapes and one matrix product. Labels fall into four kinds: in both
 * operands and the result (batch), in both alone (summed by the product), and in one operand, kept or summed before. An
 * ellipsis stands for labels of its own. A label twice in one operand (a diagonal) is refused. */
#include <ctype.h>
#include <stdio.h>

#include "formats/onnx/onnx_expand.h"
#include "formats/onnx/onnx_upgrade.h"

typedef struct term {
    int n;
    char label[WHET_MAX_RANK + 1]; /* NUL-terminated; the ellipsis' axes are '0', '1', ... from the right */
} term;

typedef struct einsum {
    onnx_builder b;
    int n;
    term in[2], out;
    int dots;                /* most axes of an ellipsis */
    whet_dim size[128];
} einsum;

static bool has(const term *t, char c) { return strchr(t->label, c) != NULL; }

static void put(einsum *e, term *t, char c)
{
    if (t->n == WHET_MAX_RANK) {
        onnx_b_fail(&e->b, WHET_EUNSUPPORTED, "over %d labels", WHET_MAX_RANK);
        return;
    }
    if (has(t, c)) onnx_b_fail(&e->b, WHET_EUNSUPPORTED, "label '%c' twice in one operand", c);
    t->label[t->n++] = c;
    t->label[t->n] = '\0';
}

/* One operand's labels up to ',' or "->" or the end; `dots`: how many axes an ellipsis stands for. */
static const char *read_term(einsum *e, const char *s, int dots, term *t)
{
    for (; *s != '\0' && *s != ',' && !(s[0] == '-' && s[1] == '>'); s++) {
        if (isalpha((unsigned char)*s)) {
            put(e, t, *s);
        } else if (strncmp(s, "...", 3) == 0 && dots >= 0 && dots <= WHET_MAX_RANK) {
            for (int i = dots - 1; i >= 0; i--) put(e, t, (char)('0' + i));
            s += 2;
        } else if (*s != ' ') {
            onnx_b_fail(&e->b, WHET_EINVAL, "equation with '%c'", *s);
        }
    }
    return s;
}

static int count_labels(const char *s)
{
    int n = 0;
    for (; *s != '\0' && *s != ',' && *s != '-'; s++) n += isalpha((unsigned char)*s) != 0;
    return n;
}

static void learn_sizes(einsum *e, const term *t, whet_vid x)
{
    for (int i = 0; i < t->n; i++) {
        const whet_dim d = onnx_b_dim(&e->b, x, i);
        whet_dim *have = &e->size[(int)t->label[i]];
        if (*have != 0 && d != *have) onnx_b_fail(&e->b, WHET_EUNSUPPORTED, "label '%c' has several sizes", t->label[i]);
        *have = d;
    }
}

/* Without "->" the result has the labels that stand once, sorted, behind the ellipsis. */
static void implicit_result(einsum *e)
{
    for (int i = e->dots - 1; i >= 0; i--) put(e, &e->out, (char)('0' + i));
    for (int c = 'A'; c <= 'z'; c++) {
        int uses = 0;
        for (int k = 0; k < e->n; k++) uses += isalpha(c) && has(&e->in[k], (char)c);
        if (uses == 1) put(e, &e->out, (char)c);
    }
}

static void parse(einsum *e, const char *s)
{
    for (int k = 0; k < e->n; k++) {
        const whet_vid x = onnx_b_in(&e->b, k);
        const int rank = onnx_b_rank(&e->b, x);
        const int dots = rank - count_labels(s);
        if (rank < 0) onnx_b_fail(&e->b, WHET_EUNSUPPORTED, "input %d has no known rank", k);
        s = read_term(e, s, dots, &e->in[k]);
        if (e->in[k].n != rank) onnx_b_fail(&e->b, WHET_ESHAPE, "the equation does not fit input %d of rank %d", k, rank);
        if (*s == ',' && k + 1 < e->n) s++;
        else if (k + 1 < e->n) onnx_b_fail(&e->b, WHET_EINVAL, "the equation has fewer operands than inputs");
        for (int i = 0; i < e->in[k].n; i++)
            if (isdigit((unsigned char)e->in[k].label[i]) && e->in[k].label[i] - '0' >= e->dots) e->dots = e->in[k].label[i] - '0' + 1;
        learn_sizes(e, &e->in[k], x);
    }
    if (*s == '\0') implicit_result(e);
    else if (s[0] == '-' && s[1] == '>') read_term(e, s + 2, e->dots, &e->out);
    else onnx_b_fail(&e->b, WHET_EINVAL, "the equation has more operands than inputs");
    for (int i = 0; i < e->out.n; i++)
        if (!has(&e->in[0], e->out.label[i]) && (e->n < 2 || !has(&e->in[1], e->out.label[i])))
            onnx_b_fail(&e->b, WHET_EINVAL, "label '%c' of the result is in no operand", e->out.label[i]);
}

/* Sums over the axes whose labels are in neither `a` nor `b` (may be NULL). */
static whet_vid sum_others(einsum *e, whet_vid x, term *t, const term *a, const term *b)
{
    const whet_attr keep = whet_attr_int("keepdims", 0);
    int64_t axes[WHET_MAX_RANK];
    term left = {0};
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        if (has(a, t->label[i]) || (b != NULL && has(b, t->label[i]))) put(e, &left, t->label[i]);
        else axes[n++] = i;
    }
    *t = left;
    return n == 0 ? x : onnx_b_node(&e->b, "ReduceSum", 2, (const whet_vid[]){x, onnx_b_ints(&e->b, n, axes)}, 1, &keep);
}

static whet_vid ordered(einsum *e, whet_vid x, const term *from, const term *to)
{
    int64_t perm[WHET_MAX_RANK];
    bool same = true;
    for (int i = 0; i < to->n; i++) {
        const char *at = strchr(from->label, to->label[i]);
        perm[i] = at != NULL ? at - from->label : 0;
        same = same && perm[i] == i;
    }
    return same ? x : onnx_b_transpose(&e->b, x, to->n, perm);
}

/* Product of the labels' sizes; -1 if one is not known. */
static int64_t product(einsum *e, const term *t)
{
    int64_t p = 1;
    for (int i = 0; i < t->n; i++) {
        const whet_dim d = e->size[(int)t->label[i]];
        if (d < 0) return -1;
        if (!whet_mul_i64(p, d, &p)) onnx_b_fail(&e->b, WHET_ENOMEM, "sizes are too large");
    }
    return p;
}

static whet_vid grouped(einsum *e, whet_vid x, const term *from, const term *one, const term *two, const term *three)
{
    const term *parts[3] = {one, two, three};
    int64_t shape[3];
    term order = {0};
    int open = 0;
    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < parts[p]->n; i++) put(e, &order, parts[p]->label[i]);
        shape[p] = product(e, parts[p]);
        open += shape[p] < 0;
    }
    if (open > 1) onnx_b_fail(&e->b, WHET_EUNSUPPORTED, "sizes that are not known");
    return onnx_b_reshape(&e->b, ordered(e, x, from, &order), 3, shape);
}

static whet_vid multiply(einsum *e, whet_vid x, whet_vid y)
{
    term *a = &e->in[0], *b = &e->in[1], batch = {0}, rows = {0}, columns = {0}, inner = {0}, made = {0};
    int64_t shape[WHET_MAX_RANK];
    int open = 0;
    x = sum_others(e, x, a, b, &e->out);
    y = sum_others(e, y, b, a, &e->out);
    for (int i = 0; i < a->n; i++)
        put(e, !has(b, a->label[i]) ? &rows : has(&e->out, a->label[i]) ? &batch : &inner, a->label[i]);
    for (int i = 0; i < b->n; i++)
        if (!has(a, b->label[i])) put(e, &columns, b->label[i]);
    const whet_vid left = grouped(e, x, a, &batch, &rows, &inner), right = grouped(e, y, b, &batch, &inner, &columns);
    const term *parts[3] = {&batch, &rows, &columns};
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < parts[p]->n; i++) put(e, &made, parts[p]->label[i]);
    for (int i = 0; i < made.n; i++) {
        shape[i] = e->size[(int)made.label[i]] < 0 ? -1 : e->size[(int)made.label[i]];
        open += shape[i] < 0;
    }
    if (open > 1) onnx_b_fail(&e->b, WHET_EUNSUPPORTED, "sizes that are not known");
    return ordered(e, onnx_b_reshape(&e->b, onnx_b_op2(&e->b, "MatMul", left, right), made.n, shape), &made, &e->out);
}

whet_status onnx_upgrade_einsum(onnx_reader *r, onnx_work *w)
{
    einsum e = {.b = {r->g, w, WHET_OK, r}, .n = w->n_in};
    const whet_attr *a = onnx_work_attr(w, "equation");
    onnx_b_attrs(&e.b, "equation");
    if (a == NULL || a->type != WHET_ATTR_STRING) onnx_b_fail(&e.b, WHET_EFORMAT, "attribute 'equation' is missing");
    if (e.n != 1 && e.n != 2) onnx_b_fail(&e.b, WHET_EUNSUPPORTED, "%d operands", e.n);
    for (int i = 0; i < e.n && i < 2; i++)
        if (onnx_b_in(&e.b, i) < 0) onnx_b_fail(&e.b, WHET_EFORMAT, "required input %d is missing", i);
    if (e.b.status == WHET_OK) parse(&e, a->s);
    if (e.b.status != WHET_OK) return onnx_b_done(&e.b);
    whet_vid x = onnx_b_in(&e.b, 0);
    if (e.n == 1) {
        x = sum_others(&e, x, &e.in[0], &e.out, NULL);
        x = ordered(&e, x, &e.in[0], &e.out);
    } else {
        x = multiply(&e, x, onnx_b_in(&e.b, 1));
    }
    onnx_b_out(&e.b, 0, x);
    return onnx_b_done(&e.b);
}
