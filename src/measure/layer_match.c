/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensor of one file is which of another. Names decide where they agree; for files of different formats the ends of chains
 * are aligned in order, the longest sequence of equal class and dimensions (longest common subsequence), with the pairs that
 * names gave held fast. */
#include "measure/layer_list.h"

static const char *const rule_names[WHET_LAYER_RULES] = {"", "name", "name before quantising", "position and shape"};

const char *whet_layer_rule_name(whet_layer_rule r) { return r < WHET_LAYER_RULES ? rule_names[r] : ""; }

/* --- shapes */
static bool same_without_ones(const whet_shape *a, const whet_shape *b)
{
    int i = 0, k = 0;
    for (;;) {
        while (i < a->rank && a->dims[i] == 1) i++;
        while (k < b->rank && b->dims[k] == 1) k++;
        if (i == a->rank || k == b->rank) return i == a->rank && k == b->rank;
        if (a->dims[i++] != b->dims[k++]) return false;
    }
}

static bool is_nhwc_of(const whet_shape *nhwc, const whet_shape *nchw)
{
    return nhwc->rank == 4 && nchw->rank == 4 && nhwc->dims[0] == nchw->dims[0] && nhwc->dims[1] == nchw->dims[2] &&
           nhwc->dims[2] == nchw->dims[3] && nhwc->dims[3] == nchw->dims[1];
}

int whet_layer_order(const whet_shape *a, const whet_shape *b)
{
    if (whet_shape_equal(a, b)) return 1;
    if (is_nhwc_of(b, a)) return 2;
    if (is_nhwc_of(a, b)) return 3;
    return same_without_ones(a, b) ? 1 : 0;
}

/* --- names */
static bool equal(const char *x, const char *y) { return x != NULL && y != NULL && x[0] != '\0' && strcmp(x, y) == 0; }

static whet_layer_rule names_agree(const whet_layer *a, const whet_layer *b)
{
    if (equal(a->name, b->name) || equal(a->stored, b->stored)) return WHET_LAYER_NAME;
    const char *const x[] = {a->before, a->stem, a->name}, *const y[] = {b->before, b->stem, b->name};
    for (size_t i = 0; i < WHET_COUNT(x); i++)
        for (size_t k = 0; k < WHET_COUNT(y); k++)
            if (i + k < 4 && equal(x[i], y[k])) return WHET_LAYER_QUANTISED;
    return WHET_LAYER_NONE;
}

/* Quantisers drop a Relu or Clip that the range of the integers does anyway, and keep the name of what went into it: in the other
 * file the tensor that belongs to theirs is the one behind. */
static size_t behind_clip(const whet_layer_list *l, size_t at, const whet_layer_list *quantised, const whet_layer *q)
{
    if (q->stored == NULL || l->v[at].stored != NULL) return at;
    for (;;) {
        const whet_uses u = whet_graph_uses(l->g, l->v[at].vid);
        if (u.n != 1 || whet_graph_is_output(l->g, l->v[at].vid)) return at;
        const whet_node *n = &l->g->nodes[u.nodes[0]];
        if (!whet_node_is(n, "Relu") && !whet_node_is(n, "Clip")) return at;
        if (l->entry[n->out[0]] < 0 || whet_graph_find(quantised->g, l->g->values[n->out[0]].name) != WHET_NO_VALUE) return at;
        at = (size_t)l->entry[n->out[0]];
    }
}

static void join(whet_layer_list *a, size_t i, whet_layer_list *b, size_t k, whet_layer_rule rule)
{
    if (a->v[i].pair >= 0 || b->v[k].pair >= 0 || whet_layer_order(&a->v[i].shape, &b->v[k].shape) == 0) return;
    a->v[i].pair = (int)k;
    b->v[k].pair = (int)i;
    a->v[i].rule = b->v[k].rule = rule;
}

static void match_names(whet_layer_list *a, whet_layer_list *b, whet_layer_rule rule)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n && a->v[i].pair < 0; k++) {
            if (names_agree(&a->v[i], &b->v[k]) != rule) continue;
            const size_t x = behind_clip(a, i, b, &b->v[k]), y = behind_clip(b, k, a, &a->v[i]);
            join(a, x, b, y, rule);
        }
}

/* --- positions */
typedef struct ends { size_t n; size_t *at; } ends; /* of chains, as indices of the list */

static bool ends_of(const whet_layer_list *l, ends *e)
{
    e->n = 0;
    e->at = whet_calloc(l->n + 1, sizeof *e->at);
    for (size_t i = 0; e->at != NULL && i < l->n; i++)
        if (l->v[i].key[0] != '\0') e->at[e->n++] = i;
    return e->at != NULL;
}

/* What it is worth to set these two side by side: pairs by name weigh more than any number of others. */
static int32_t worth(const whet_layer_list *a, size_t i, const whet_layer_list *b, size_t k)
{
    const whet_layer *x = &a->v[i], *y = &b->v[k];
    if (x->pair >= 0 || y->pair >= 0) return x->pair == (int)k ? 1 << 16 : 0;
    return strcmp(x->key, y->key) == 0 && whet_layer_order(&x->shape, &y->shape) != 0 ? 2 : 0;
}

static whet_status align(whet_layer_list *a, const ends *ea, whet_layer_list *b, const ends *eb)
{
    const size_t w = eb->n + 1;
    int32_t *best = whet_calloc((ea->n + 1) * w, sizeof *best);
    if (best == NULL) return WHET_ENOMEM;
    for (size_t i = ea->n; i > 0; i--)
        for (size_t k = eb->n; k > 0; k--) {
            const int32_t v = worth(a, ea->at[i - 1], b, eb->at[k - 1]), both = v > 0 ? v + best[i * w + k] : 0;
            best[(i - 1) * w + k - 1] = WHET_MAX(both, WHET_MAX(best[i * w + k - 1], best[(i - 1) * w + k]));
        }
    for (size_t i = 0, k = 0; i < ea->n && k < eb->n;) {
        const int32_t v = worth(a, ea->at[i], b, eb->at[k]);
        if (v > 0 && best[i * w + k] == v + best[(i + 1) * w + k + 1])
            join(a, ea->at[i++], b, eb->at[k++], WHET_LAYER_POSITION);
        else if (best[i * w + k] == best[(i + 1) * w + k])
            i++;
        else
            k++;
    }
    whet_free(best);
    return WHET_OK;
}

whet_status whet_layers_match(whet_layer_list *a, whet_layer_list *b)
{
    ends ea = {0}, eb = {0};
    whet_status status = WHET_ENOMEM;
    match_names(a, b, WHET_LAYER_NAME);
    match_names(a, b, WHET_LAYER_QUANTISED);
    if (ends_of(a, &ea) && ends_of(b, &eb)) status = align(a, &ea, b, &eb);
    whet_free(ea.at);
    whet_free(eb.at);
    return status;
}
