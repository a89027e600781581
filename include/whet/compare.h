/* SPDX-License-Identifier: Apache-2.0 */
/* Two stored results against each other, with a verdict for each figure of each row, and gates on them. */
#ifndef WHET_COMPARE_H
#define WHET_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_compare_options {
    size_t size;       /* sizeof(whet_compare_options) */
    const char *store; /* where runs are looked up; NULL: the user's */
    const char *by;    /* what rows must have in common; NULL: "model,runtime,precision,batch,threads" */
    /* "speed=5%,accuracy=0.5pt,size=1%,memory=5%", some of them, "all" (2 %, 0.5 points, 1 %, 5 %), "none"; the bands are those
     * of "same" as well. NULL: none */
    const char *gate;
    int strict;        /* "cannot tell" fails a gate too */
    uint64_t seed;     /* of the bootstrap */
} whet_compare_options;
void whet_compare_options_init(whet_compare_options *o);

/* base and now: result files, or runs of the store: a number, "latest", "latest:STUDY", "latest~1", a tag. Kind "compare",
 * described in docs/result-format.md; the gate is 1 if one of opt->gate failed. EINVAL if no row of the one has a partner in
 * the other. Callers free *out. */
whet_status whet_compare(whet_result **out, const char *base, const char *now, const whet_compare_options *opt);

#ifdef __cplusplus
}
#endif
#endif
