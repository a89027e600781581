/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a training run as one table: defaults per model, ranges, JSON for the checkpoint, comparison on resume. */
#include <math.h>

#include "base/mem.h"
#include "train/schedule.h"
#include "train/train.h"

typedef enum field_kind { FIELD_INT, FIELD_REAL, FIELD_STRING } field_kind;
typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
    double least, most; /* allowed range of numbers */
} field;

#define FIELD(name, kind, least, most) {#name, FIELD_##kind, offsetof(whet_train_settings, name), least, most}
static const field fields[] = {
    FIELD(model, STRING, 0, 0),
    FIELD(data, STRING, 0, 0),
    FIELD(val, STRING, 0, 0),
    FIELD(optimizer, STRING, 0, 0),
    FIELD(schedule, STRING, 0, 0),
    FIELD(epochs, INT, 1, 100000),
    FIELD(batch, INT, 1, 65536),
    FIELD(seed, INT, 0, 9.2e18),
    FIELD(lr, REAL, 0, 1e6),
    FIELD(momentum, REAL, 0, 0.9999),
    FIELD(weight_decay, REAL, 0, 10),
    FIELD(label_smoothing, REAL, 0, 0.99),
    FIELD(warmup, REAL, 0, 0.99),
    FIELD(lr_min, REAL, 0, 1e6),
    FIELD(gamma, REAL, 0, 1),
    FIELD(step_every, REAL, 0, 100000),
    FIELD(div, REAL, 1, 1e9),
    FIELD(final_div, REAL, 1, 1e12),
    FIELD(beta1, REAL, 0, 0.999999),
    FIELD(beta2, REAL, 0, 0.999999),
    FIELD(epsilon, REAL, 0, 1),
    FIELD(nesterov, INT, 0, 1),
    FIELD(decay_all, INT, 0, 1),
    FIELD(pad_crop, INT, 0, 1024),
    FIELD(hflip, INT, 0, 1),
    FIELD(rotate, REAL, 0, 180),
    FIELD(shift, REAL, 0, 0.5),
    FIELD(early_stop, INT, 0, 100000),
    FIELD(drop_last, INT, 0, 1),
    FIELD(weights, STRING, 0, 0),
    FIELD(contract_json, STRING, 0, 0),
};

#define NEUTRAL                                                                                                     \
    .val = NULL, .seed = 0, .lr_min = 0, .gamma = 0.1, .step_every = 0, .div = 25, .final_div = 1e4, .beta1 = 0.9,  \
    .beta2 = 0.999, .epsilon = 1e-8, .decay_all = 0, .rotate = 0, .shift = 0, .early_stop = 0, .drop_last = 1
#define SGD(peak, decay) .optimizer = "sgd", .momentum = 0.9, .nesterov = 1, .lr = peak, .weight_decay = decay

/* Found by the longest name that begins the model's; the last row is for everything else. step_every 0: a third. */
static const struct { const char *model; whet_train_settings s; } defaults[] = {
    {"lenet", {NEUTRAL, SGD(0.05, 5e-4), .schedule = "onecycle", .warmup = 0.3, .epochs = 4, .batch = 64}},
    {"cifar-convnet", {NEUTRAL, SGD(0.05, 5e-4), .schedule = "onecycle", .warmup = 0.3, .epochs = 20, .batch = 64, .hflip = 1,
                       .pad_crop = 2}},
    {"resnet", {NEUTRAL, SGD(0.4, 5e-4), .schedule = "onecycle", .warmup = 0.3, .epochs = 30, .batch = 128,
                .label_smoothing = 0.1, .hflip = 1, .pad_crop = 4}},
    {"", {NEUTRAL, SGD(0.02, 1e-4), .schedule = "onecycle", .warmup = 0.3, .epochs = 10, .batch = 32}},
};
#undef SGD

static int64_t *int_of(const whet_train_settings *s, const field *f)
{
    return (int64_t *)((char *)(uintptr_t)s + f->offset);
}

static double *real_of(const whet_train_settings *s, const field *f)
{
    return (double *)((char *)(uintptr_t)s + f->offset);
}

static const char **string_of(const whet_train_settings *s, const field *f)
{
    return (const char **)((char *)(uintptr_t)s + f->offset);
}

void whet_train_settings_init(whet_train_settings *s)
{
    *s = (whet_train_settings){.save_seconds = 60, .isa = UINT32_MAX};
    for (size_t i = 0; i < WHET_COUNT(fields); i++) {
        if (fields[i].kind == FIELD_INT) *int_of(s, &fields[i]) = WHET_TRAIN_UNSET;
        if (fields[i].kind == FIELD_REAL) *real_of(s, &fields[i]) = NAN;
    }
}

static bool is_set(const whet_train_settings *s, const field *f)
{
    if (f->kind == FIELD_INT) return *int_of(s, f) != WHET_TRAIN_UNSET;
    if (f->kind == FIELD_REAL) return !isnan(*real_of(s, f));
    return *string_of(s, f) != NULL;
}

whet_status whet_train_settings_adopt(whet_train_settings *s, const json_t *stored)
{
    for (size_t i = 0; i < WHET_COUNT(fields); i++) {
        const field *f = &fields[i];
        const json_t *v = json_object_get(stored, f->name);
        if (is_set(s, f) || v == NULL || json_is_null(v)) continue;
        bool fits = f->kind == FIELD_STRING ? json_is_string(v) : f->kind == FIELD_INT ? json_is_integer(v) : json_is_number(v);
        if (!fits) return WHET_FAIL(WHET_EFORMAT, "setting '%s' of the checkpoint has the wrong type", f->name);
        if (f->kind == FIELD_INT) *int_of(s, f) = json_integer_value(v);
        if (f->kind == FIELD_REAL) *real_of(s, f) = json_number_value(v);
        if (f->kind == FIELD_STRING) *string_of(s, f) = json_string_value(v);
    }
    return WHET_OK;
}

static whet_status check(const whet_train_settings *s)
{
    whet_schedule_kind kind;
    for (size_t i = 0; i < WHET_COUNT(fields); i++) {
        const field *f = &fields[i];
        if (f->kind == FIELD_STRING) continue;
        double x = f->kind == FIELD_INT ? (double)*int_of(s, f) : *real_of(s, f);
        if (!(x >= f->least && x <= f->most))
            return WHET_FAIL(WHET_EINVAL, "setting '%s' is %g, allowed is %g to %g", f->name, x, f->least, f->most);
    }
    if (!(s->lr > 0)) return WHET_FAIL(WHET_EINVAL, "the learning rate must be greater than 0");
    if (strcmp(s->optimizer, "sgd") != 0 && strcmp(s->optimizer, "adam") != 0 && strcmp(s->optimizer, "adamw") != 0)
        return WHET_FAIL(WHET_EINVAL, "unknown optimizer '%s': choose sgd, adam or adamw", s->optimizer);
    if (s->nesterov == 1 && strcmp(s->optimizer, "sgd") == 0 && !(s->momentum > 0))
        return WHET_FAIL(WHET_EINVAL, "nesterov needs a momentum greater than 0: give --momentum 0.9 or --no-nesterov");
    return whet_schedule_parse(s->schedule, &kind);
}

whet_status whet_train_settings_resolve(whet_train_settings *s)
{
    size_t row = 0;
    if (s->model == NULL) return WHET_FAIL(WHET_EINVAL, "no model given: name one of the zoo or an ONNX file");
    if (s->data == NULL) return WHET_FAIL(WHET_EINVAL, "no data given: name a data set or a folder");
    while (strncmp(s->model, defaults[row].model, strlen(defaults[row].model)) != 0) row++;
    const whet_train_settings *d = &defaults[row].s;
    /* rates of Adam's kind unless the user says otherwise; warm-up as the schedule's kind is used to */
    if (s->optimizer != NULL && strncmp(s->optimizer, "adam", 4) == 0) {
        if (isnan(s->lr)) s->lr = 2e-3;
        if (isnan(s->weight_decay)) s->weight_decay = strcmp(s->optimizer, "adamw") == 0 ? 0.01 : 0;
    }
    if (s->schedule != NULL && strcmp(s->schedule, "onecycle") != 0 && isnan(s->warmup)) s->warmup = 0;
    if (!isnan(s->momentum) && s->momentum <= 0 && s->nesterov == WHET_TRAIN_UNSET) s->nesterov = 0;
    for (size_t i = 0; i < WHET_COUNT(fields); i++) {
        const field *f = &fields[i];
        if (is_set(s, f)) continue;
        if (f->kind == FIELD_INT) *int_of(s, f) = *int_of(d, f);
        if (f->kind == FIELD_REAL) *real_of(s, f) = *real_of(d, f);
        if (f->kind == FIELD_STRING) *string_of(s, f) = *string_of(d, f);
    }
    return check(s);
}

static json_t *field_json(const whet_train_settings *s, const field *f)
{
    if (f->kind == FIELD_INT) return json_integer(*int_of(s, f));
    if (f->kind == FIELD_REAL) return json_real(*real_of(s, f));
    return *string_of(s, f) != NULL ? json_string(*string_of(s, f)) : json_null();
}

json_t *whet_train_settings_json(const whet_train_settings *s)
{
    json_t *o = json_object();
    for (size_t i = 0; o != NULL && i < WHET_COUNT(fields); i++)
        if (json_object_set_new(o, fields[i].name, field_json(s, &fields[i])) != 0) {
            json_decref(o);
            o = NULL;
        }
    if (o == NULL) WHET_FAIL(WHET_ENOMEM, "out of memory for the settings");
    return o;
}

whet_status whet_train_settings_same(const whet_train_settings *s, const json_t *stored)
{
    whet_status status = WHET_OK;
    for (size_t i = 0; status == WHET_OK && i < WHET_COUNT(fields); i++) {
        const field *f = &fields[i];
        json_t *now = field_json(s, f);
        const json_t *then = json_object_get(stored, f->name);
        bool same = f->kind == FIELD_REAL ? json_number_value(now) == json_number_value(then)
                                               : json_equal(now, then) || (json_is_null(now) && then == NULL);
        if (!same) {
            char *a = json_dumps(then, JSON_ENCODE_ANY | JSON_COMPACT), *b = json_dumps(now, JSON_ENCODE_ANY | JSON_COMPACT);
            status = WHET_FAIL(WHET_EINVAL, "the checkpoint was made with %s = %s, this run has %s: leave the setting out to go on "
                               "as before, or train into another folder", f->name, a != NULL ? a : "nothing", b != NULL ? b : "?");
            free(a);
            free(b);
        }
        json_decref(now);
    }
    return status;
}
