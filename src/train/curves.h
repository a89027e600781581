/* SPDX-License-Identifier: Apache-2.0 */
/* Curves of a run in three forms in its folder: curves.csv (a line per epoch), curves.jsonl (epochs, and steps now and then)
 * and a TensorBoard event file. They are appended to; a checkpoint stores how long they were, and a resumed run cuts them
 * back to that, so that nothing stands in them twice. */
#ifndef WHET_TRAIN_CURVES_H
#define WHET_TRAIN_CURVES_H

#include <stdint.h>

#include "base/status.h"

enum { WHET_CURVE_FILES = 3 };

typedef struct whet_curves whet_curves;
/* sizes: of the files at the checkpoint, NULL starts new ones. */
whet_status whet_curves_open(whet_curves **out, const char *dir, const int64_t sizes[WHET_CURVE_FILES]);
void whet_curves_close(whet_curves *c); /* accepts NULL */

typedef struct whet_epoch_record {
    int64_t epoch; /* counted from 1 */
    int64_t step;  /* steps done */
    double lr, train_loss, train_accuracy;
    double val_loss, val_accuracy; /* NaN without a validation split */
    double seconds, images_per_second;
} whet_epoch_record;
whet_status whet_curves_step(whet_curves *c, int64_t epoch, int64_t step, double lr, double loss);
whet_status whet_curves_epoch(whet_curves *c, const whet_epoch_record *r);
/* Everything handed to the system; the lengths. */
whet_status whet_curves_flush(whet_curves *c, int64_t sizes[WHET_CURVE_FILES]);

#endif
