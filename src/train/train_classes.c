/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of the classes in the cross-entropy: given one by one, or balanced: n / (classes * n of the class) over the
 * training split, so that every class has the same share of the sum (King & Zeng 2001; scikit-learn's "balanced"). */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/trainer.h"

static whet_status balance(trainer *t, float *w)
{
    const int n = whet_dataset_count(t->data, WHET_SPLIT_TRAIN);
    whet_status status = WHET_OK;
    int64_t *count = whet_calloc((size_t)t->classes, sizeof *count);
    if (count == NULL) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) count[whet_dataset_label(t->data, WHET_SPLIT_TRAIN, i)]++;
    for (int c = 0; c < t->classes && status == WHET_OK; c++) {
        if (count[c] == 0)
            status = WHET_FAIL(WHET_EINVAL, "class_weights balanced: the training split has no picture of class '%s'; give the weights one by one",
                               whet_dataset_class_name(t->data, c));
        else
            w[c] = (float)((double)n / ((double)t->classes * (double)count[c]));
    }
    whet_free(count);
    return status;
}

static whet_status parse(const trainer *t, const char *text, float *w)
{
    double sum = 0;
    const char *p = text;
    for (int c = 0; c < t->classes; c++) {
        char *end = NULL;
        const double x = strtod(p, &end);
        const bool last = c + 1 == t->classes;
        if (end == p || *end != (last ? '\0' : ',') || !(x >= 0 && x <= 1e6))
            return WHET_FAIL(WHET_EINVAL, "class_weights '%s': allowed is 'balanced', 'none', or %d numbers from 0 to 1000000 with commas between "
                             "them, one for each class", text, t->classes);
        w[c] = (float)x;
        sum += w[c]; /* as trained with: 1e-50 is 0 */
        p = end + !last;
    }
    return sum > 0 ? WHET_OK : WHET_FAIL(WHET_EINVAL, "class_weights '%s' are all 0: nothing would be learnt", text);
}

whet_status trainer_weigh_classes(trainer *t)
{
    const char *text = t->s.class_weights;
    if (text == NULL || strcmp(text, "none") == 0) return WHET_OK;
    t->class_weights = whet_calloc((size_t)t->classes, sizeof *t->class_weights);
    if (t->class_weights == NULL) return WHET_ENOMEM;
    t->s.weight_of_class = t->class_weights;
    return strcmp(text, "balanced") == 0 ? balance(t, t->class_weights) : parse(t, text, t->class_weights);
}
