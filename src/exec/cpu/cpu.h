/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU device: how an operator is bound to a kernel.
 *
 * An implementation is a row in exec/cpu/impls.def; rows of one operator are tried from best to last, the first whose
 * create accepts wins. A refusal has a reason, kept for `inspect --kernels`. Four steps:
 *
 *   create   accept or refuse for the node's dtypes, attributes and layouts; ask for packed constants
 *   reshape  shapes are concrete: compute geometry, ask for workspace, choose the split into chunks
 *   setup    pointers are known (they do not change until the plan dies, except bound inputs: see k->in[i].data at run)
 *   run      compute; cannot allocate. May fail only for data errors (an index out of range)
 *
 * In the present executor create and reshape run one after the other when a plan is made. */
#ifndef WHET_EXEC_CPU_CPU_H
#define WHET_EXEC_CPU_CPU_H

#include "base/threads.h"
#include "ir/op.h"

typedef struct whet_cpu_arg {
    whet_dtype dtype;   /* NONE: absent optional input or output */
    whet_shape shape;   /* logical (NCHW order) */
    whet_layout layout; /* physical order of data */
    int64_t numel;
    void *data;         /* valid from setup on; at create only for constants */
    bool constant;      /* constant: the bytes never change */
    bool variable;      /* variable: bytes change between runs only */
    bool packed;        /* constant: whet_cpu_pack has been here, the row reads the packed form alone */
    whet_vid vid;
} whet_cpu_arg;

typedef struct whet_cpu_node {
    const whet_graph *g;
    const whet_node *n;
    whet_nid nid;
    const struct whet_cpu_impl *impl;
    uint32_t isa;
    whet_team *team;
    int n_in, n_out;
    whet_cpu_arg *in, *out;
    void *state;          /* of the implementation: from whet_cpu_state(), freed with the plan (destroy first) */
    size_t workspace_size; /* set in reshape; 64-byte aligned scratch in the arena, contents undefined at run */
    void *workspace;      /* valid from setup on */
    uint64_t seed;        /* RANDOM operators: key; step is read at run through *step */
    const uint64_t *step;
    struct whet_cpu_private *priv;
} whet_cpu_node;

typedef struct whet_cpu_impl {
    const char *op;       /* "Conv" or "whet.ConvGradData" */
    const char *name;     /* "ref", "igemm_avx512", "onednn" */
    uint32_t provider;    /* WHET_PROVIDER_* */
    uint32_t isa;         /* needed bits, 0 for any */
    whet_status (*create)(whet_cpu_node *k); /* EUNSUPPORTED through whet_cpu_refuse = try the next row */
    whet_status (*reshape)(whet_cpu_node *k); /* may be NULL; may also refuse */
    whet_status (*setup)(whet_cpu_node *k);   /* may be NULL */
    whet_status (*run)(const whet_cpu_node *k);
    void (*destroy)(whet_cpu_node *k);        /* may be NULL; for things outside `state` (oneDNN handles) */
    /* Output o may share input i's memory when i dies here (elementwise). NULL = never. */
    bool (*inplace)(const whet_cpu_node *k, int o, int i);
} whet_cpu_impl;

/* Refuses: records the reason and returns EUNSUPPORTED. */
whet_status whet_cpu_refuse(whet_cpu_node *k, const char *fmt, ...) WHET_PRINTF(2, 3);
/* Zeroed memory that lives with the node; sets k->state on first call. NULL with ENOMEM. */
void *whet_cpu_state(whet_cpu_node *k, size_t size);
/* A packed form of a constant, made once per exec and shared by all plans: key says the format ("igemm16 3x3 ...").
 * pack fills dst (64-byte aligned, zeroed, `size` bytes). */
typedef void (*whet_cpu_pack_fn)(void *dst, const void *src, void *arg);
whet_status whet_cpu_pack(whet_cpu_node *k, whet_vid constant, const char *key, size_t size, whet_cpu_pack_fn pack, void *arg,
                          const void **packed);

/* Rows, in order of preference within an operator. */
int whet_cpu_impl_count(void);
const whet_cpu_impl *whet_cpu_impl_at(int i);

/* A fixed cut of n items into chunks of at least `grain` items, at most `most` chunks: a function of n alone. */
int whet_chunks(int64_t n, int64_t grain, int most);
static inline int64_t whet_chunk_begin(int64_t n, int chunks, int c) { return n / chunks * c + (n % chunks < c ? n % chunks : c); }

#endif
