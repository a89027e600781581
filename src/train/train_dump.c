/* SPDX-License-Identifier: Apache-2.0 */
/* What a run saw, for comparison with another program: initial weights, and per step pictures, labels and rate. */
#include "base/io.h"
#include "base/mem.h"
#include "train/trainer.h"
#include "wire/npy.h"

whet_status trainer_dump_start(trainer *t)
{
    whet_status status = WHET_ENOMEM;
    char *path = whet_path_join(t->s.dump_batches, "init.safetensors");
    if (path == NULL) goto done;
    WHET_GOTO(whet_mkdirs(t->s.dump_batches));
    WHET_GOTO(whet_checkpoint_save(path, t->exec, &t->state, t->settings, t->identity, t->history));
done:
    whet_free(path);
    return status;
}

whet_status trainer_dump_batch(trainer *t, const whet_batch *b)
{
    whet_status status = WHET_ENOMEM;
    const int64_t dims[4] = {b->n, t->channels, t->height, t->width};
    const double lr = whet_schedule_lr(&t->schedule, t->state.step);
    const int step = (int)trainer_batch_number(t);
    char *x = whet_format("%s/x_%05d.npy", t->s.dump_batches, step), *y = whet_format("%s/y_%05d.npy", t->s.dump_batches, step);
    char *rate = whet_format("%s/lr_%05d.npy", t->s.dump_batches, step);
    if (x == NULL || y == NULL || rate == NULL) goto done;
    WHET_GOTO(whet_npy_write(x, 'f', 4, 4, dims, b->x));
    WHET_GOTO(whet_npy_write(y, 'i', 8, 1, dims, b->y));
    WHET_GOTO(whet_npy_write(rate, 'f', 8, 0, dims, &lr));
done:
    whet_free(x);
    whet_free(y);
    whet_free(rate);
    return status;
}
