/* SPDX-License-Identifier: Apache-2.0 */
/* The preprocessing contract of a model: how a picture becomes the network's input. */
#ifndef WHET_CONTRACT_H
#define WHET_CONTRACT_H

#include <stddef.h>
#include <stdint.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A contract as the user gives it: a base and single fields over it. Fields that are NULL are left as they are. */
typedef struct whet_contract_fields {
    size_t size;            /* sizeof(whet_contract_fields) */
    const char *base;       /* unit, pm1, imagenet, caffe, raw, or a JSON file; NULL: what the model's file says */
    const char *dims;       /* "224" or "224x320" (height x width) */
    const char *fit;        /* stretch, crop, letterbox */
    const char *crop;       /* "0.875" */
    const char *resize;     /* pillow, opencv, tf */
    const char *filter;     /* nearest, box, bilinear, bicubic, lanczos, area */
    const char *antialias;  /* on, off */
    const char *round;      /* on, off */
    const char *pad;        /* grey level of the letterbox */
    const char *color;      /* rgb, bgr, gray */
    const char *scale, *mean, *std; /* "1/255", "0.485,0.456,0.406" */
    const char *layout;     /* nchw, nhwc */
    const char *labels;     /* "cat,dog" or a file with one name a line */
} whet_contract_fields;
void whet_contract_fields_init(whet_contract_fields *f);

/* What the file carries; EINVAL if it carries none. Kind "contract show". */
whet_status whet_contract_show(whet_result **out, const char *model);
/* Writes the model with the contract to `to` (NULL: in place, atomically). Kind "contract set". */
whet_status whet_contract_put(whet_result **out, const char *model, const whet_contract_fields *f, const char *to);

typedef struct whet_contract_search_options {
    size_t size;
    const char *data;       /* labelled set; its validation (else training) split is used, never the test split */
    const char *runtime;    /* NULL: "native" */
    int threads;            /* 0: all that may be used */
    int pictures;           /* 0: 1,000 */
    uint64_t seed;
    const whet_contract_fields *fields; /* size, fit, filter, labels that all candidates share; may be NULL */
    whet_progress_fn progress;
    void *progress_arg;
    int apart;            /* as in whet_eval_options */
} whet_contract_search_options;
void whet_contract_search_options_init(whet_contract_search_options *o);
/* Tries the usual contracts and lists the accuracy of each. Kind "contract find". */
whet_status whet_contract_search(whet_result **out, const char *model, const whet_contract_search_options *opt);

#ifdef __cplusplus
}
#endif
#endif
