/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a set as an image folder. The tree grows under a temporary name beside its place and is renamed when complete, so
 * an interrupted run leaves nothing that looks like a set. The thousands of files are not synced one by one. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/strbuf.h"
#include "data/dataset_impl.h"
#include "data/fetch.h"

static whet_status plain_write(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(data, 1, n, f) == n;
    int code = errno;

    if (f && fclose(f) != 0 && ok) {
        ok = false;
        code = errno;
    }
    if (ok) return WHET_OK;
    whet_fail(WHET_EIO, "writing failed: %s", strerror(code));
    whet_error_at_file(path);
    return WHET_EIO;
}

/* Bytes of the sample's file: its own, or a PNG of its pixels. */
static whet_status file_bytes(whet_dataset *d, whet_split s, int i, whet_strbuf *out)
{
    const whet_sample *one = &d->split[s].v[i];
    whet_image img = {0};
    uint8_t *data = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;

    if (d->kind == WHET_SAMPLE_ENCODED) {
        whet_strbuf_add(out, one->bytes, one->size);
    } else if (d->kind == WHET_SAMPLE_FILE) {
        WHET_TRY(whet_file_read(&data, &size, one->name, 1 << 30));
        whet_strbuf_add(out, data, size);
        whet_free(data);
    } else {
        WHET_TRY(whet_dataset_image(d, s, i, &img, NULL));
        status = whet_image_encode_png(out, &img);
        whet_image_dispose(&img);
    }
    return status == WHET_OK && out->failed ? WHET_ENOMEM : status;
}

static whet_status export_one(whet_dataset *d, whet_split s, int i, const char *folder)
{
    const char *name = whet_dataset_sample_name(d, s, i);
    char number[16], *path = NULL;
    whet_strbuf bytes;
    whet_status status = WHET_OK;

    whet_strbuf_init(&bytes);
    snprintf(number, sizeof number, "%05d.png", i);
    path = whet_path_join(folder, *name ? whet_path_base(name) : number);
    status = path ? file_bytes(d, s, i, &bytes) : WHET_ENOMEM;
    if (status == WHET_OK) status = plain_write(path, bytes.data, bytes.len);
    whet_strbuf_dispose(&bytes);
    whet_free(path);
    return status;
}

static whet_status make_folders(const whet_dataset *d, const char *root, whet_split s)
{
    for (int c = 0; c < d->n_classes; c++) {
        char *folder = whet_format("%s/%s/%s", root, whet_split_name(s), d->classes[c]);
        whet_status status = folder ? whet_mkdirs(folder) : WHET_ENOMEM;
        whet_free(folder);
        WHET_TRY(status);
    }
    return WHET_OK;
}

static whet_status export_split(whet_dataset *d, const char *root, whet_split s, int limit, whet_progress_fn progress, void *arg,
                                int *count)
{
    int n = whet_dataset_count(d, s), take = limit > 0 && limit < n ? limit : n;
    char stage[32];

    snprintf(stage, sizeof stage, "write %s", whet_split_name(s));
    if (n) WHET_TRY(make_folders(d, root, s));
    for (int k = 0; k < take; k++) {
        int i = (int)((int64_t)k * n / take);
        char *folder = whet_format("%s/%s/%s", root, whet_split_name(s), d->classes[d->split[s].v[i].label]);
        whet_status status = folder ? export_one(d, s, i, folder) : WHET_ENOMEM;
        whet_free(folder);
        WHET_TRY(status);
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted while writing '%s'", root);
        if (progress && (k % 256 == 0 || k + 1 == take)) progress(arg, stage, k + 1, take, "img", NULL);
    }
    *count = take;
    return WHET_OK;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path) == 0 ? 0 : -1;
}

whet_status whet_dataset_export(whet_dataset *d, const char *dir, int limit, whet_progress_fn progress, void *arg,
                                int counts[WHET_SPLIT_COUNT])
{
    char *part = whet_format("%s.part-%ld", dir, (long)getpid());
    whet_status status = WHET_OK;

    memset(counts, 0, WHET_SPLIT_COUNT * sizeof *counts);
    if (!part) return WHET_ENOMEM;
    if (d->n_classes == 0) {
        status = WHET_FAIL(WHET_EINVAL, "'%s' is unlabelled and cannot be written as class folders", d->name);
        goto done;
    }
    if (whet_file_exists(dir)) {
        status = WHET_FAIL(WHET_EINVAL, "'%s' is a file, name a new folder", dir);
        goto done;
    }
    if (whet_dir_exists(dir) && rmdir(dir) != 0) {
        status = WHET_FAIL(WHET_EINVAL, "folder '%s' exists and is not empty, name a new one", dir);
        goto done;
    }
    for (int s = 0; s < WHET_SPLIT_COUNT; s++)
        WHET_GOTO(export_split(d, part, (whet_split)s, limit, progress, arg, &counts[s]));
    if (rename(part, dir) != 0) {
        status = WHET_FAIL(WHET_EIO, "cannot rename to '%s': %s", dir, strerror(errno));
        whet_error_at_file(part);
    }
done:
    if (status != WHET_OK && part) (void)nftw(part, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    whet_free(part);
    return status;
}
