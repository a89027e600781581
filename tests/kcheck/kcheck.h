/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of kernels against their reference: random problems in guarded memory, one line to repeat a failure. */
#ifndef WHET_TESTS_KCHECK_H
#define WHET_TESTS_KCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "kernels/conv/conv_nhwc.h"

typedef struct kc_case {
    const char *family; /* "rows" */
    const char *row;    /* kernel name */
    uint64_t seed;
    whet_rng rng;
    int n_blocks;
    struct kc_block { void *base; size_t size; } blocks[24];
    char text[400];     /* the problem in words */
} kc_case;

int kc_int(kc_case *c, int lo, int hi); /* lo <= x <= hi */
bool kc_chance(kc_case *c, int one_in);
/* n floats with an unreadable page right before (low) or right behind them; freed with the case. */
float *kc_floats(kc_case *c, size_t n, bool low);
void kc_release(kc_case *c, int mark); /* frees blocks made since c->n_blocks was `mark` */
/* Ordinary values; now and then some extreme ones (NaN, infinities, denormals, 1e30) when `wild`. */
void kc_fill(kc_case *c, float *p, size_t n, bool wild);
/* Bit-equal, NaN equal to NaN: true, or reports the first difference. */
bool kc_same(kc_case *c, const float *got, const float *want, size_t n);
/* |got - want| <= bound[i]. */
bool kc_near(kc_case *c, const float *got, const double *want, const double *bound, size_t n);

typedef struct kc_family {
    const char *name;
    int rows;
    const char *(*row_name)(int row);
    uint32_t (*row_isa)(int row);
    bool (*check)(kc_case *c, int row); /* false: failed and reported */
    int cases;                          /* per row in an ordinary run */
} kc_family;
extern const kc_family kc_attention, kc_winograd;
extern const kc_family kc_resize;
extern const kc_family kc_rows, kc_outer, kc_conv, kc_wgrad, kc_dw, kc_dw_grad, kc_norm, kc_pool;

/* Nanoseconds of the forward pass and both gradients of a depthwise convolution; buffers as for the dense one. */
void kc_dw_bench(uint32_t level, const whet_conv2d_geom *g, float *src, float *dst, float *weights,
                 double (*best_of)(void (*)(void *), void *), double ns[3]);
extern const kc_family kc_halves, kc_quantize, kc_unary, kc_binary, kc_softmax, kc_layer, kc_transpose, kc_reduce, kc_optim, kc_planes; /* vector rows of all but products */

int kc_vec_bench(void); /* exit status */
int kc_layer_bench(void);
double kc_peak(uint32_t isa); /* GF/s of the product tile of this level in L1 */
int kc_bench(int n_files, char **files); /* exit status */

#endif
