/* SPDX-License-Identifier: Apache-2.0 */
/* Scores as a document. Shares are given from 0 to 1, with their 95 % interval beside them. */
#include "eval/scores.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { MAX_CONFUSION = 100 };

static json_t *interval_json(const whet_interval *i)
{
    json_t *o = json_object();

    json_object_set_new(o, "value", json_real(i->value));
    json_object_set_new(o, "low", json_real(i->low));
    json_object_set_new(o, "high", json_real(i->high));
    return o;
}

static json_t *share_json(double share, int n)
{
    whet_interval i = whet_wilson((int64_t)(share * n + 0.5), n, 0.95);

    return interval_json(&i);
}

static json_t *mean_json(double precision, double recall, double f1)
{
    json_t *o = json_object();

    json_object_set_new(o, "precision", json_real(precision));
    json_object_set_new(o, "recall", json_real(recall));
    json_object_set_new(o, "f1", json_real(f1));
    return o;
}

static void add_classes(json_t *doc, const whet_scores *s, const whet_dataset *d)
{
    json_t *list = json_array();
    double sum[3] = {0}, weighted[3] = {0};
    int used = 0;

    for (int c = 0; c < s->classes; c++) {
        json_t *o = json_object();
        whet_class_score one;
        double v[3];
        whet_scores_class(s, c, &one);
        v[0] = one.precision;
        v[1] = one.recall;
        v[2] = one.f1;
        json_object_set_new(o, "class", json_string(d ? whet_dataset_class_name(d, c) : ""));
        json_object_set_new(o, "precision", json_real(v[0]));
        json_object_set_new(o, "recall", json_real(v[1]));
        json_object_set_new(o, "f1", json_real(v[2]));
        json_object_set_new(o, "support", json_integer(one.support));
        json_array_append_new(list, o);
        if (!one.support) continue;
        used++;
        for (int k = 0; k < 3; k++) {
            sum[k] += v[k];
            weighted[k] += v[k] * (double)one.support;
        }
    }
    if (!used) used = 1;
    json_object_set_new(doc, "macro", mean_json(sum[0] / used, sum[1] / used, sum[2] / used));
    json_object_set_new(doc, "weighted", mean_json(weighted[0] / s->n, weighted[1] / s->n, weighted[2] / s->n));
    json_object_set_new(doc, "per_class", list);
}

static void add_confusion(json_t *doc, const whet_scores *s)
{
    json_t *rows = json_array();

    for (int c = 0; c < s->classes; c++) {
        json_t *row = json_array();
        for (int k = 0; k < s->classes; k++)
            json_array_append_new(row, json_integer(s->confusion[(size_t)c * (size_t)(s->classes + 1) + (size_t)k]));
        json_array_append_new(rows, row);
    }
    json_object_set_new(doc, "confusion", rows);
}

/* Which pictures were right, so that two stored evaluations of the same pictures can be compared in pairs: a hex digit holds four
 * pictures, the first in its highest bit, in the order of their numbers. */
static whet_status add_hits(json_t *doc, const whet_scores *s)
{
    int most = 0;
    char hex[65];
    whet_sha256 h;
    for (int i = 0; i < s->n; i++) most = WHET_MAX(most, s->index[i]);
    uint8_t *state = whet_calloc((size_t)most + 1, 1); /* 1: scored, 2: right */
    char *right = whet_alloc((size_t)(s->n + 3) / 4 + 1);
    whet_status status = state != NULL && right != NULL ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK) {
        int n = 0, digit = 0, at = 0;
        for (int i = 0; i < s->n; i++) state[s->index[i]] = (uint8_t)(s->pred[i] == s->label[i] ? 3 : 1);
        whet_sha256_init(&h);
        for (int32_t k = 0; k <= most; k++) {
            if (state[k] == 0) continue;
            whet_sha256_add(&h, &k, sizeof k);
            digit = digit << 1 | state[k] >> 1;
            if (++n % 4 == 0) {
                right[at++] = "0123456789abcdef"[digit & 15];
                digit = 0;
            }
        }
        if (n % 4 != 0) right[at++] = "0123456789abcdef"[digit << (4 - n % 4) & 15];
        right[at] = '\0';
        whet_sha256_hex(&h, hex);
        hex[16] = '\0';
        if (n == s->n) json_object_set_new(doc, "hits", json_pack("{s:i, s:s, s:s}", "n", n, "pictures", hex, "right", right));
    }
    whet_free(state);
    whet_free(right);
    return status;
}

/* A figure of 1000 outputs on a set of 10 classes is right only if the first ten happen to mean them. */
static void add_note(json_t *doc, const whet_scores *s, const whet_dataset *d)
{
    int elsewhere = 0;

    if (!s->unnamed || s->outputs <= s->classes) return;
    for (int i = 0; i < s->n; i++) elsewhere += s->pred[i] < 0;
    json_object_set_new(doc, "note", json_sprintf("the model has %d outputs and '%s' %d classes: its first %d outputs were taken for them, in the order of their "
                                                  "names, and %d of %d pictures went to an output beyond; say what the outputs mean with --labels",
                                                  s->outputs, whet_dataset_name(d), s->classes, s->classes, elsewhere, s->n));
}

whet_status whet_scores_json(const whet_scores *s, const whet_dataset *d, json_t **out)
{
    json_t *doc = NULL;
    whet_interval f1;

    *out = NULL;
    if (s->n == 0) return WHET_FAIL(WHET_EINVAL, "no pictures were scored");
    WHET_TRY(whet_scores_macro_f1_interval(s, &f1));
    doc = json_object();
    json_object_set_new(doc, "n", json_integer(s->n));
    json_object_set_new(doc, "classes", json_integer(s->classes));
    json_object_set_new(doc, "top1", share_json(whet_scores_top1(s), s->n));
    json_object_set_new(doc, "top5", s->outputs > 5 ? share_json(whet_scores_top5(s), s->n) : json_null());
    json_object_set_new(doc, "macro_f1", interval_json(&f1));
    add_classes(doc, s, d);
    if (s->classes <= MAX_CONFUSION) add_confusion(doc, s);
    json_object_set_new(doc, "broken", json_integer(s->broken));
    add_note(doc, s, d);
    const whet_status status = add_hits(doc, s);
    if (status == WHET_OK) *out = doc;
    else json_decref(doc);
    return status;
}
