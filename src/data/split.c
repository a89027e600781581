/* SPDX-License-Identifier: Apache-2.0 */
/* Splits. What a set brings itself is kept. A set without a validation split gets a seeded, stratified 10 % of train. A
 * folder of classes without splits is divided 80/10/10 for training; for a model that is only measured it is all test, less
 * 10 % for choices. No choice ever sees the test split. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/dataset_impl.h"

enum { STREAM = 0x53504c49 }; /* keeps the split's numbers apart from all other uses of the seed */

/* Marks round(share * n) of class c's n samples, at least one if there are two or more. */
static whet_status mark_class(const whet_samples *s, int c, double share, uint64_t seed, bool *take, uint32_t *index)
{
    uint32_t n = 0, k = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].label == c) index[n++] = (uint32_t)i;
    k = (uint32_t)floor(share * n + 0.5);
    if (k == 0 && n >= 2 && share > 0) k = 1;
    if (k >= n && n > 0 && share < 1) k = n - 1;
    whet_rng_shuffle(seed, whet_rng_mix(STREAM, (uint64_t)(int64_t)c), index, n);
    for (uint32_t i = 0; i < k; i++) take[index[i]] = true;
    return WHET_OK;
}

whet_status whet_split_move(whet_samples *from, whet_samples *to, double share, uint64_t seed, int n_classes)
{
    bool *take = whet_calloc(from->n, sizeof *take);
    uint32_t *index = whet_calloc(from->n, sizeof *index);
    size_t kept = 0;
    whet_status status = WHET_OK;

    if (!take || !index) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int c = n_classes ? 0 : -1; c < n_classes; c++) WHET_GOTO(mark_class(from, c, share, seed, take, index));
    for (size_t i = 0; i < from->n; i++) {
        if (take[i]) WHET_GOTO(whet_samples_add(to, &from->v[i]));
        else from->v[kept++] = from->v[i];
    }
    from->n = kept;
done:
    whet_free(take);
    whet_free(index);
    return status;
}

static whet_status parse_share(const char *text, double *share)
{
    char *end = NULL;

    *share = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0) {
        *share /= 100;
        end++;
    }
    if (end == text || *end || !(*share > 0) || !(*share < 1))
        return WHET_FAIL(WHET_EINVAL, "'%s' is no validation share, use a number between 0 and 1, or none", text);
    return WHET_OK;
}

static void describe_own(whet_dataset *d)
{
    for (int s = 0; s < WHET_SPLIT_COUNT; s++)
        snprintf(d->split[s].text, sizeof d->split[s].text, "%s",
                 d->split[s].n ? "the set's own" : s == WHET_SPLIT_TEST ? "none: the set has no test split" : "none");
}

static whet_status split_unsplit(whet_dataset *d, const whet_dataset_options *o, bool no_val)
{
    whet_samples *train = &d->split[WHET_SPLIT_TRAIN], *val = &d->split[WHET_SPLIT_VAL], *test = &d->split[WHET_SPLIT_TEST];
    unsigned long long seed = o->seed;

    if (o->own_model && no_val) {
        WHET_TRY(whet_split_move(train, test, 1.0, o->seed, d->n_classes));
        snprintf(val->text, sizeof val->text, "none: --val none");
        snprintf(test->text, sizeof test->text, "the whole folder");
        snprintf(train->text, sizeof train->text, "none: the model is given");
        return WHET_OK;
    }
    if (o->own_model) {
        WHET_TRY(whet_split_move(train, val, 0.1, o->seed, d->n_classes));
        WHET_TRY(whet_split_move(train, test, 1.0, o->seed, d->n_classes));
        snprintf(val->text, sizeof val->text, "seeded stratified 10 %% of the folder, for choices (seed %llu)", seed);
        snprintf(test->text, sizeof test->text, "the folder, less 10 %% taken for choices (seed %llu)", seed);
        snprintf(train->text, sizeof train->text, "none: the model is given");
        return WHET_OK;
    }
    WHET_TRY(whet_split_move(train, test, 0.1, o->seed, d->n_classes));
    if (no_val) {
        snprintf(train->text, sizeof train->text, "seeded stratified 90 %% of the folder (seed %llu)", seed);
        snprintf(val->text, sizeof val->text, "none: --val none");
        snprintf(test->text, sizeof test->text, "seeded stratified 10 %% of the folder (seed %llu)", seed);
        return WHET_OK;
    }
    WHET_TRY(whet_split_move(train, val, 1.0 / 9, whet_rng_mix(o->seed, 1), d->n_classes));
    snprintf(train->text, sizeof train->text, "seeded stratified 80 %% of the folder (seed %llu)", seed);
    snprintf(val->text, sizeof val->text, "seeded stratified 10 %% of the folder (seed %llu)", seed);
    snprintf(test->text, sizeof test->text, "seeded stratified 10 %% of the folder (seed %llu)", seed);
    return WHET_OK;
}

whet_status whet_split_apply(whet_dataset *d, const whet_dataset_options *o)
{
    whet_samples *train = &d->split[WHET_SPLIT_TRAIN], *val = &d->split[WHET_SPLIT_VAL];
    bool none = o->val && strcmp(o->val, "none") == 0;
    double share = 0.1;

    if (o->val && !none) WHET_TRY(parse_share(o->val, &share));
    describe_own(d);
    if (train->n && !train->own) return split_unsplit(d, o, none);
    if (none) {
        val->n = 0;
        snprintf(val->text, sizeof val->text, "none: --val none");
        return WHET_OK;
    }
    if (train->n == 0 || (val->n > 0 && !o->val)) return WHET_OK;
    val->n = 0; /* an explicit share replaces the set's own */
    WHET_TRY(whet_split_move(train, val, share, o->seed, d->n_classes));
    snprintf(val->text, sizeof val->text, "seeded stratified %.4g %% of train (seed %llu)", share * 100,
             (unsigned long long)o->seed);
    snprintf(train->text, sizeof train->text, "the set's own, less %.4g %% taken for validation", share * 100);
    return WHET_OK;
}
