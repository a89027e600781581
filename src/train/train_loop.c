/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: epochs of steps on batches that worker threads prepare ahead, validation, best and last checkpoint, early
 * stopping, interruption. All that decides about the result is in the state that a checkpoint holds, and every random
 * choice is keyed by (seed, epoch, sample) or (seed, step), so a run that goes on from a checkpoint gives the same bits. */
#include <math.h>
#include <stdio.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "train/trainer.h"

static double seconds_since(uint64_t ns)
{
    return (double)(whet_now_ns() - ns) * 1e-9;
}

whet_status trainer_plan(whet_exec *e, int64_t n, const trainer *t, whet_plan **out)
{
    const whet_shape shapes[WHET_TRAIN_MOST_INPUTS] = {WHET_SHAPE(n, t->channels, t->height, t->width), WHET_SHAPE(n)}; /* and scalars */
    return whet_exec_plan(e, whet_exec_graph(e)->n_inputs, shapes, out);
}

static whet_status feed(whet_plan *p, const whet_batch *b)
{
    whet_tensor *x = whet_plan_input(p, WHET_TRAIN_IN_X), *y = whet_plan_input(p, WHET_TRAIN_IN_Y);
    if (x->data != b->x) WHET_TRY(whet_plan_bind_input(p, WHET_TRAIN_IN_X, b->x));
    memcpy(y->data, b->y, (size_t)b->n * sizeof *b->y);
    return WHET_OK;
}

static double scalar(const whet_plan *p, int output)
{
    return (double)*(const float *)whet_plan_output(p, output)->data;
}

/* --- saving */

whet_status trainer_save(trainer *t)
{
    if (t->s.out == NULL) return WHET_OK;
    t->state.seconds += seconds_since(t->epoch_ns);
    t->state.total_seconds += seconds_since(t->epoch_ns);
    t->epoch_ns = whet_now_ns();
    WHET_TRY(whet_curves_flush(t->curves, t->state.curve_sizes));
    WHET_TRY(whet_checkpoint_save(t->last_path, t->exec, &t->state, t->settings, t->identity, t->history));
    t->saved_ns = whet_now_ns();
    t->saved_step = t->state.step;
    return WHET_OK;
}

static whet_status interrupted(trainer *t)
{
    WHET_TRY(trainer_save(t));
    if (t->s.out == NULL) return WHET_FAIL(WHET_ECANCELLED, "interrupted; nothing was saved, as no folder was given");
    return WHET_FAIL(WHET_ECANCELLED, "interrupted in epoch %lld after step %lld; saved: go on with 'whet train --resume --out %s'",
                     (long long)t->state.epoch + 1, (long long)t->state.step, t->s.out);
}

static whet_status save_if_due(trainer *t)
{
    bool due = t->s.save_seconds > 0 && seconds_since(t->saved_ns) >= t->s.save_seconds;
    due = due || (t->s.save_steps > 0 && t->state.step - t->saved_step >= t->s.save_steps);
    return due ? trainer_save(t) : WHET_OK;
}

/* --- one step */

static whet_status check_loss(const trainer *t, double loss)
{
    if (isfinite(loss)) return WHET_OK;
    char advice[400], saved[64] = "no checkpoint was saved yet";
    if (t->bad_weight != NULL)
        snprintf(advice, sizeof advice, "weight '%.120s' of '%.200s' is not finite before the first step: give sound initial weights",
                 t->bad_weight, t->from != NULL ? t->last_path : t->s.weights != NULL ? t->s.weights : t->s.model);
    else if (t->state.step == 0) /* no update was made yet: the rate had no part in it */
        snprintf(advice, sizeof advice, "the initial weights give no number for these pictures: look at --contract, --mean and --std, or "
                 "give other weights");
    else
        snprintf(advice, sizeof advice, t->s.warmup > 0 ? "lower --lr" : "lower --lr or give --warmup 0.1");
    if (t->saved_step > 0) snprintf(saved, sizeof saved, "the last checkpoint is from step %lld", (long long)t->saved_step);
    return WHET_FAIL(WHET_ENUMERIC, "the loss became %s at step %lld (epoch %lld, learning rate %.4g): %s; %s", isnan(loss) ? "NaN" : "infinite",
                     (long long)t->state.step, (long long)t->state.epoch + 1, t->lr, advice, saved);
}

/* Where the next batch stands in its step. */
typedef struct place { bool first, last; double share; } place;

static place place_of(const trainer *t, const whet_batch *b)
{
    const int64_t at = t->state.batch, k = t->s.accumulate, begin = at - at % k, end = WHET_MIN(begin + k, t->epoch_batches);
    const int64_t pictures = WHET_MIN(end * t->s.batch, t->epoch_pictures) - begin * t->s.batch;
    return (place){.first = at == begin, .last = at + 1 == end, .share = (double)b->n / (double)WHET_MAX(pictures, 1)};
}

static void set_step(const trainer *t, whet_plan *p, const place *at)
{
    const double step = (double)t->state.step + 1;
    const double decay = t->s.ema_warmup == 1 ? fmin(t->s.ema_decay, (1 + step) / (10 + step)) : t->s.ema_decay;
    whet_step_set(p, "learning_rate", t->lr);
    whet_step_set(p, "step", step);
    whet_step_set(p, "ema_share", 1 - decay);
    whet_step_set(p, "batch_share", at->share);
    whet_step_set(p, "keep", !at->first);
    whet_step_set(p, "apply", at->last);
}

/* One batch; *stepped: it ended a step, whose mean loss is *loss. */
static whet_status train_batch(trainer *t, const whet_batch *b, double *loss, bool *stepped)
{
    whet_plan *p = NULL;
    const place at = place_of(t, b);
    WHET_TRY(trainer_plan(t->exec, b->n, t, &p));
    WHET_TRY(feed(p, b));
    t->lr = whet_schedule_lr(&t->schedule, t->state.step);
    set_step(t, p, &at);
    whet_exec_set_step(t->exec, (uint64_t)trainer_batch_number(t)); /* each batch draws its own random numbers */
    WHET_TRY(whet_plan_run(p));
    *loss = scalar(p, WHET_TRAIN_OUT_LOSS);
    WHET_TRY(check_loss(t, *loss));
    t->state.loss_sum += *loss * b->n;
    t->state.correct += (int64_t)scalar(p, WHET_TRAIN_OUT_CORRECT);
    t->state.seen += b->n;
    t->state.batch++;
    if (!at.first || !at.last) *loss = t->state.step_loss = (at.first ? 0 : t->state.step_loss) + at.share * *loss;
    *stepped = at.last;
    t->state.step += at.last;
    return WHET_OK;
}

static whet_status log_step(trainer *t, double loss)
{
    if (t->curves == NULL || (t->state.step % t->log_every != 0 && !t->s.log_steps)) return WHET_OK;
    return whet_curves_step(t->curves, t->state.epoch + 1, t->state.step, t->lr, loss);
}

static void tell(const trainer *t, const char *stage, double done, double total, const char *unit, const char *text)
{
    if (t->s.progress != NULL) t->s.progress(t->s.progress_arg, stage, done, total, unit, text);
}

static void tell_step(const trainer *t, double loss)
{
    char stage[64], text[96];
    snprintf(stage, sizeof stage, "train epoch %lld/%lld", (long long)t->state.epoch + 1, (long long)t->s.epochs);
    snprintf(text, sizeof text, "loss %.4f acc %.2f %%", loss, 100.0 * (double)t->state.correct / (double)WHET_MAX(t->state.seen, 1));
    tell(t, stage, (double)t->state.seen, (double)t->epoch_pictures, "img", text);
}

/* --- one epoch */

static whet_status train_epoch(trainer *t)
{
    whet_status status = WHET_OK;
    whet_batch b = {0};
    WHET_TRY(whet_loader_start(t->train, (int)t->state.epoch, (int)t->state.batch));
    for (;;) {
        double loss = 0;
        bool stepped = false;
        if (whet_cancelled()) return interrupted(t);
        t->limit_reached = t->s.max_steps > 0 && t->state.step >= t->s.max_steps;
        if (t->limit_reached) return WHET_OK;
        status = whet_loader_next(t->train, &b);
        if (status == WHET_ECANCELLED) return interrupted(t);
        WHET_TRY(status);
        if (b.n == 0) return WHET_OK;
        if (t->s.dump_batches != NULL) status = trainer_dump_batch(t, &b);
        if (status == WHET_OK) status = train_batch(t, &b, &loss, &stepped);
        whet_loader_release(t->train, &b);
        if (status == WHET_ECANCELLED) return interrupted(t);
        WHET_TRY(status);
        if (stepped) WHET_TRY(log_step(t, loss));
        tell_step(t, loss);
        WHET_TRY(save_if_due(t));
    }
}

whet_status trainer_score(trainer *t, whet_loader *loader, const char *stage, double *loss, double *accuracy, int64_t *n)
{
    double loss_sum = 0, correct = 0;
    whet_batch b = {0};
    whet_plan *p = NULL;
    *n = 0;
    whet_weights_copy(t->eval, t->exec);
    WHET_TRY(whet_loader_start(loader, 0, 0));
    for (;;) {
        WHET_TRY(whet_loader_next(loader, &b));
        if (b.n == 0) break;
        whet_status status = trainer_plan(t->eval, b.n, t, &p);
        if (status == WHET_OK) status = feed(p, &b);
        if (status == WHET_OK) status = whet_plan_run(p);
        whet_loader_release(loader, &b);
        WHET_TRY(status);
        loss_sum += scalar(p, WHET_TRAIN_OUT_LOSS) * b.n;
        correct += scalar(p, WHET_TRAIN_OUT_CORRECT);
        *n += b.n;
        tell(t, stage, (double)*n, (double)whet_loader_batches(loader) * (double)t->s.batch, "img", NULL);
    }
    *loss = *n > 0 ? loss_sum / (double)*n : NAN;
    *accuracy = *n > 0 ? correct / (double)*n : NAN;
    return WHET_OK;
}

static whet_status note_epoch(trainer *t, const whet_epoch_record *r)
{
    json_t *o = json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "epoch", (json_int_t)r->epoch, "step", (json_int_t)r->step, "lr", r->lr,
                          "train_loss", r->train_loss, "train_accuracy", r->train_accuracy, "seconds", r->seconds,
                          "images_per_second", r->images_per_second);
    if (o != NULL && !isnan(r->val_accuracy)) {
        json_object_set_new(o, "val_loss", json_real(r->val_loss));
        json_object_set_new(o, "val_accuracy", json_real(r->val_accuracy));
    }
    if (o == NULL || json_array_append_new(t->history, o) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory for the history");
    return t->curves != NULL ? whet_curves_epoch(t->curves, r) : WHET_OK;
}

/* Scores the validation split, keeps the best weights, and moves the state on to the next epoch. */
static whet_status end_epoch(trainer *t)
{
    whet_train_state *s = &t->state;
    int64_t n = 0;
    whet_epoch_record r = {.epoch = s->epoch + 1, .step = s->step, .val_loss = NAN, .val_accuracy = NAN};
    const double train_seconds = s->seconds + seconds_since(t->epoch_ns);
    r.lr = whet_schedule_lr(&t->schedule, WHET_MAX(s->step - 1, 0));
    r.train_loss = s->loss_sum / (double)WHET_MAX(s->seen, 1);
    r.train_accuracy = (double)s->correct / (double)WHET_MAX(s->seen, 1);
    r.images_per_second = (double)s->seen / WHET_MAX(train_seconds, 1e-9);
    if (t->val != NULL) {
        whet_status status = trainer_score(t, t->val, "validate", &r.val_loss, &r.val_accuracy, &n);
        if (status == WHET_ECANCELLED) return interrupted(t); /* resumes at this epoch's end */
        WHET_TRY(status);
    }
    r.seconds = s->seconds + seconds_since(t->epoch_ns);
    WHET_TRY(note_epoch(t, &r));
    const bool better = !isnan(r.val_accuracy) && (isnan(s->best) || r.val_accuracy > s->best);
    if (better) {
        s->best = r.val_accuracy;
        s->best_epoch = r.epoch;
    }
    s->stopped = t->val != NULL && t->s.early_stop > 0 && r.epoch - s->best_epoch >= t->s.early_stop;
    s->total_seconds += seconds_since(t->epoch_ns);
    t->epoch_ns = whet_now_ns();
    s->epoch++;
    s->batch = s->correct = s->seen = 0;
    s->loss_sum = s->seconds = 0;
    if (t->s.out == NULL) return WHET_OK;
    if (better) WHET_TRY(whet_checkpoint_save(t->best_path, t->exec, s, t->settings, t->identity, t->history));
    return trainer_save(t);
}

whet_status trainer_loop(trainer *t)
{
    t->epoch_ns = t->saved_ns = whet_now_ns();
    t->saved_step = t->state.step;
    while (t->state.epoch < t->s.epochs && !t->state.stopped) {
        WHET_TRY(train_epoch(t));
        if (t->limit_reached) return trainer_save(t);
        WHET_TRY(end_epoch(t));
    }
    return WHET_OK;
}
