/* SPDX-License-Identifier: Apache-2.0 */
/* CIFAR-10's binary version: data_batch_1..5.bin and test_batch.bin, records of one label byte and 3 x 1,024 bytes (red,
 * green, blue planes of 32 x 32), names in batches.meta.txt. As a folder (also with the folder that the archive makes) or
 * straight from cifar-10-binary.tar.gz. Source: A. Krizhevsky, "Learning multiple layers of features from tiny images",
 * and the site's description. */
#include <string.h>

#include "base/hash.h"
#include "data/archive.h"
#include "data/dataset_impl.h"

enum { RECORD = 1 + 3 * 32 * 32, N_FILES = 6, MAX_FILE = 64 << 20 };

static const char *const files[N_FILES] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
static const char *const names[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                      "dog",      "frog",       "horse", "ship", "truck"};
static const char folder[] = "cifar-10-batches-bin";

struct parts { uint8_t *data[N_FILES]; size_t size[N_FILES]; const char *where; };

static int file_index(const char *name)
{
    for (int i = 0; i < N_FILES; i++)
        if (strcmp(whet_path_base(name), files[i]) == 0) return i;
    return -1;
}

/* Folder with the .bin files: path itself or the archive's folder in it; heap or NULL. */
static char *find_folder(const char *path)
{
    char *tries[2] = {whet_strdup(path), whet_path_join(path, folder)}, *found = NULL;

    for (int i = 0; i < 2; i++) {
        for (int f = 0; f < N_FILES && tries[i] && !found; f++) {
            char *file = whet_path_join(tries[i], files[f]);
            if (file && whet_file_exists(file)) {
                found = tries[i];
                tries[i] = NULL;
            }
            whet_free(file);
        }
        whet_free(tries[i]);
    }
    return found;
}

static char *find_archive(const char *path)
{
    char *file = NULL;

    if (!whet_dir_exists(path)) return strstr(whet_path_base(path), "cifar-10-binary") ? whet_strdup(path) : NULL;
    file = whet_path_join(path, "cifar-10-binary.tar.gz");
    if (file && whet_file_exists(file)) return file;
    whet_free(file);
    return NULL;
}

bool whet_cifar_fits(const char *path)
{
    char *dir = find_folder(path), *archive = find_archive(path);
    bool yes = dir || archive;

    whet_free(dir);
    whet_free(archive);
    return yes;
}

static whet_status from_archive(void *arg, const char *name, const uint8_t *data, size_t size)
{
    struct parts *p = arg;
    int i = file_index(name);

    if (i < 0 || p->data[i]) return WHET_OK;
    p->data[i] = whet_alloc(size);
    if (!p->data[i]) return WHET_ENOMEM;
    memcpy(p->data[i], data, size);
    p->size[i] = size;
    return WHET_OK;
}

static whet_status from_folder(struct parts *p, const char *dir)
{
    for (int i = 0; i < N_FILES; i++) {
        char *file = whet_path_join(dir, files[i]);
        whet_status status = file ? WHET_OK : WHET_ENOMEM;
        if (file && whet_file_exists(file)) status = whet_file_read(&p->data[i], &p->size[i], file, MAX_FILE);
        whet_free(file);
        WHET_TRY(status);
    }
    return WHET_OK;
}

static whet_status take(whet_dataset *d, const struct parts *p)
{
    whet_sha256 sha;
    size_t total = 0, at = 0;

    whet_sha256_init(&sha);
    for (int i = 0; i < N_FILES; i++) {
        if (p->size[i] % RECORD != 0 || (p->data[i] && p->size[i] == 0)) {
            whet_fail(WHET_EFORMAT, "%s holds %zu bytes, no whole number of records of %d", files[i], p->size[i], RECORD);
            whet_error_at_file(p->where);
            whet_error_at_offset((int64_t)(p->size[i] / RECORD * RECORD));
            return WHET_EFORMAT;
        }
        if (!whet_add_size(total, p->size[i], &total)) return WHET_FAIL(WHET_ENOMEM, "the set is too large");
    }
    if (total == 0) return WHET_FAIL(WHET_EFORMAT, "'%s' holds none of CIFAR-10's .bin files", p->where);
    d->block = whet_alloc(total);
    if (!d->block) return WHET_ENOMEM;
    for (int i = 0; i < N_FILES; i++) {
        whet_samples *s = &d->split[i < 5 ? WHET_SPLIT_TRAIN : WHET_SPLIT_TEST];
        for (size_t r = 0; r < p->size[i] / RECORD; r++) {
            const uint8_t *rec = p->data[i] + r * RECORD;
            whet_sample sample = {NULL, d->block + at, RECORD - 1, rec[0]};
            if (rec[0] > 9) {
                whet_fail(WHET_EFORMAT, "%s has label %d, labels go from 0 to 9", files[i], rec[0]);
                whet_error_at_file(p->where);
                whet_error_at_offset((int64_t)(r * RECORD));
                return WHET_EFORMAT;
            }
            memcpy(d->block + at, rec + 1, RECORD - 1);
            at += RECORD - 1;
            WHET_TRY(whet_samples_add(s, &sample));
            s->own = true;
        }
        if (p->size[i]) whet_sha256_add(&sha, p->data[i], p->size[i]);
    }
    whet_sha256_hex(&sha, d->content);
    d->kind = WHET_SAMPLE_RAW;
    d->raw_width = d->raw_height = 32;
    d->raw_channels = 3;
    for (int i = 0; i < 10; i++) WHET_TRY(whet_dataset_add_class(d, names[i]));
    return WHET_OK;
}

whet_status whet_cifar_open(whet_dataset *d, const char *path)
{
    struct parts p;
    char *dir = find_folder(path), *archive = dir ? NULL : find_archive(path);
    whet_status status = WHET_OK;

    memset(&p, 0, sizeof p);
    p.where = path;
    if (dir) WHET_GOTO(from_folder(&p, dir));
    else if (archive) WHET_GOTO(whet_archive_each(archive, MAX_FILE, from_archive, &p));
    status = take(d, &p);
done:
    for (int i = 0; i < N_FILES; i++) whet_free(p.data[i]);
    whet_free(dir);
    whet_free(archive);
    return status;
}
