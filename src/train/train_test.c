/* SPDX-License-Identifier: Apache-2.0 */
/* The finished model on the test split, once: as it will be used (statistics folded, fused), through the same evaluation as
 * everywhere else. */
#include <math.h>

#include "base/mem.h"
#include "eval/scores.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "train/trainer.h"

typedef struct tested {
    const trainer *t;
    whet_exec *e;
} tested;

static whet_status predict(void *arg, const float *x, int n, float *y)
{
    const tested *m = arg;
    const whet_shape shape = WHET_SHAPE(n, m->t->channels, m->t->height, m->t->width);
    whet_plan *p = NULL;
    WHET_TRY(whet_exec_plan(m->e, 1, &shape, &p));
    memcpy(whet_plan_input(p, 0)->data, x, whet_tensor_bytes(whet_plan_input(p, 0)));
    WHET_TRY(whet_plan_run(p));
    memcpy(y, whet_plan_output(p, 0)->data, whet_tensor_bytes(whet_plan_output(p, 0)));
    return WHET_OK;
}

static whet_status frozen_exec(const trainer *t, whet_exec **out)
{
    whet_status status = WHET_OK;
    whet_graph *g = NULL;
    whet_exec_options opt;
    whet_pass_options passes;
    whet_exec_options_init(&opt);
    opt.team = t->team;
    opt.isa &= t->s.isa;
    if (t->s.providers != 0) opt.providers = t->s.providers;
    opt.lower = whet_passes_lower;
    whet_pass_options_init(&passes);
    passes.freeze = true;
    WHET_GOTO(whet_graph_clone(&g, t->model));
    WHET_GOTO(whet_passes_run(g, &passes, NULL));
    WHET_GOTO(whet_exec_create(out, g, &opt));
done:
    whet_graph_free(g);
    return status;
}

whet_status trainer_test(trainer *t, json_t *doc)
{
    whet_status status = WHET_OK;
    whet_scores *scores = NULL;
    whet_evaluate_options opt;
    json_t *o = NULL;
    tested m = {.t = t};
    const whet_predictor p = {.predict = predict, .arg = &m, .channels = t->channels, .height = t->height, .width = t->width,
                              .classes = t->classes, .batch = (int)WHET_MIN(t->s.batch, 256)};
    if (t->s.no_test == 1 || whet_dataset_count(t->data, WHET_SPLIT_TEST) == 0) return WHET_OK;
    WHET_GOTO(frozen_exec(t, &m.e));
    whet_evaluate_options_init(&opt);
    opt.contract = &t->contract;
    opt.split = WHET_SPLIT_TEST;
    opt.workers = (int)t->s.workers;
    opt.stage = "test";
    opt.progress = t->s.progress;
    opt.progress_arg = t->s.progress_arg;
    WHET_GOTO(whet_evaluate(&scores, t->data, &p, &opt));
    WHET_GOTO(whet_scores_json(scores, t->data, &o));
    json_object_set_new(o, "split", json_string(whet_dataset_split_text(t->data, WHET_SPLIT_TEST)));
    json_object_set_new(o, "reads", json_integer(whet_dataset_test_reads(t->data)));
    json_object_set(doc, "test", o);
done:
    json_decref(o);
    whet_scores_free(scores);
    whet_exec_free(m.e);
    return status;
}
