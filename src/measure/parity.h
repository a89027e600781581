/* SPDX-License-Identifier: Apache-2.0 */
/* Do two sets of outputs agree? Only the keys given are judged, and all of them. */
#ifndef WHET_MEASURE_PARITY_H
#define WHET_MEASURE_PARITY_H

#include <jansson.h>
#include <stdbool.h>

#include "tensor/tensor.h"

typedef struct whet_accept {
    bool has_max, has_atol, has_rtol, has_cosine, has_lsb;
    double max;        /* max |d| <= max x max |reference| */
    double atol, rtol; /* |d| <= atol + rtol x |reference| everywhere */
    double cosine;     /* at least */
    int lsb;           /* integers: at most 1 off in 98 % of the elements, never over this; under 50 elements: one may be 2 off */
} whet_accept;

/* "max=1e-4,cosine=0.998"; EINVAL naming the key. */
whet_status whet_accept_parse(whet_accept *a, const char *text);
/* By what is computed in, for `bench`, `verify` and `convert --check` alike: f32 max 1e-4, fp16 and bf16 max 2e-2, int8 cosine 0.998. */
void whet_accept_default(whet_accept *a, const char *precision);
/* Of two sides: the bounds are those of the coarser, whichever is the reference. */
const char *whet_precision_coarser(const char *a, const char *b);
const char *whet_accept_text(const whet_accept *a, char *buf, size_t size); /* as parsed, in fixed order */

enum { WHET_PARITY_CLASSES = 256 };

/* One output over any number of samples: ok needs each of them to agree; the figures are the worst (max, cosine, SNR) or the
 * share over all (top-1). */
typedef struct whet_parity {
    bool ok;
    int samples;
    double zero;                 /* the integer that stands for 0 (outputs of type u8 or s8); what is relative is taken from there */
    double max, max_abs, cosine, snr_db; /* cosine: NaN once a value is finite on one side only */
    int64_t top1_same, top1_all; /* 0 of 0: the output has no class axis */
    int64_t both[WHET_PARITY_CLASSES], any[WHET_PARITY_CLASSES]; /* of score maps: positions of a class in both, in either */
    char why[200];               /* of the worst disagreement */
    int worst_sample;            /* which one that was, from 1; 0: all agree */
    double over;                 /* how many times its bound it was */
} whet_parity;
void whet_parity_init(whet_parity *p);
void whet_parity_add(whet_parity *p, const whet_accept *a, const whet_tensor *reference, const whet_tensor *got);
/* Mean over the classes that either has of what both have; NaN: the output is no map of class scores. */
double whet_parity_mask_iou(const whet_parity *p);
json_t *whet_parity_json(const whet_parity *p, const char *name);

#endif
