/* SPDX-License-Identifier: Apache-2.0 */
/* Curves as CSV, JSON lines and TensorBoard events, cut back on resume. */
#include "train/curves.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "train/tfevents.h"

enum { CSV, JSONL, EVENTS };
static const char *const names[WHET_CURVE_FILES] = {"curves.csv", "curves.jsonl", "events.out.tfevents.0.whet"};

struct whet_curves {
    FILE *file[WHET_CURVE_FILES];
    char *path[WHET_CURVE_FILES];
};

static whet_status io_failure(const whet_curves *c, int i, const char *what)
{
    WHET_FAIL(WHET_EIO, "cannot %s: %s", what, strerror(errno));
    whet_error_at_file(c->path[i]);
    return WHET_EIO;
}

static whet_status open_file(whet_curves *c, const char *dir, int i, int64_t size)
{
    c->path[i] = whet_path_join(dir, names[i]);
    if (c->path[i] == NULL) return WHET_ENOMEM;
    c->file[i] = fopen(c->path[i], size > 0 ? "r+be" : "wbe");
    if (c->file[i] == NULL && size > 0) c->file[i] = fopen(c->path[i], "wbe"); /* lost since: a new one from here */
    if (c->file[i] == NULL) return io_failure(c, i, "open");
    if (size > 0 && whet_file_size(c->path[i]) > size && ftruncate(fileno(c->file[i]), size) != 0) return io_failure(c, i, "cut");
    return fseek(c->file[i], 0, SEEK_END) == 0 ? WHET_OK : io_failure(c, i, "seek");
}

static whet_status start_files(whet_curves *c)
{
    if (ftell(c->file[CSV]) == 0 &&
        fputs("epoch,step,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds,images_per_second\n", c->file[CSV]) < 0)
        return io_failure(c, CSV, "write");
    if (ftell(c->file[EVENTS]) == 0) WHET_TRY(whet_tfevents_start(c->file[EVENTS], c->path[EVENTS]));
    return WHET_OK;
}

whet_status whet_curves_open(whet_curves **out, const char *dir, const int64_t sizes[WHET_CURVE_FILES])
{
    whet_status status = WHET_OK;
    whet_curves *c = whet_calloc(1, sizeof *c);
    *out = NULL;
    if (c == NULL) return WHET_ENOMEM;
    for (int i = 0; i < WHET_CURVE_FILES; i++) WHET_GOTO(open_file(c, dir, i, sizes != NULL ? sizes[i] : 0));
    WHET_GOTO(start_files(c));
    *out = c;
    c = NULL;
done:
    whet_curves_close(c);
    return status;
}

void whet_curves_close(whet_curves *c)
{
    if (c == NULL) return;
    for (int i = 0; i < WHET_CURVE_FILES; i++) {
        if (c->file[i] != NULL) fclose(c->file[i]);
        whet_free(c->path[i]);
    }
    whet_free(c);
}

whet_status whet_curves_step(whet_curves *c, int64_t epoch, int64_t step, double lr, double loss)
{
    if (fprintf(c->file[JSONL], "{\"kind\":\"step\",\"epoch\":%lld,\"step\":%lld,\"lr\":%.9g,\"loss\":%.9g}\n", (long long)epoch,
                (long long)step, lr, loss) < 0)
        return io_failure(c, JSONL, "write");
    const whet_tfscalar scalars[] = {{"step/loss", loss}, {"step/lr", lr}};
    return whet_tfevents_scalars(c->file[EVENTS], c->path[EVENTS], step, 2, scalars);
}

/* "0.123", or nothing for NaN. */
static const char *number(char *buf, size_t size, double x, const char *otherwise)
{
    if (isnan(x))
        snprintf(buf, size, "%s", otherwise);
    else
        snprintf(buf, size, "%.9g", x);
    return buf;
}

whet_status whet_curves_epoch(whet_curves *c, const whet_epoch_record *r)
{
    char a[32], b[32];
    if (fprintf(c->file[CSV], "%lld,%lld,%.9g,%.9g,%.9g,%s,%s,%.3f,%.1f\n", (long long)r->epoch, (long long)r->step, r->lr,
                r->train_loss, r->train_accuracy, number(a, sizeof a, r->val_loss, ""), number(b, sizeof b, r->val_accuracy, ""),
                r->seconds, r->images_per_second) < 0)
        return io_failure(c, CSV, "write");
    if (fprintf(c->file[JSONL],
                "{\"kind\":\"epoch\",\"epoch\":%lld,\"step\":%lld,\"lr\":%.9g,\"train_loss\":%.9g,\"train_accuracy\":%.9g,"
                "\"val_loss\":%s,\"val_accuracy\":%s,\"seconds\":%.3f,\"images_per_second\":%.1f}\n",
                (long long)r->epoch, (long long)r->step, r->lr, r->train_loss, r->train_accuracy,
                number(a, sizeof a, r->val_loss, "null"), number(b, sizeof b, r->val_accuracy, "null"), r->seconds,
                r->images_per_second) < 0)
        return io_failure(c, JSONL, "write");
    const whet_tfscalar scalars[] = {{"train/loss", r->train_loss}, {"train/accuracy", r->train_accuracy}, {"lr", r->lr},
                                     {"images_per_second", r->images_per_second}, {"val/loss", r->val_loss},
                                     {"val/accuracy", r->val_accuracy}};
    return whet_tfevents_scalars(c->file[EVENTS], c->path[EVENTS], r->epoch, isnan(r->val_accuracy) ? 4 : 6, scalars);
}

whet_status whet_curves_flush(whet_curves *c, int64_t sizes[WHET_CURVE_FILES])
{
    for (int i = 0; i < WHET_CURVE_FILES; i++) {
        if (fflush(c->file[i]) != 0 || fsync(fileno(c->file[i])) != 0) return io_failure(c, i, "write");
        sizes[i] = ftell(c->file[i]);
    }
    return WHET_OK;
}
