/* SPDX-License-Identifier: Apache-2.0 */
/* Which preprocessing contract fits a model? The usual ones are tried on labelled pictures that are not the test split. */
#ifndef WHET_EVAL_FIND_H
#define WHET_EVAL_FIND_H

#include "eval/scores.h"

enum { WHET_MAX_CANDIDATES = 16 };

typedef struct whet_candidate {
    char name[24];            /* "pm1", "cifar10", "imagenet-bgr" */
    char formula[120];        /* "(x/255-0.5)/0.5" */
    whet_contract contract;
    whet_interval accuracy;   /* Wilson, 95 % */
    double loss;              /* accuracy that it loses against the best, paired */
    bool tie;                 /* the paired difference to the best may be chance (McNemar, 5 %) */
} whet_candidate;

typedef struct whet_findings {
    int n_candidates, n_pictures;
    whet_candidate c[WHET_MAX_CANDIDATES]; /* best first */
    whet_split split;
    bool chance;              /* the best is not above guessing */
} whet_findings;

typedef struct whet_find_options {
    size_t size;
    const whet_contract *base; /* size, fit, filter, labels are taken from it; NULL: default */
    int pictures;              /* 0: 1,000 */
    int workers;
    uint64_t seed;
    whet_progress_fn progress;
    void *progress_arg;
} whet_find_options;
void whet_find_options_init(whet_find_options *o);

/* Tries the candidates on the validation split, or on train if there is none. EINVAL without labels. */
whet_status whet_contract_find(whet_findings *out, whet_dataset *d, const whet_predictor *p, const whet_find_options *opt);
void whet_findings_dispose(whet_findings *f);

#endif
