/* SPDX-License-Identifier: Apache-2.0 */
/* whet_train, whet_train_bench: public options become settings, the document gets its rendering. */
#include <math.h>
#include <stdio.h>

#include "api/result.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "train/train.h"
#include "whet/train.h"

void whet_train_options_init(whet_train_options *opt)
{
    *opt = (whet_train_options){.size = sizeof *opt, .epochs = -1, .batch = -1, .seed = -1, .lr = NAN, .momentum = NAN,
                                .weight_decay = NAN, .label_smoothing = NAN, .warmup = NAN, .lr_min = NAN, .gamma = NAN,
                                .step_every = NAN, .div = NAN, .final_div = NAN, .beta1 = NAN, .beta2 = NAN, .epsilon = NAN,
                                .nesterov = -1, .decay_all = -1, .pad_crop = -1, .hflip = -1, .rotate = NAN, .shift = NAN,
                                .early_stop = -1, .drop_last = -1, .save_seconds = 60, .power = NAN, .alpha = NAN, .centered = -1,
                                .epsilon_inside = -1, .dice_weight = NAN, .dice_smooth = NAN, .clip_norm = NAN, .clip_value = NAN,
                                .accumulate = -1, .ema_decay = NAN, .ema_warmup = -1, .no_test = -1};
}

static int64_t given(int64_t x)
{
    return x == -1 ? WHET_TRAIN_UNSET : x;
}

static whet_train_settings settings_of(const whet_train_options *o)
{
    whet_train_settings s;
    whet_train_settings_init(&s);
    s.model = o->model, s.data = o->data, s.out = o->out, s.val = o->val;
    s.optimizer = o->optimizer, s.schedule = o->schedule, s.weights = o->weights;
    s.contract = o->contract, s.contract_fields = o->contract_fields;
    s.epochs = given(o->epochs), s.batch = given(o->batch), s.seed = given(o->seed);
    s.lr = o->lr, s.momentum = o->momentum, s.weight_decay = o->weight_decay, s.label_smoothing = o->label_smoothing;
    s.warmup = o->warmup, s.lr_min = o->lr_min, s.gamma = o->gamma, s.step_every = o->step_every;
    s.div = o->div, s.final_div = o->final_div, s.beta1 = o->beta1, s.beta2 = o->beta2, s.epsilon = o->epsilon;
    s.loss = o->loss, s.class_weights = o->class_weights, s.power = o->power;
    s.alpha = o->alpha, s.centered = given(o->centered), s.epsilon_inside = given(o->epsilon_inside);
    s.dice_weight = o->dice_weight, s.dice_smooth = o->dice_smooth, s.clip_norm = o->clip_norm, s.clip_value = o->clip_value;
    s.accumulate = given(o->accumulate), s.ema_decay = o->ema_decay, s.ema_warmup = given(o->ema_warmup);
    s.nesterov = given(o->nesterov), s.decay_all = given(o->decay_all);
    s.pad_crop = given(o->pad_crop), s.hflip = given(o->hflip), s.rotate = o->rotate, s.shift = o->shift;
    s.early_stop = given(o->early_stop), s.drop_last = given(o->drop_last);
    s.resume = o->resume != 0, s.overwrite = o->overwrite != 0;
    s.threads = o->threads, s.workers = o->workers;
    s.save_seconds = o->save_seconds, s.save_steps = o->save_steps, s.max_steps = o->max_steps;
    s.dump_batches = o->dump_batches, s.log_steps = o->log_steps != 0;
    s.no_test = given(o->no_test), s.strict = o->strict != 0;
    s.recompute = o->recompute ? 1 : WHET_TRAIN_UNSET;
    s.store_bf16 = o->store_bf16 ? 1 : WHET_TRAIN_UNSET;
    s.max_memory = o->max_memory;
    s.progress = o->progress, s.progress_arg = o->progress_arg;
    return s;
}

/* --- text */

static double real(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void percent(char *buf, size_t size, double share)
{
    snprintf(buf, size, isnan(share) ? "-" : "%.2f %%", 100 * share);
}

static void render_epochs(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    enum { COLUMNS = 7 };
    static const char *const titles[COLUMNS] = {"epoch", "train loss", "train acc", "val loss", "val acc", "img/s", "seconds"};
    const json_t *epochs = json_object_get(doc, "epochs");
    const size_t n = json_array_size(epochs);
    char(*cells)[32] = whet_calloc(n * COLUMNS, sizeof *cells);
    const char **texts = whet_calloc(n * COLUMNS, sizeof *texts);
    for (size_t i = 0; cells != NULL && texts != NULL && i < n; i++) {
        const json_t *e = json_array_get(epochs, i);
        char(*c)[32] = &cells[i * COLUMNS];
        snprintf(c[0], sizeof c[0], "%lld", (long long)json_integer_value(json_object_get(e, "epoch")));
        snprintf(c[1], sizeof c[1], "%.4f", real(e, "train_loss"));
        percent(c[2], sizeof c[2], real(e, "train_accuracy"));
        if (isnan(real(e, "val_loss")))
            snprintf(c[3], sizeof c[3], "-");
        else
            snprintf(c[3], sizeof c[3], "%.4f", real(e, "val_loss"));
        percent(c[4], sizeof c[4], real(e, "val_accuracy"));
        snprintf(c[5], sizeof c[5], "%.0f", real(e, "images_per_second"));
        snprintf(c[6], sizeof c[6], "%.1f", real(e, "seconds"));
        for (int k = 0; k < COLUMNS; k++) texts[i * COLUMNS + (size_t)k] = c[k];
    }
    if (cells != NULL && texts != NULL) whet_render_table(out, width, color, COLUMNS, titles, "rrrrrrr", (int)n, texts);
    whet_free(cells);
    whet_free(texts);
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    char count[40];
    const json_t *data = json_object_get(doc, "data"), *test = json_object_get(doc, "test"), *kept = json_object_get(doc, "weights");
    const char *file = json_string_value(json_object_get(doc, "file")), *ended = json_string_value(json_object_get(doc, "ended"));
    whet_strbuf_printf(out, "%s on %s (%s), %s parameters\n\n", json_string_value(json_object_get(doc, "model")),
                       json_string_value(json_object_get(data, "name")), json_string_value(json_object_get(data, "source")),
                       whet_render_count(count, sizeof count, json_integer_value(json_object_get(doc, "parameters"))));
    render_epochs(doc, width, color, out);
    whet_strbuf_puts(out, "\n");
    if (json_is_true(json_object_get(doc, "already_done"))) whet_strbuf_puts(out, "already done: nothing was trained\n");
    if (ended != NULL) whet_strbuf_printf(out, "ended early: %s\n", ended);
    if (json_is_true(json_object_get(doc, "stopped_early"))) whet_strbuf_puts(out, "stopped early: no better validation accuracy\n");
    if (kept != NULL)
        whet_strbuf_printf(out, "weights: epoch %lld, by %s%s\n", (long long)json_integer_value(json_object_get(kept, "epoch")),
                           json_string_value(json_object_get(kept, "chosen_by")),
                           json_is_true(json_object_get(kept, "averaged")) ? ", moving average" : "");
    if (test != NULL) {
        char line[160];
        const json_t *top = json_object_get(test, "top1");
        snprintf(line, sizeof line, "test accuracy %.2f %% (95 %% interval %.2f to %.2f, n = %lld)", 100 * real(top, "value"),
                 100 * real(top, "low"), 100 * real(top, "high"), (long long)json_integer_value(json_object_get(test, "n")));
        whet_render_bold(out, color, line);
        whet_strbuf_puts(out, "\n");
    }
    whet_strbuf_printf(out, "trained in %.1f s\n", real(doc, "seconds"));
    if (file != NULL) whet_strbuf_printf(out, "model: %s\n", file);
}

whet_status whet_train(whet_result **out, const whet_train_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *doc = NULL;
    *out = NULL;
    if (opt == NULL || opt->size != sizeof *opt)
        return WHET_FAIL(WHET_EINVAL, "options of the wrong size: use whet_train_options_init of this version's header");
    whet_train_settings s = settings_of(opt);
    s.tune = opt->tune != 0;
    if (opt->isa != NULL) WHET_TRY(whet_isa_parse(opt->isa, &s.isa));
    const whet_status status = whet_train_run(&doc, &s);
    if (doc == NULL) return status;
    const whet_status made = whet_result_make(out, "train", doc, 0, render);
    return status != WHET_OK ? status : made;
}

/* --- the step alone */

void whet_train_bench_options_init(whet_train_bench_options *opt)
{
    *opt = (whet_train_bench_options){.size = sizeof *opt, .warmup = 2, .steps = 10};
}

static void render_bench(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    (void)width;
    (void)color;
    whet_strbuf_printf(out, "%s batch %lld: median %.2f ms a step, %.1f img/s (min %.2f ms, %d steps, %d threads)\n",
                       json_string_value(json_object_get(doc, "model")), (long long)json_integer_value(json_object_get(doc, "batch")),
                       real(doc, "median_ms"), real(doc, "img_per_s"), real(doc, "min_ms"),
                       (int)json_array_size(json_object_get(doc, "ms")), (int)json_integer_value(json_object_get(doc, "threads")));
    const json_t *profile = json_object_get(doc, "profile");
    for (size_t i = 0; i < json_array_size(profile); i++) {
        const json_t *row = json_array_get(profile, i);
        whet_strbuf_printf(out, "%8.2f ms  %5.1f %%  %s (%s)\n", real(row, "ms"), 100 * real(row, "share"),
                           json_string_value(json_object_get(row, "op")), json_string_value(json_object_get(row, "kernel")));
    }
}

whet_status whet_train_bench(whet_result **out, const whet_train_bench_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *doc = NULL;
    *out = NULL;
    if (opt == NULL || opt->size != sizeof *opt)
        return WHET_FAIL(WHET_EINVAL, "options of the wrong size: use whet_train_bench_options_init of this version's header");
    whet_train_bench_settings s = {.model = opt->model, .batch = opt->batch, .steps = opt->steps, .warmup = opt->warmup,
                                   .threads = opt->threads, .profile = opt->profile != 0, .recompute = opt->recompute != 0, .store_bf16 = opt->store_bf16 != 0, .isa = UINT32_MAX};
    if (opt->steps < 1) return WHET_FAIL(WHET_EINVAL, "at least one step must be measured");
    if (opt->isa != NULL) WHET_TRY(whet_isa_parse(opt->isa, &s.isa));
    WHET_TRY(whet_train_bench_run(&doc, &s));
    return whet_result_make(out, "train-bench", doc, 0, render_bench);
}

/* --- its memory */

static void render_memory(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const struct { const char *key, *text; } rows[] = {
        {"parameters", "parameters"}, {"state", "moments and running statistics"}, {"activations", "activations, when the arena is fullest"},
        {"gradients", "gradients of parameters, then"}, {"workspace", "workspace, then"}, {"arena", "arena: the three above and gaps"},
        {"total", "peak: parameters, moments, arena"}};
    const json_t *m = json_object_get(doc, "memory");
    char text[32];
    (void)width;
    (void)color;
    whet_strbuf_printf(out, "training %s, batch %lld, %s%s\n", json_string_value(json_object_get(doc, "model")),
                       (long long)json_integer_value(json_object_get(doc, "batch")), json_string_value(json_object_get(doc, "isa")),
                       json_is_true(json_object_get(doc, "recompute")) ? ", recomputing" : "");
    for (size_t i = 0; i < WHET_COUNT(rows); i++)
        whet_strbuf_printf(out, "%-42s %12s\n", rows[i].text, whet_render_bytes(text, sizeof text, (double)json_integer_value(json_object_get(m, rows[i].key))));
}

whet_status whet_train_memory(whet_result **out, const whet_train_bench_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *doc = NULL;
    *out = NULL;
    if (opt == NULL || opt->size != sizeof *opt)
        return WHET_FAIL(WHET_EINVAL, "options of the wrong size: use whet_train_bench_options_init of this version's header");
    whet_train_bench_settings s = {.model = opt->model, .batch = opt->batch, .threads = opt->threads, .recompute = opt->recompute != 0, .store_bf16 = opt->store_bf16 != 0, .isa = UINT32_MAX};
    if (opt->isa != NULL) WHET_TRY(whet_isa_parse(opt->isa, &s.isa));
    WHET_TRY(whet_train_bench_run(&doc, &s));
    json_object_set_new(doc, "recompute", json_boolean(s.recompute));
    json_object_set_new(doc, "store_bf16", json_boolean(s.store_bf16));
    return whet_result_make(out, "train-memory", doc, 0, render_memory);
}
