/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader fills in, and the readers. A set is three lists of samples; a sample is a file, the bytes of an encoded
 * picture, raw pixels, or the number of a drawing of the generator. */
#ifndef WHET_DATA_DATASET_IMPL_H
#define WHET_DATA_DATASET_IMPL_H

#include <pthread.h>

#include "base/io.h"
#include "base/mem.h"
#include "data/dataset.h"

enum { WHET_MAX_SAMPLES = 1 << 26, WHET_MAX_CLASSES = 65536 };

typedef enum whet_sample_kind { WHET_SAMPLE_FILE, WHET_SAMPLE_ENCODED, WHET_SAMPLE_RAW, WHET_SAMPLE_DRAWN } whet_sample_kind;

typedef struct whet_sample {
    const char *name;     /* path of a file; name inside an archive; NULL for the others */
    const uint8_t *bytes; /* ENCODED, RAW */
    size_t size;          /* ENCODED; DRAWN: the number of the drawing */
    int32_t label;        /* -1: none */
} whet_sample;

typedef struct whet_samples {
    whet_sample *v;
    size_t n, cap;
    char text[120]; /* where the split comes from */
    bool own;       /* the set has this split itself */
} whet_samples;

struct whet_dataset {
    char *name, *source;
    whet_sample_kind kind;
    int raw_width, raw_height, raw_channels; /* RAW: planar (channel after channel) */
    whet_samples split[WHET_SPLIT_COUNT];
    char **classes;
    int n_classes;
    whet_arena *arena; /* names */
    whet_map *map;     /* archive */
    uint8_t *block;    /* RAW pixels */
    bool strict;
    char content[65];  /* hash of an archive's or block's bytes; "" = by names and sizes */
    pthread_mutex_t lock;
    int broken, test_reads;
    char *first_broken;
};

whet_status whet_samples_add(whet_samples *s, const whet_sample *one);
whet_status whet_dataset_add_class(whet_dataset *d, const char *name);

/* The readers. `path` is a folder or file that `fits` (see dataset.c) accepted. */
whet_status whet_idx_open(whet_dataset *d, const char *path);
bool whet_idx_fits(const char *path);
whet_status whet_cifar_open(whet_dataset *d, const char *path);
bool whet_cifar_fits(const char *path);
whet_status whet_archive_open(whet_dataset *d, const char *path);
bool whet_archive_fits(const char *path);
whet_status whet_folder_open(whet_dataset *d, const char *path);
whet_status whet_digits_open(whet_dataset *d, int n_train, int n_test);

/* Sorts paths ("train/cat/1.jpg" with '/') into splits and classes; labels by sorted folder names. s[i].name holds the
 * path to sort by, from byte `skip` on. Takes the samples over. */
whet_status whet_tree_build(whet_dataset *d, whet_sample *s, size_t n, size_t skip, const char *what);
bool whet_is_picture_name(const char *name);

/* Makes the validation split that the options ask for. */
whet_status whet_split_apply(whet_dataset *d, const whet_dataset_options *o);
/* Moves a seeded, stratified share of `from` to the end of `to` (the order in both stays that of `from`). */
whet_status whet_split_move(whet_samples *from, whet_samples *to, double share, uint64_t seed, int n_classes);

/* --- IDX (LeCun's format of MNIST) */
typedef struct whet_idx { int rank; uint32_t dims[4]; const uint8_t *data; size_t bytes; } whet_idx;
/* Unsigned-byte tensors of at most 4 dimensions; everything checked; `name` for errors. out points into data. */
whet_status whet_idx_parse(whet_idx *out, const uint8_t *data, size_t size, const char *name);
/* Reads FILE or FILE.gz, at most `limit` bytes unpacked. */
whet_status whet_read_maybe_gz(uint8_t **out, size_t *size, const char *path, size_t limit);
/* Inflates a gzip stream in memory; EFORMAT with the offset if it is cut or damaged, or passes the limit. */
whet_status whet_gunzip(uint8_t **out, size_t *size, const uint8_t *data, size_t n, size_t limit, const char *name);

/* One drawing of the generator: 28 x 28 grey. */
void whet_digit_draw(uint64_t seed, uint64_t number, uint8_t out[28 * 28]);
uint64_t whet_digits_seed(void);

#endif
