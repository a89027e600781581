/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules. One-cycle follows Smith and Topin, "Super-convergence" (2018), in the two-phase cosine form that
 * PyTorch's OneCycleLR computes, step for step; step decay follows StepLR; cosine is Loshchilov and Hutter, "SGDR" (2017),
 * without restarts; polynomial is PolynomialLR's (DeepLab's "poly", Chen et al. 2017), over the steps after the warm-up. Warm-up of the others is linear (Goyal et al., "Accurate, large minibatch SGD", 2017). */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static const double pi = 3.14159265358979323846;
static const char *const names[] = {"constant", "step", "cosine", "onecycle", "polynomial"};

void whet_schedule_init(whet_schedule *s, whet_schedule_kind kind, double lr, int64_t steps, int64_t epoch_steps)
{
    const double epochs = epoch_steps > 0 ? (double)steps / (double)epoch_steps : 1;
    *s = (whet_schedule){.kind = kind, .lr = lr, .gamma = 0.1, .every = ceil(epochs / 3), .power = 1, .div = 25, .final_div = 1e4,
                         .warmup = kind == WHET_SCHEDULE_ONECYCLE ? 0.3 : 0, .steps = steps, .epoch_steps = epoch_steps};
}

whet_status whet_schedule_parse(const char *name, whet_schedule_kind *kind)
{
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *kind = (whet_schedule_kind)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "unknown schedule '%s': choose constant, step, cosine, onecycle or polynomial", name);
}

const char *whet_schedule_name(whet_schedule_kind kind)
{
    return names[kind];
}

/* From a (share 0) to b (share 1) along half a cosine. */
static double anneal(double a, double b, double share)
{
    return b + (a - b) / 2 * (1 + cos(pi * share));
}

static double one_cycle(const whet_schedule *s, int64_t step)
{
    const double first = s->lr / s->div, last = first / s->final_div;
    const double top = s->warmup * (double)s->steps - 1, end = (double)s->steps - 1, t = (double)step;
    if (t <= top) return anneal(first, s->lr, top > 0 ? t / top : 1);
    return anneal(s->lr, last, end > top ? (t - top) / (end - top) : 1);
}

double whet_schedule_lr(const whet_schedule *s, int64_t step)
{
    if (s->kind == WHET_SCHEDULE_ONECYCLE) return one_cycle(s, step);
    const int64_t rise = (int64_t)llround(s->warmup * (double)s->steps);
    if (step < rise) return s->lr * (double)(step + 1) / (double)(rise + 1);
    if (s->kind == WHET_SCHEDULE_STEP) {
        const double epoch = s->epoch_steps > 0 ? (double)(step / s->epoch_steps) : 0;
        return s->lr * pow(s->gamma, s->every > 0 ? floor(epoch / s->every) : 0);
    }
    const double gone = (double)(step - rise) / (double)(s->steps - rise);
    if (s->kind == WHET_SCHEDULE_COSINE) return anneal(s->lr, s->lr_min, gone);
    if (s->kind == WHET_SCHEDULE_POLYNOMIAL) return s->lr_min + (s->lr - s->lr_min) * pow(1 - gone, s->power);
    return s->lr;
}
