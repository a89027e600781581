/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of classifiers. Precision, recall and F1 are 0 where their denominator is; macro averages go over the classes
 * that occur in the split. Intervals: Wilson for shares, bootstrap over pictures for F1 (its seed is fixed, so a stored
 * figure can be made again). */
#include "eval/scores.h"

#include <string.h>

#include "base/mem.h"

enum { BOOT_SEED = 1, REPLICATES = 1000 };

void whet_scores_free(whet_scores *s)
{
    if (!s) return;
    whet_free(s->label);
    whet_free(s->pred);
    whet_free(s->in5);
    whet_free(s->index);
    whet_free(s->confusion);
    whet_free(s);
}

static size_t cell(const whet_scores *s, int label, int pred)
{
    return (size_t)label * (size_t)(s->classes + 1) + (size_t)(pred < 0 ? s->classes : pred);
}

/* Counts the confusion matrix of label and pred; whet_evaluate calls it through whet_scores_finish. */
whet_status whet_scores_finish(whet_scores *s);
whet_status whet_scores_finish(whet_scores *s)
{
    whet_free(s->confusion);
    s->confusion = whet_calloc((size_t)s->classes * (size_t)(s->classes + 1), sizeof *s->confusion);
    if (!s->confusion) return WHET_ENOMEM;
    for (int i = 0; i < s->n; i++) s->confusion[cell(s, s->label[i], s->pred[i])]++;
    return WHET_OK;
}

whet_status whet_scores_create(whet_scores **out, int classes, int n, const int32_t *label, const int32_t *pred)
{
    whet_scores *s = whet_calloc(1, sizeof *s);
    whet_status status = WHET_OK;

    *out = NULL;
    if (!s) return WHET_ENOMEM;
    s->n = n;
    s->classes = s->outputs = classes;
    s->label = whet_calloc((size_t)n, sizeof *s->label);
    s->pred = whet_calloc((size_t)n, sizeof *s->pred);
    s->in5 = whet_calloc((size_t)n, sizeof *s->in5);
    s->index = whet_calloc((size_t)n, sizeof *s->index);
    if (!s->label || !s->pred || !s->in5 || !s->index) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int i = 0; i < n; i++) {
        if (label[i] < 0 || label[i] >= classes || pred[i] >= classes || pred[i] < -1) {
            status = WHET_FAIL(WHET_EINVAL, "picture %d has label %d and prediction %d of %d classes", i, label[i], pred[i], classes);
            goto done;
        }
        s->label[i] = label[i];
        s->pred[i] = pred[i];
        s->in5[i] = label[i] == pred[i];
        s->index[i] = i;
    }
    WHET_GOTO(whet_scores_finish(s));
    *out = s;
    s = NULL;
done:
    whet_scores_free(s);
    return status;
}

double whet_scores_top1(const whet_scores *s)
{
    int64_t hits = 0;

    for (int i = 0; i < s->n; i++) hits += s->label[i] == s->pred[i];
    return s->n ? (double)hits / s->n : 0;
}

double whet_scores_top5(const whet_scores *s)
{
    int64_t hits = 0;

    for (int i = 0; i < s->n; i++) hits += s->in5[i];
    return s->n ? (double)hits / s->n : 0;
}

static double ratio(int64_t a, int64_t b) { return b ? (double)a / (double)b : 0; }

static double f1_of(int64_t hits, int64_t support, int64_t predicted) { return ratio(2 * hits, support + predicted); }

void whet_scores_class(const whet_scores *s, int c, whet_class_score *out)
{
    int64_t hits = s->confusion[cell(s, c, c)], support = 0, predicted = 0;

    for (int k = 0; k <= s->classes; k++) support += s->confusion[cell(s, c, k < s->classes ? k : -1)];
    for (int k = 0; k < s->classes; k++) predicted += s->confusion[cell(s, k, c)];
    *out = (whet_class_score){ratio(hits, predicted), ratio(hits, support), f1_of(hits, support, predicted), support};
}

double whet_scores_macro_f1(const whet_scores *s)
{
    double sum = 0;
    int n = 0;

    for (int c = 0; c < s->classes; c++) {
        whet_class_score one;
        whet_scores_class(s, c, &one);
        if (!one.support) continue;
        sum += one.f1;
        n++;
    }
    return n ? sum / n : 0;
}

struct boot { const whet_scores *s; int64_t *count; /* per class: hits, support, predicted */ };

static double boot_f1(void *arg, const uint32_t *index, int n)
{
    struct boot *b = arg;
    const whet_scores *s = b->s;
    double sum = 0;
    int used = 0;

    memset(b->count, 0, (size_t)s->classes * 3 * sizeof *b->count);
    for (int i = 0; i < n; i++) {
        int32_t label = s->label[index[i]], pred = s->pred[index[i]];
        b->count[3 * label + 1]++;
        if (pred >= 0) b->count[3 * pred + 2]++;
        if (pred == label) b->count[3 * label]++;
    }
    for (int c = 0; c < s->classes; c++) {
        if (!b->count[3 * c + 1]) continue;
        sum += f1_of(b->count[3 * c], b->count[3 * c + 1], b->count[3 * c + 2]);
        used++;
    }
    return used ? sum / used : 0;
}

whet_status whet_scores_macro_f1_interval(const whet_scores *s, whet_interval *out)
{
    struct boot b = {s, whet_calloc((size_t)s->classes * 3, sizeof(int64_t))};
    whet_status status = WHET_OK;

    if (!b.count) return WHET_ENOMEM;
    status = whet_boot_items(s->n, boot_f1, &b, 0.95, BOOT_SEED, REPLICATES, out);
    whet_free(b.count);
    return status;
}

whet_status whet_scores_agree(const whet_scores *a, const whet_scores *b, whet_agreement *out)
{
    memset(out, 0, sizeof *out);
    if (a->n != b->n) return WHET_FAIL(WHET_EINVAL, "the two runs have %d and %d pictures", a->n, b->n);
    out->n = a->n;
    for (int i = 0; i < a->n; i++) {
        if (a->index[i] != b->index[i] || a->label[i] != b->label[i])
            return WHET_FAIL(WHET_EINVAL, "the two runs are not over the same pictures, they differ at %d", i);
        out->equal += a->pred[i] == b->pred[i];
        out->only_a += a->pred[i] == a->label[i] && b->pred[i] != b->label[i];
        out->only_b += a->pred[i] != a->label[i] && b->pred[i] == b->label[i];
    }
    return WHET_OK;
}
