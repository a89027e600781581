/* SPDX-License-Identifier: Apache-2.0 */
/* A training step within a bound of memory: steps that compute more and more activations again are planned (nothing is
 * allocated or run) until one fits. The bits of the result are those without recomputing. */
#include "base/mem.h"
#include "passes/lower.h"
#include "train/trainer.h"

/* Parameters, moments, statistics and the arena of the step that t's settings ask for. */
static whet_status planned_bytes(const trainer *t, const whet_exec_options *like, int64_t *bytes)
{
    whet_exec_options opt = *like;
    whet_graph *step = NULL;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_plan_memory m;
    whet_status status = WHET_OK;
    opt.dry = true;
    WHET_GOTO(whet_train_graph_create(&step, t->model, &t->s));
    WHET_GOTO(whet_exec_create(&e, step, &opt));
    WHET_GOTO(trainer_plan(e, t->s.batch, t, &p));
    WHET_GOTO(whet_plan_memory_of(p, &m));
    *bytes = (int64_t)m.arena;
    for (whet_vid v = 0; v < step->n_values; v++)
        if (step->values[v].kind == WHET_VALUE_VARIABLE) *bytes += (int64_t)whet_tensor_bytes(&step->values[v].data);
done:
    whet_exec_free(e); /* and its plans */
    whet_graph_free(step);
    return status;
}

whet_status whet_train_fit(trainer *t, const whet_exec_options *like)
{
    static const int64_t finer[] = {0, 1, 2, 4}; /* settings of `recompute`: none, then about that many times sqrt(n) segments */
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < WHET_COUNT(finer); i++) {
        int64_t bytes = 0;
        t->s.recompute = finer[i];
        WHET_TRY(planned_bytes(t, like, &bytes));
        if (bytes <= t->s.max_memory) return WHET_OK;
        least = WHET_MIN(least, bytes);
    }
    return WHET_FAIL(WHET_EINVAL, "a step of %lld pictures needs at least %lld MB, the bound is %lld MB; give a smaller --batch, and "
                     "--accumulate for the same steps", (long long)t->s.batch, (long long)((least + 999999) / 1000000), (long long)(t->s.max_memory / 1000000));
}
