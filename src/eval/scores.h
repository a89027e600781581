/* SPDX-License-Identifier: Apache-2.0 */
/* Predictions of one split and the figures made of them. */
#ifndef WHET_EVAL_SCORES_H
#define WHET_EVAL_SCORES_H

#include <jansson.h>
#include <stdint.h>

#include "data/dataset.h"
#include "eval/predictor.h"
#include "stats/stats.h"
#include "whet/progress.h"

typedef struct whet_scores {
    int n, classes;    /* pictures scored; classes of the set */
    int32_t *label;    /* [n] */
    int32_t *pred;     /* [n] class with the highest score; -1: an output that the set has no class for */
    uint8_t *in5;      /* [n] label among the five highest */
    int32_t *index;    /* [n] picture's number in the split */
    int outputs;       /* scores a picture that the model gives */
    bool unnamed;      /* nobody names the outputs: the first ones are taken for the classes of the set, in its order */
    int broken;        /* pictures left out */
    whet_split split;
    int64_t *confusion; /* [classes][classes + 1]: row label, column prediction, last column -1 */
} whet_scores;
void whet_scores_free(whet_scores *s); /* accepts NULL */
/* From lists, for tests and for predictions made elsewhere; top-5 is not known then (in5 = top-1 hit). */
whet_status whet_scores_create(whet_scores **out, int classes, int n, const int32_t *label, const int32_t *pred);

typedef struct whet_evaluate_options {
    size_t size;
    const whet_contract *contract; /* borrowed; nhwc is overruled by the predictor's */
    whet_split split;
    int limit;                     /* first pictures of a seeded shuffle; 0 = all */
    int workers;                   /* decoding threads; 0 = one */
    uint64_t seed;                 /* of `limit` */
    const char *stage;             /* of the progress; NULL: "evaluate" */
    whet_progress_fn progress;
    void *progress_arg;
} whet_evaluate_options;
void whet_evaluate_options_init(whet_evaluate_options *o);

/* Runs the predictor over the split. EINVAL for an unlabelled set or an empty split, ESHAPE if the model has fewer outputs
 * than the set classes, ENUMERIC for scores that are no numbers. Class names of the contract, if there, are matched with the
 * set's. Reading the test split is counted (whet_dataset_test_reads). */
whet_status whet_evaluate(whet_scores **out, whet_dataset *d, const whet_predictor *p, const whet_evaluate_options *opt);

double whet_scores_top1(const whet_scores *s); /* share */
double whet_scores_top5(const whet_scores *s);
typedef struct whet_class_score { double precision, recall, f1; int64_t support; } whet_class_score;
void whet_scores_class(const whet_scores *s, int c, whet_class_score *out); /* 0 where undefined */
double whet_scores_macro_f1(const whet_scores *s);   /* over classes with support */
/* 95 %, bootstrap over pictures, fixed seed. */
whet_status whet_scores_macro_f1_interval(const whet_scores *s, whet_interval *out);

typedef struct whet_agreement { int n, equal, only_a, only_b; } whet_agreement; /* only_a: a right, b wrong */
/* Two runs over the same pictures; EINVAL if they differ. */
whet_status whet_scores_agree(const whet_scores *a, const whet_scores *b, whet_agreement *out);

/* {"n":..,"top1":{"value","low","high"},"top5":..,"macro":..,"weighted":..,"macro_f1":{..},"per_class":[..],"confusion":[[..]]};
 * confusion up to 100 classes; "note" if the model has unnamed outputs beyond the classes of the set. */
whet_status whet_scores_json(const whet_scores *s, const whet_dataset *d, json_t **out);

#endif
