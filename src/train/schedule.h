/* SPDX-License-Identifier: Apache-2.0 */
/* Learning rate as a function of the step: no state, so a resumed run sees the same rates. */
#ifndef WHET_TRAIN_SCHEDULE_H
#define WHET_TRAIN_SCHEDULE_H

#include <stdint.h>

#include "base/status.h"

typedef enum whet_schedule_kind {
    WHET_SCHEDULE_CONSTANT,
    WHET_SCHEDULE_STEP,    /* x gamma every `every` epochs */
    WHET_SCHEDULE_COSINE,  /* half a cosine from lr to lr_min */
    WHET_SCHEDULE_ONECYCLE, /* up to lr and down again by cosines */
    WHET_SCHEDULE_POLYNOMIAL /* lr_min + (lr - lr_min) * (share of the steps left) ^ power */
} whet_schedule_kind;

typedef struct whet_schedule {
    whet_schedule_kind kind;
    double lr;         /* base rate; the peak of one-cycle */
    double lr_min;     /* COSINE, POLYNOMIAL: approached at the end */
    double warmup;     /* share of all steps: linear rise; one-cycle: the share that rises */
    double gamma;      /* STEP */
    double power;      /* POLYNOMIAL */
    double every;      /* STEP: epochs */
    double div, final_div; /* ONECYCLE: first rate = lr / div, last = lr / div / final_div */
    int64_t steps;     /* of the whole run */
    int64_t epoch_steps;
} whet_schedule;

/* Defaults: constant, no warm-up (one-cycle: 0.3), gamma 0.1, every third of the run, power 1, div 25, final_div 1e4. */
void whet_schedule_init(whet_schedule *s, whet_schedule_kind kind, double lr, int64_t steps, int64_t epoch_steps);
/* "constant", "step", "cosine", "onecycle", "polynomial"; EINVAL naming the choices. */
whet_status whet_schedule_parse(const char *name, whet_schedule_kind *kind);
const char *whet_schedule_name(whet_schedule_kind kind);
/* Rate of step 0 <= step < steps. */
double whet_schedule_lr(const whet_schedule *s, int64_t step);

#endif
