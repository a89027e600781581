/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of kernels/norm/batch_norm.h behind one type, and the choice among them. */
#ifndef WHET_EXEC_CPU_CPU_BN_FNS_H
#define WHET_EXEC_CPU_CPU_BN_FNS_H

#include "exec/cpu/cpu.h"
#include "kernels/norm/batch_norm.h"

typedef struct whet_bn_fns {
    whet_dtype dtype;
    uint32_t isa;
    void (*sums_rows)(int64_t, int64_t, const void *, const void *, double *, double *);
    void (*sums_plane)(int64_t, const void *, const void *, double *, double *);
    void (*apply_rows)(int64_t, int64_t, const void *, const void *, const void *, const void *, const void *, const whet_bn_act *, bool,
                       void *);
    void (*apply_plane)(int64_t, const void *, const void *, const void *, const void *, const void *, const whet_bn_act *, void *);
    void (*grad_sums_rows)(int64_t, int64_t, const void *, const void *, const void *, const void *, const void *, const void *,
                           const whet_bn_act *, void *, double *, double *);
    void (*grad_sums_plane)(int64_t, const void *, const void *, const void *, const void *, const void *, const void *, const whet_bn_act *,
                            void *, double *, double *);
    void (*grad_apply_rows)(int64_t, int64_t, const void *, const void *, const void *, const void *, const void *, const whet_bn_act *,
                            const void *, const void *, void *);
    void (*grad_apply_plane)(int64_t, const void *, const void *, const void *, const void *, const void *, const whet_bn_act *, const void *,
                             const void *, void *);
} whet_bn_fns;

/* The best vector kernels for this type, or the plain C ones; NULL if there are none. */
const whet_bn_fns *whet_bn_fns_for(whet_dtype t, uint32_t isa, bool vector);

#endif
