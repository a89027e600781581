/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules against values computed from the published definitions. */
#include "support.h"

#include <math.h>

#include "train/schedule.h"

static void near(double got, double want)
{
    if (fabs(got - want) > 1e-12 + 1e-9 * fabs(want)) {
        print_error("got %.17g, wanted %.17g\n", got, want);
        fail();
    }
}

/* torch.optim.lr_scheduler.OneCycleLR(max_lr=0.4, total_steps=10, pct_start=0.3): rates of the ten steps. */
static void one_cycle_is_pytorch_s(void **state)
{
    static const double want[] = {0.016,
                                  0.20800000000000002,
                                  0.4,
                                  0.3801938066,
                                  0.3246980126,
                                  0.2445043726,
                                  0.1554972274,
                                  0.0753035874,
                                  0.0198077934,
                                  1.6e-06};
    whet_schedule s;
    (void)state;
    whet_schedule_init(&s, WHET_SCHEDULE_ONECYCLE, 0.4, 10, 5);
    for (int i = 0; i < 10; i++)
        if (fabs(whet_schedule_lr(&s, i) - want[i]) > 2e-6) {
            print_error("step %d: got %.10g, wanted %.10g\n", i, whet_schedule_lr(&s, i), want[i]);
            fail();
        }
    near(whet_schedule_lr(&s, 9), 1.6e-06);
    near(whet_schedule_lr(&s, 0), 0.016);
}

static void cosine_nears_its_minimum(void **state)
{
    whet_schedule s;
    (void)state;
    whet_schedule_init(&s, WHET_SCHEDULE_COSINE, 0.1, 20, 5);
    s.lr_min = 0.02;
    near(whet_schedule_lr(&s, 0), 0.1);
    near(whet_schedule_lr(&s, 10), 0.06);
    near(whet_schedule_lr(&s, 19), 0.06 + 0.04 * cos(3.14159265358979323846 * 19 / 20));
}

static void step_falls_by_epochs(void **state)
{
    whet_schedule s;
    (void)state;
    whet_schedule_init(&s, WHET_SCHEDULE_STEP, 1, 90, 10);
    near(s.every, 3);
    near(whet_schedule_lr(&s, 29), 1);
    near(whet_schedule_lr(&s, 30), 0.1);
    near(whet_schedule_lr(&s, 89), 0.01);
}

static void warm_up_is_linear(void **state)
{
    whet_schedule s;
    (void)state;
    whet_schedule_init(&s, WHET_SCHEDULE_CONSTANT, 1, 40, 10);
    s.warmup = 0.1;
    for (int i = 0; i < 4; i++) near(whet_schedule_lr(&s, i), (i + 1) / 5.0);
    near(whet_schedule_lr(&s, 4), 1);
}

static void short_runs_do_not_divide_by_zero(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (int64_t steps = 1; steps < 5; steps++) {
            whet_schedule s;
            whet_schedule_init(&s, (whet_schedule_kind)kind, 0.4, steps, 1);
            for (int64_t i = 0; i < steps; i++) {
                double lr = whet_schedule_lr(&s, i);
                if (!(lr > 0 && lr <= 0.4 + 1e-12)) {
                    print_error("%s, %lld steps, step %lld: %g\n", whet_schedule_name(s.kind), (long long)steps, (long long)i, lr);
                    fail();
                }
            }
        }
}

static void unknown_names_are_refused(void **state)
{
    whet_schedule_kind kind;
    (void)state;
    assert_status(whet_schedule_parse("exponential", &kind), WHET_EINVAL);
    assert_contains(whet_error_message(), "onecycle");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cycle_is_pytorch_s),      cmocka_unit_test(cosine_nears_its_minimum),
        cmocka_unit_test(step_falls_by_epochs),        cmocka_unit_test(warm_up_is_linear),
        cmocka_unit_test(short_runs_do_not_divide_by_zero), cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
