/* SPDX-License-Identifier: Apache-2.0 */
/* What the passes that look for patterns share. A value may be taken into a fused node only when nobody else reads it: that
 * is how graphs whose gradients read inner values, and graphs whose outputs are inner values, are left alone. */
#ifndef WHET_PASSES_MATCH_H
#define WHET_PASSES_MATCH_H

#include "ir/graph.h"

/* The only reader of v, or WHET_NO_NODE when there are others, or it is an output or committed. */
whet_nid whet_match_user(whet_graph *g, whet_vid v);
/* As whet_match_user, and the reader is of this operator. */
whet_nid whet_match_user_is(whet_graph *g, whet_vid v, const char *op);
/* Producer of v, if it is of this operator (NULL: any) and v has exactly `uses` readers (0: any number, outputs too). */
whet_nid whet_match_producer(whet_graph *g, whet_vid v, const char *op, int uses);
/* Equal known dimensions, equal symbols included. */
bool whet_match_dims(const whet_dims *a, const whet_dims *b);
/* The value of a constant with one element. */
bool whet_match_scalar(const whet_graph *g, whet_vid v, double *out);
/* A constant whose contents are integers (s64 or s32): how many, -1 if it is none or has more than cap. */
int whet_match_ints(const whet_graph *g, whet_vid v, int64_t *out, int cap);
bool whet_match_near(double a, double b); /* within the rounding of f16 constants, 1e-3 of b */
/* Attribute perm of a Transpose equals perm[rank]. */
bool whet_match_perm(const whet_node *n, int rank, const int64_t *perm);

/* A product of values with a constant factor: x * c, x / c, x * y, x^2, x^3, nested through values nobody else reads. */
enum { WHET_MATCH_FACTORS = 6 };
typedef struct whet_product {
    double c;
    int n;
    whet_vid factor[WHET_MATCH_FACTORS];
} whet_product;
/* Of the value v itself, whoever reads it; false if it has too many factors. */
bool whet_match_product(whet_graph *g, whet_vid v, whet_product *p);
/* v = x + c with a scalar constant c. */
bool whet_match_plus(whet_graph *g, whet_vid v, whet_vid *x, double *c);

#endif
