/* SPDX-License-Identifier: Apache-2.0 */
/* Named tensors into a graph: which tensor is meant for which parameter, and whether it fits. Names are compared as they are,
 * without prefixes that all names of a side share, and through the name schemes of weights_schemes.c; the way that finds the
 * most wins, plain names before dropped ones. */
#include <stdio.h>
#include <string.h>

#include "base/spelling.h"
#include "data/contract.h"
#include "formats/weights.h"
#include "formats/weights_schemes.h"

enum { MOST_NAME = 1000, MOST_CUTS = 4 };

/* The prefixes, ending in '.', that all n names have; cuts[0] = 0. */
static int common_prefixes(size_t n, char *const *names, size_t *cuts)
{
    size_t common = n ? strlen(names[0]) : 0;
    int found = 1;
    cuts[0] = 0;
    for (size_t i = 1; i < n; i++) {
        size_t k = 0;
        while (k < common && names[i][k] == names[0][k]) k++; /* stops at the shorter name's end */
        common = k;
    }
    for (size_t k = 0; k < common && found < MOST_CUTS; k++)
        if (names[0][k] == '.' && names[0][k + 1]) cuts[found++] = k + 1;
    return found;
}

/* The tensor for `name` without its first `drop` bytes, in a file whose names all begin with `prefix`. */
static int look_up(const whet_weights *w, const char *name, size_t drop, const char *prefix, size_t prefix_length, int scheme)
{
    char full[MOST_NAME + 1], other[MOST_NAME + 1];
    if (strlen(name) + prefix_length >= MOST_NAME) return drop == 0 && prefix_length == 0 && scheme == 0 ? whet_weights_index(w, name) : -1;
    if (!weights_scheme_name(scheme, name + drop, other, sizeof(other))) return -1;
    if (strlen(other) + prefix_length > MOST_NAME) return -1;
    memcpy(full, prefix, prefix_length);
    strcpy(full + prefix_length, other);
    return whet_weights_index(w, full);
}

static int match_all(const whet_weights *w, int n, const char *const *names, size_t drop, size_t prefix, int scheme, int *found)
{
    int hits = 0;
    for (int i = 0; i < n; i++) {
        found[i] = look_up(w, names[i], drop, w->names[0], prefix, scheme);
        hits += found[i] >= 0;
    }
    return hits;
}

whet_status whet_weights_match(const whet_weights *w, int n, const char *const *names, int *found)
{
    size_t of_file[MOST_CUTS], of_names[MOST_CUTS];
    int best = 0, *trial = whet_calloc((size_t)n + 1, sizeof(*trial));
    if (!trial) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) found[i] = -1;
    const int n_file = w->n ? common_prefixes(w->n, w->names, of_file) : 0;
    const int n_names = common_prefixes((size_t)n, (char *const *)(uintptr_t)names, of_names);
    for (int scheme = 0; scheme < weights_scheme_count() && best < n; scheme++)
        for (int a = 0; a < n_file && best < n; a++)
            for (int b = 0; b < n_names && best < n; b++) {
                const int hits = match_all(w, n, names, of_names[b], of_file[a], scheme, trial);
                if (hits > best) memcpy(found, trial, (size_t)n * sizeof(*found));
                best = WHET_MAX(best, hits);
            }
    whet_free(trial);
    return WHET_OK;
}

whet_status whet_weights_fit(whet_tensor *dst, const whet_tensor *src, whet_dtype dtype, const whet_shape *shape, const char *name)
{
    char have[80], want[80];
    whet_status status = WHET_OK;
    if (!whet_shape_equal(&src->shape, shape)) {
        status = WHET_FAIL(WHET_ESHAPE, "'%.200s' is %s in the file, the model wants %s", name,
                           whet_shape_text(&src->shape, have, sizeof(have)), whet_shape_text(shape, want, sizeof(want)));
    } else if (src->dtype == dtype) {
        whet_tensor_ref(dst, src);
    } else if (dtype == WHET_F32 && (src->dtype == WHET_F16 || src->dtype == WHET_BF16)) {
        status = whet_tensor_cast(dst, src, dtype);
    } else {
        status = WHET_FAIL(WHET_ESHAPE, "'%.200s' is %s in the file, the model wants %s", name, whet_dtype_name(src->dtype),
                           whet_dtype_name(dtype));
    }
    if (status != WHET_OK) whet_error_at_node(name);
    return status;
}

/* --- graphs */

/* Operators whose inputs from `first` on are parameters. */
static const struct { const char *op; int first; } parametrised[] = {
    {"Conv", 1}, {"ConvTranspose", 1}, {"Gemm", 1}, {"MatMul", 0}, {"BatchNormalization", 1}, {"LayerNormalization", 1},
    {"InstanceNormalization", 1}, {"GroupNormalization", 1}, {"RMSNormalization", 1}, {"PRelu", 1}};

typedef struct target { whet_vid v; bool needed; } target;

static bool is_target(const whet_value *v)
{
    return v->kind == WHET_VALUE_VARIABLE || (v->kind == WHET_VALUE_CONST && whet_dtype_is_float(v->dtype));
}

static void mark_needed(const whet_graph *g, bool *needed)
{
    for (int i = 0; i < g->n_values; i++) needed[i] = g->values[i].kind == WHET_VALUE_VARIABLE;
    for (int i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < WHET_COUNT(parametrised); k++) {
            const whet_node *node = &g->nodes[i];
            if (!whet_node_is(node, parametrised[k].op)) continue;
            for (int j = parametrised[k].first; j < node->n_in; j++)
                if (node->in[j] != WHET_NO_VALUE && is_target(&g->values[node->in[j]]) && whet_tensor_numel(&g->values[node->in[j]].data) > 1)
                    needed[node->in[j]] = true;
        }
}

typedef struct fitting {
    int n;
    target *targets;
    const char **names;
    int *found;
    whet_tensor *tensors;
} fitting;

static void fitting_dispose(fitting *f)
{
    for (int i = 0; i < f->n && f->tensors; i++) whet_tensor_dispose(&f->tensors[i]);
    whet_free(f->targets);
    whet_free(f->names);
    whet_free(f->found);
    whet_free(f->tensors);
}

static whet_status list_targets(const whet_graph *g, fitting *f)
{
    const size_t n = (size_t)g->n_values + 1;
    bool *needed = whet_calloc(n, sizeof(*needed));
    f->targets = whet_calloc(n, sizeof(*f->targets));
    f->names = whet_calloc(n, sizeof(*f->names));
    f->found = whet_calloc(n, sizeof(*f->found));
    f->tensors = whet_calloc(n, sizeof(*f->tensors));
    whet_status status = needed && f->targets && f->names && f->found && f->tensors ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK) mark_needed(g, needed);
    for (int i = 0; i < g->n_values && status == WHET_OK; i++) {
        if (!is_target(&g->values[i])) continue;
        f->names[f->n] = g->values[i].name;
        f->targets[f->n++] = (target){i, needed[i]};
    }
    whet_free(needed);
    return status;
}

static whet_status missing(const whet_weights *w, const fitting *f)
{
    int n = 0, needed = 0, first = -1;
    for (int i = 0; i < f->n; i++) {
        if (!f->targets[i].needed) continue;
        needed++;
        if (f->found[i] >= 0) continue;
        if (first < 0) first = i;
        n++;
    }
    if (n == 0) return WHET_OK;
    whet_spelling s = {.word = f->names[first]};
    for (size_t i = 0; i < w->n; i++) whet_spelling_offer(&s, w->names[i]);
    if (n == needed)
        WHET_FAIL(WHET_EINVAL, "none of the model's %d parameters is in the weights: they are of another network%s%.200s%s", needed,
                  w->n ? "; the file begins with '" : "", w->n ? w->names[0] : "", w->n ? "'" : "");
    else
        WHET_FAIL(WHET_EINVAL, "the weights lack '%.200s'%s%.200s%s and %d more of the model's %d parameters", f->names[first],
                  s.nearest ? " (the nearest name is '" : "", s.nearest ? s.nearest : "", s.nearest ? "')" : "", n - 1, needed);
    whet_error_at_node(f->names[first]);
    return WHET_EINVAL;
}

/* PyTorch's BatchNorm counts its batches; nothing here needs the number. */
static bool is_counter(const char *name)
{
    static const char tail[] = "num_batches_tracked";
    const size_t n = strlen(name), k = sizeof(tail) - 1;
    return n >= k && strcmp(name + n - k, tail) == 0;
}

static whet_status tell(const whet_weights *w, const whet_graph *g, const fitting *f, whet_strbuf *report)
{
    bool *used = whet_calloc(w->n + 1, sizeof(*used));
    int counters = 0;
    size_t counter = 0;
    if (!used) return WHET_ENOMEM;
    for (int i = 0; i < f->n; i++) {
        if (f->found[i] >= 0) used[f->found[i]] = true;
        else if (whet_tensor_numel(&g->values[f->targets[i].v].data) > 1)
            whet_strbuf_printf(report, "%s: not in the weights, kept as the model has it\n", f->names[i]);
    }
    for (size_t i = 0; i < w->n; i++) {
        if (used[i]) continue;
        if (is_counter(w->names[i])) {
            if (counters++ == 0) counter = i;
            continue;
        }
        whet_strbuf_printf(report, "%s: in the weights, not in the model: left out\n", w->names[i]);
    }
    if (counters) whet_strbuf_printf(report, "%d counters of batches (the first is '%s') in the weights: left out\n", counters, w->names[counter]);
    whet_free(used);
    return WHET_OK;
}

/* A view that is not aligned becomes a copy. */
static whet_status own(whet_tensor *t)
{
    whet_tensor copy;
    if ((uintptr_t)t->data % 64 == 0) return WHET_OK;
    whet_tensor_init(&copy);
    WHET_TRY(whet_tensor_copy(&copy, t));
    whet_tensor_dispose(t);
    *t = copy;
    return WHET_OK;
}

whet_status whet_weights_apply(const whet_weights *w, whet_graph *g, whet_strbuf *report)
{
    fitting f = {0};
    whet_status status = WHET_OK;
    WHET_GOTO(list_targets(g, &f));
    WHET_GOTO(whet_weights_match(w, f.n, f.names, f.found));
    WHET_GOTO(missing(w, &f));
    for (int i = 0; i < f.n; i++) {
        const whet_value *v = &g->values[f.targets[i].v];
        if (f.found[i] >= 0) WHET_GOTO(whet_weights_fit(&f.tensors[i], &w->tensors[f.found[i]], v->data.dtype, &v->data.shape, v->name));
    }
    if (report) WHET_GOTO(tell(w, g, &f, report));
    for (int i = 0; i < f.n; i++) /* only constants may lie at any address */
        if (f.found[i] >= 0 && g->values[f.targets[i].v].kind == WHET_VALUE_VARIABLE) WHET_GOTO(own(&f.tensors[i]));
    const char *contract = whet_weights_meta(w, WHET_CONTRACT_META);
    if (contract && !whet_graph_get_meta(g, WHET_CONTRACT_META)) WHET_GOTO(whet_graph_set_meta(g, WHET_CONTRACT_META, contract));
    for (int i = 0; i < f.n; i++)
        if (f.found[i] >= 0) whet_tensor_ref(&g->values[f.targets[i].v].data, &f.tensors[i]);
done:
    fitting_dispose(&f);
    return status;
}
