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
    bool free;          /* taken from the checkpoint, but may be another one on resume */
} field;

#define FIELD(name, kind, least, most) {#name, FIELD_##kind, offsetof(whet_train_settings, name), least, most, false}
static const field fields[] = {
    FIELD(model, STRING, 0, 0),
    FIELD(data, STRING, 0, 0),
    FIELD(val, STRING, 0, 0),
    FIELD(optimizer, STRING, 0, 0),
    FIELD(schedule, STRING, 0, 0),
    FIELD(loss, STRING, 0, 0),
    FIELD(class_weights, STRING, 0, 0),
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
    FIELD(power, REAL, 0, 100),
    FIELD(beta1, REAL, 0, 0.999999),
    FIELD(beta2, REAL, 0, 0.999999),
    FIELD(epsilon, REAL, 1e-30, 1), /* 0 divides by it where a gradient is 0 */
    FIELD(alpha, REAL, 0, 0.999999),
    FIELD(centered, INT, 0, 1),
    FIELD(epsilon_inside, INT, 0, 1),
    FIELD(dice_weight, REAL, 0, 1000),
    FIELD(dice_smooth, REAL, 0, 1e6),
    FIELD(clip_norm, REAL, 0, 1e9),
    FIELD(clip_value, REAL, 0, 1e9),
    FIELD(accumulate, INT, 1, 65536),
    FIELD(ema_decay, REAL, 0, 0.9999999),
    FIELD(ema_warmup, INT, 0, 1),
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
    FIELD(recompute, INT, 0, 16),
    FIELD(store_bf16, INT, 0, 1),
    {"no_test", FIELD_INT, offsetof(whet_train_settings, no_test), 0, 1, true},
};

#define NEUTRAL                                                                                                     \
    .val = NULL, .seed = 0, .lr_min = 0, .gamma = 0.1, .step_every = 0, .div = 25, .final_div = 1e4, .beta1 = 0.9,  \
    .beta2 = 0.999, .epsilon = 1e-8, .decay_all = 0, .rotate = 0, .shift = 0, .early_stop = 0, .drop_last = 1,      \
    .power = 1, .alpha = 0.99, .loss = "ce", .dice_weight = 1, .dice_smooth = 1, .accumulate = 1, .ema_warmup = 1
#define SGD(peak, decay) .optimizer = "sgd", .momentum = 0.9, .nesterov = 1, .lr = peak, .weight_decay = decay

/* The first whose name begins the model's; the last row is for everything else. step_every 0: a third. */
static const struct { const char *model; whet_train_settings s; } defaults[] = {
    {"lenet", {NEUTRAL, SGD(0.05, 5e-4), .schedule = "onecycle", .warmup = 0.3, .epochs = 4, .batch = 64}},
    {"cifar-convnet", {NEUTRAL, SGD(0.05, 5e-4), .schedule = "onecycle", .warmup = 0.3, .epochs = 20, .batch = 64, .hflip = 1,
                       .pad_crop = 2}},
    {"resnet50", {NEUTRAL, SGD(0.1, 1e-4), .schedule = "cosine", .warmup = 0.05, .epochs = 30, .batch = 32, .label_smoothing = 0.1, .hflip = 1}},
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

/* A setting that means something only where another one has a certain value ("a|b"). */
static const struct { const char *field, *of, *values; } owners[] = {
    {"momentum", "optimizer", "sgd|rmsprop"},
    {"nesterov", "optimizer", "sgd"},
    {"beta1", "optimizer", "adam|adamw"},
    {"beta2", "optimizer", "adam|adamw"},
    {"epsilon", "optimizer", "adam|adamw|rmsprop"},
    {"alpha", "optimizer", "rmsprop"},
    {"centered", "optimizer", "rmsprop"},
    {"epsilon_inside", "optimizer", "rmsprop"},
    {"lr_min", "schedule", "cosine|polynomial"},
    {"gamma", "schedule", "step"},
    {"step_every", "schedule", "step"},
    {"power", "schedule", "polynomial"},
    {"div", "schedule", "onecycle"},
    {"final_div", "schedule", "onecycle"},
    {"label_smoothing", "loss", "ce|ce+dice"},
    {"class_weights", "loss", "ce|ce+dice"},
    {"dice_smooth", "loss", "dice|ce+dice"},
    {"dice_weight", "loss", "ce+dice"},
};

static const field *field_of(const char *name)
{
    const field *f = fields;
    while (strcmp(f->name, name) != 0) f++;
    return f;
}

static bool one_of(const char *values, const char *x)
{
    const size_t n = strlen(x);
    for (const char *p = values; *p != '\0'; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && strncmp(p, x, n) == 0) return true;
    return false;
}

static const struct { const char *name, *values, *told; } choices[] = {
    {"optimizer", "sgd|adam|adamw|rmsprop", "sgd, adam, adamw or rmsprop"}, {"loss", "ce|dice|ce+dice", "ce, dice or ce+dice"}};

/* What was given, neither 0 nor the default, for something that this run does not have. */
static whet_status check_owners(const whet_train_settings *s, const whet_train_settings *d)
{
    for (size_t i = 0; i < WHET_COUNT(owners); i++) {
        const field *f = field_of(owners[i].field);
        const char *value = *string_of(s, field_of(owners[i].of)), *text = f->kind == FIELD_STRING ? *string_of(s, f) : NULL;
        const double x = f->kind == FIELD_INT ? (double)*int_of(s, f) : f->kind == FIELD_REAL ? *real_of(s, f) : 0;
        const double usual_x = f->kind == FIELD_INT ? (double)*int_of(d, f) : f->kind == FIELD_REAL ? *real_of(d, f) : 0;
        if (one_of(owners[i].values, value) || (text == NULL ? x == 0 || x == usual_x : strcmp(text, "none") == 0)) continue;
        return WHET_FAIL(WHET_EINVAL, "'%s' has no meaning with %s '%s', it is for %s: leave it out, or choose another %s", f->name, owners[i].of,
                         value, owners[i].values, owners[i].of);
    }
    return WHET_OK;
}

static whet_status check(const whet_train_settings *s, const whet_train_settings *d)
{
    whet_schedule_kind kind;
    for (size_t i = 0; i < WHET_COUNT(choices); i++) {
        const char *x = *string_of(s, field_of(choices[i].name));
        if (!one_of(choices[i].values, x)) return WHET_FAIL(WHET_EINVAL, "unknown %s '%s': choose %s", choices[i].name, x, choices[i].told);
    }
    WHET_TRY(whet_schedule_parse(s->schedule, &kind));
    for (size_t i = 0; i < WHET_COUNT(fields); i++) {
        const field *f = &fields[i];
        if (f->kind == FIELD_STRING) continue;
        double x = f->kind == FIELD_INT ? (double)*int_of(s, f) : *real_of(s, f);
        if (!(x >= f->least && x <= f->most))
            return WHET_FAIL(WHET_EINVAL, "setting '%s' is %.9g, allowed is %.9g to %.9g", f->name, x, f->least, f->most);
    }
    if (!(s->lr > 0)) return WHET_FAIL(WHET_EINVAL, "the learning rate must be greater than 0");
    if (s->nesterov == 1 && strcmp(s->optimizer, "sgd") == 0 && !(s->momentum > 0))
        return WHET_FAIL(WHET_EINVAL, "nesterov needs a momentum greater than 0: give --momentum 0.9 or --no-nesterov");
    if (s->clip_norm > 0 && s->clip_value > 0)
        return WHET_FAIL(WHET_EINVAL, "clip_norm and clip_value are both given: choose one of them");
    if (kind == WHET_SCHEDULE_POLYNOMIAL && !(s->power > 0)) return WHET_FAIL(WHET_EINVAL, "setting 'power' is 0, allowed is more than 0 to 100");
    if (s->lr_min > s->lr) return WHET_FAIL(WHET_EINVAL, "lr_min %g is above the learning rate %g: the rate falls towards it", s->lr_min, s->lr);
    return check_owners(s, d);
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
    if (s->optimizer != NULL && strcmp(s->optimizer, "rmsprop") == 0) {
        if (isnan(s->lr)) s->lr = 1e-3;
        if (isnan(s->weight_decay)) s->weight_decay = 0;
        if (isnan(s->momentum)) s->momentum = 0;
        if (isnan(s->epsilon) && s->epsilon_inside == 1) s->epsilon = 1e-3;
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
    return check(s, d);
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
                                          : f->free || json_equal(now, then) || (json_is_null(now) && then == NULL);
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
