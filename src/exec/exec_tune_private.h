/* SPDX-License-Identifier: Apache-2.0 */
/* What the exec_tune*.c files and the binding share. */
#ifndef WHET_EXEC_EXEC_TUNE_PRIVATE_H
#define WHET_EXEC_EXEC_TUNE_PRIVATE_H

#include "exec/exec_private.h"
#include "exec/exec_tune.h"

typedef struct tuned {
    char *key, *row, *first; /* the static choice */
    char *rival;             /* what `gain` compares with; "" where no other row accepts */
    double gain;             /* time of the rival / time of the row */
    bool used, fresh;        /* taken up by a graph; measured by this process */
} tuned;

struct whet_tuning {
    char *path;
    tuned *items;
    size_t n, cap;
    const char *prefer; /* while measuring: the row to try first wherever there is one of this name */
    double seconds;
};

bool whet_tunable_(const char *op); /* has more than one fast row */
char *whet_tuning_key_(const whet_plan *p, const plan_step *s); /* heap; NULL with ENOMEM */
tuned *whet_tuning_find_(const whet_tuning *t, const char *key);
whet_status whet_tuning_add_(whet_tuning *t, const tuned *x); /* copies the strings */
/* The row to try first, NULL none; *reason is the arena's. */
whet_status whet_tuning_row_(const whet_tuning *t, whet_plan *p, const plan_step *s, const char *op, const whet_cpu_impl **row,
                             const char **reason);

#endif
