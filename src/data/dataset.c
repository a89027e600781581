/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets: finding one by name or path, and looking at it. Names are looked up in the shared folder, then in the user's
 * data folder; anything else is a path whose content decides which reader takes it (the table below, first that fits). */
#include "data/dataset.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "data/dataset_impl.h"

static const struct reader {
    bool (*fits)(const char *path);
    whet_status (*open)(whet_dataset *d, const char *path);
} readers[] = {
    {whet_idx_fits, whet_idx_open},
    {whet_cifar_fits, whet_cifar_open},
    {whet_archive_fits, whet_archive_open},
    {whet_dir_exists, whet_folder_open},
};
static const char *const known_names[] = {"mnist", "cifar10"};
static const char *const split_names[] = {"train", "val", "test"};

const char *whet_split_name(whet_split s) { return split_names[s]; }

whet_status whet_split_parse(const char *name, whet_split *s)
{
    for (int i = 0; i < WHET_SPLIT_COUNT; i++)
        if (strcmp(name, split_names[i]) == 0) {
            *s = (whet_split)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "unknown split '%s', use train, val or test", name);
}

void whet_dataset_options_init(whet_dataset_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

whet_status whet_samples_add(whet_samples *s, const whet_sample *one)
{
    if (s->n >= WHET_MAX_SAMPLES) return WHET_FAIL(WHET_ENOMEM, "more than %d pictures in a split", WHET_MAX_SAMPLES);
    if (!WHET_GROW(&s->v, s->n, &s->cap)) return WHET_ENOMEM;
    s->v[s->n++] = *one;
    return WHET_OK;
}

whet_status whet_dataset_add_class(whet_dataset *d, const char *name)
{
    char **bigger = NULL;

    if (d->n_classes >= WHET_MAX_CLASSES) return WHET_FAIL(WHET_EFORMAT, "more than %d classes", WHET_MAX_CLASSES);
    bigger = whet_realloc(d->classes, (size_t)d->n_classes + 1, sizeof *d->classes);
    if (!bigger) return WHET_ENOMEM;
    d->classes = bigger;
    d->classes[d->n_classes] = whet_strdup(name);
    if (!d->classes[d->n_classes]) return WHET_ENOMEM;
    d->n_classes++;
    return WHET_OK;
}

/* Folder of a known name: the shared folder's, else the user's; heap or NULL (also when there is none). */
static char *find_named(const char *name)
{
    char *roots[2] = {whet_shared_dir(), whet_data_dir()}, *found = NULL;

    for (int i = 0; i < 2; i++) {
        char *path = roots[i] ? whet_format(i ? "%s/%s" : "%s/data/%s", roots[i], name) : NULL;
        for (size_t r = 0; r < 3 && path && !found; r++)
            if (readers[r].fits(path)) found = whet_strdup(path);
        /* image folders count only with their splits */
        if (path && !found) {
            char *train = whet_path_join(path, "train");
            if (train && whet_dir_exists(train)) found = whet_strdup(path);
            whet_free(train);
        }
        whet_free(path);
        whet_free(roots[i]);
    }
    return found;
}

char *whet_dataset_folder(const char *spec)
{
    for (size_t i = 0; i < WHET_COUNT(known_names); i++)
        if (strcmp(spec, known_names[i]) == 0) return find_named(spec);
    return NULL;
}

/* "digits" or "digits:6000,1000". */
static bool parse_digits(const char *spec, int *n_train, int *n_test)
{
    int used = 0;

    *n_train = 60000;
    *n_test = 10000;
    if (strncmp(spec, "digits", 6) != 0) return false;
    if (!spec[6]) return true;
    if (sscanf(spec + 6, ":%d,%d%n", n_train, n_test, &used) != 2 || spec[6 + used]) return false;
    return *n_train >= 0 && *n_test >= 0 && *n_train <= 1 << 24 && *n_test <= 1 << 24;
}

static bool is_known(const char *spec)
{
    for (size_t i = 0; i < WHET_COUNT(known_names); i++)
        if (strcmp(spec, known_names[i]) == 0) return true;
    return false;
}

static whet_status open_path(whet_dataset *d, const char *path)
{
    for (size_t i = 0; i < WHET_COUNT(readers); i++)
        if (readers[i].fits(path)) return readers[i].open(d, path);
    if (!whet_file_exists(path) && !whet_dir_exists(path)) {
        whet_fail(WHET_ENOTFOUND, "no such data set, use mnist, cifar10, digits or the path of a folder or archive");
        whet_error_at_file(path);
        return WHET_ENOTFOUND;
    }
    whet_fail(WHET_EUNSUPPORTED, "not a data set: expected a folder of pictures, IDX files, CIFAR-10's .bin files or a "
                                 "tar archive of pictures");
    whet_error_at_file(path);
    return WHET_EUNSUPPORTED;
}

static whet_status locate(whet_dataset *d, const char *spec)
{
    int n_train = 0, n_test = 0;
    char *path = NULL;
    const char *base = NULL;
    size_t len = 0;
    whet_status status = WHET_OK;

    if (strncmp(spec, "digits", 6) == 0 && parse_digits(spec, &n_train, &n_test)) {
        d->name = whet_strdup("digits");
        d->source = whet_strdup("built-in generator");
        if (!d->name || !d->source) return WHET_ENOMEM;
        return whet_digits_open(d, n_train, n_test);
    }
    if (is_known(spec)) {
        path = find_named(spec);
        if (!path && !whet_dir_exists(spec))
            return WHET_FAIL(WHET_EUNAVAILABLE, "data set '%s' is not on this machine, run 'whet data get %s'", spec, spec);
        d->name = whet_strdup(spec);
    }
    if (!path) path = whet_strdup(spec);
    if (!path) return WHET_ENOMEM;
    len = strlen(path);
    while (len > 1 && path[len - 1] == '/') path[--len] = 0;
    base = whet_path_base(path);
    if (!d->name) d->name = whet_strndup(base, strcspn(base, ".") ? strcspn(base, ".") : strlen(base));
    d->source = path;
    if (!d->name) return WHET_ENOMEM;
    status = open_path(d, path);
    return status;
}

whet_status whet_dataset_open(whet_dataset **out, const char *spec, const whet_dataset_options *opt)
{
    whet_dataset_options o;
    whet_dataset *d = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    whet_dataset_options_init(&o);
    if (opt) o = *opt;
    if (!spec || !*spec) return WHET_FAIL(WHET_EINVAL, "no data set given, use --data mnist|cifar10|digits|PATH");
    d = whet_calloc(1, sizeof *d);
    if (!d) return WHET_ENOMEM;
    pthread_mutex_init(&d->lock, NULL);
    d->strict = o.strict;
    d->arena = whet_arena_create();
    if (!d->arena) {
        status = WHET_ENOMEM;
        goto done;
    }
    WHET_GOTO(locate(d, spec));
    WHET_GOTO(whet_split_apply(d, &o));
    *out = d;
    d = NULL;
done:
    whet_dataset_close(d);
    return status;
}

void whet_dataset_close(whet_dataset *d)
{
    if (!d) return;
    for (int s = 0; s < WHET_SPLIT_COUNT; s++) whet_free(d->split[s].v);
    for (int c = 0; c < d->n_classes; c++) whet_free(d->classes[c]);
    whet_free(d->classes);
    whet_free(d->name);
    whet_free(d->source);
    whet_free(d->block);
    whet_free(d->first_broken);
    whet_map_close(d->map);
    whet_arena_free(d->arena);
    pthread_mutex_destroy(&d->lock);
    whet_free(d);
}

const char *whet_dataset_name(const whet_dataset *d) { return d->name; }
const char *whet_dataset_source(const whet_dataset *d) { return d->source; }
int whet_dataset_classes(const whet_dataset *d) { return d->n_classes; }
int whet_dataset_count(const whet_dataset *d, whet_split s) { return (int)d->split[s].n; }
const char *whet_dataset_split_text(const whet_dataset *d, whet_split s) { return d->split[s].text; }

const char *whet_dataset_class_name(const whet_dataset *d, int c)
{
    return c >= 0 && c < d->n_classes ? d->classes[c] : "";
}

int whet_dataset_label(const whet_dataset *d, whet_split s, int i)
{
    return i >= 0 && (size_t)i < d->split[s].n ? d->split[s].v[i].label : -1;
}

const char *whet_dataset_sample_name(const whet_dataset *d, whet_split s, int i)
{
    const char *name = i >= 0 && (size_t)i < d->split[s].n ? d->split[s].v[i].name : NULL;

    return name ? name : "";
}

whet_status whet_dataset_set_source(whet_dataset *d, const char *text)
{
    char *copy = whet_strdup(text);

    if (!copy) return WHET_ENOMEM;
    whet_free(d->source);
    d->source = copy;
    return WHET_OK;
}

static whet_status raw_image(const whet_dataset *d, const whet_sample *s, whet_image *img)
{
    size_t plane = (size_t)d->raw_width * (size_t)d->raw_height, c = (size_t)d->raw_channels;

    WHET_TRY(whet_image_alloc(img, d->raw_width, d->raw_height, d->raw_channels));
    if (c == 1) {
        memcpy(img->data, s->bytes, plane);
        return WHET_OK;
    }
    for (size_t k = 0; k < c; k++)
        for (size_t i = 0; i < plane; i++) img->data[i * c + k] = s->bytes[k * plane + i];
    return WHET_OK;
}

static whet_status drawn_image(const whet_dataset *d, const whet_sample *s, whet_image *img)
{
    WHET_TRY(whet_image_alloc(img, d->raw_width, d->raw_height, 1));
    whet_digit_draw(whet_digits_seed(), s->size, img->data);
    return WHET_OK;
}

static void note_broken(whet_dataset *d, const char *name)
{
    pthread_mutex_lock(&d->lock);
    if (d->broken++ == 0) d->first_broken = whet_strdup(name);
    pthread_mutex_unlock(&d->lock);
}

whet_status whet_dataset_image(whet_dataset *d, whet_split s, int i, whet_image *img, const char **path_out)
{
    const whet_sample *one = NULL;
    whet_status status = WHET_OK;

    memset(img, 0, sizeof *img);
    if (i < 0 || (size_t)i >= d->split[s].n)
        return WHET_FAIL(WHET_EINVAL, "split %s has no picture %d", split_names[s], i);
    one = &d->split[s].v[i];
    if (path_out) *path_out = one->name ? one->name : "";
    switch (d->kind) {
    case WHET_SAMPLE_RAW: return raw_image(d, one, img);
    case WHET_SAMPLE_DRAWN: return drawn_image(d, one, img);
    case WHET_SAMPLE_ENCODED: status = whet_image_decode(img, one->bytes, one->size, 0, one->name); break;
    case WHET_SAMPLE_FILE: status = whet_image_read(img, one->name, 0); break;
    }
    if (status != WHET_OK && status != WHET_ENOMEM) note_broken(d, one->name);
    return status;
}

whet_status whet_dataset_hash(whet_dataset *d, whet_split s, char out[65])
{
    whet_sha256 sha;
    char line[160];

    whet_sha256_init(&sha);
    snprintf(line, sizeof line, "%s %s %zu %d\n", split_names[s], d->content, d->split[s].n, d->n_classes);
    whet_sha256_add(&sha, line, strlen(line));
    for (int c = 0; c < d->n_classes; c++) whet_sha256_add(&sha, d->classes[c], strlen(d->classes[c]) + 1);
    for (size_t i = 0; i < d->split[s].n; i++) {
        const whet_sample *one = &d->split[s].v[i];
        int64_t size = (int64_t)one->size;
        size_t at = d->block ? (size_t)(one->bytes - d->block) : 0;
        if (d->kind == WHET_SAMPLE_FILE) { /* path below the set's folder, so that a moved set keeps its hash */
            const char *rest = one->name;
            if (strncmp(rest, d->source, strlen(d->source)) == 0) rest += strlen(d->source);
            size = whet_file_size(one->name);
            whet_sha256_add(&sha, rest, strlen(rest));
        } else if (one->name) {
            whet_sha256_add(&sha, one->name, strlen(one->name));
        }
        snprintf(line, sizeof line, " %zu %lld %d\n", at, (long long)size, one->label);
        whet_sha256_add(&sha, line, strlen(line));
    }
    whet_sha256_hex(&sha, out);
    return WHET_OK;
}

int whet_dataset_test_reads(const whet_dataset *d) { return d->test_reads; }
void whet_dataset_count_test_read(whet_dataset *d) { d->test_reads++; }
bool whet_dataset_strict(const whet_dataset *d) { return d->strict; }

int whet_dataset_broken(const whet_dataset *d, const char **first)
{
    if (first) *first = d->first_broken ? d->first_broken : "";
    return d->broken;
}

