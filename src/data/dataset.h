/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets: labelled pictures with splits, decoded on demand. */
#ifndef WHET_DATA_DATASET_H
#define WHET_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/threads.h"
#include "data/contract.h"

typedef enum whet_split { WHET_SPLIT_TRAIN, WHET_SPLIT_VAL, WHET_SPLIT_TEST, WHET_SPLIT_COUNT } whet_split;
const char *whet_split_name(whet_split s); /* "train", "val", "test" */
whet_status whet_split_parse(const char *name, whet_split *s); /* EINVAL */

typedef struct whet_dataset_options {
    size_t size;
    bool own_model;      /* given model, no training: a folder without splits is all test, less 10 % for choices */
    const char *val;     /* NULL: the set's own, else 10 % of train; "none": no validation split; "0.1": that share */
    uint64_t seed;       /* of the split */
    bool strict;         /* a broken picture fails instead of being skipped */
} whet_dataset_options;
void whet_dataset_options_init(whet_dataset_options *o);

typedef struct whet_dataset whet_dataset;
/* spec: "mnist", "cifar10", "digits" (or "digits:6000,1000" for fewer), or a path: IDX folder, CIFAR binary archive or folder, image folder
 * (train/<class>/..., or <class>/..., or flat = unlabelled). Names are looked up in $WHET_SHARED/data, ../shared/data,
 * then the user's data folder. EUNAVAILABLE says how to get it. */
whet_status whet_dataset_open(whet_dataset **out, const char *spec, const whet_dataset_options *opt);
/* Where the set that is known by this name lies; heap string, NULL if `spec` is no such name or it is not here. */
char *whet_dataset_folder(const char *spec);
void whet_dataset_close(whet_dataset *d);
const char *whet_dataset_name(const whet_dataset *d);     /* "mnist" */
const char *whet_dataset_source(const whet_dataset *d);   /* "../shared/data/mnist", "built-in generator", ... */
int whet_dataset_classes(const whet_dataset *d);          /* 0: unlabelled */
const char *whet_dataset_class_name(const whet_dataset *d, int c);
int whet_dataset_count(const whet_dataset *d, whet_split s);
int whet_dataset_label(const whet_dataset *d, whet_split s, int i); /* -1 unlabelled */
const char *whet_dataset_sample_name(const whet_dataset *d, whet_split s, int i); /* path, or name in an archive; "" */
bool whet_dataset_strict(const whet_dataset *d);
whet_status whet_dataset_set_source(whet_dataset *d, const char *text); /* what whet_dataset_source says */
/* "val: seeded stratified 10 % of train (seed 0)", for reports. */
const char *whet_dataset_split_text(const whet_dataset *d, whet_split s);
/* Decodes picture i; thread-safe. A copy the caller disposes of. path_out (may be NULL) is borrowed from the set. */
whet_status whet_dataset_image(whet_dataset *d, whet_split s, int i, whet_image *img, const char **path_out);
/* SHA-256 over names, sizes and labels of the split (contents for archives): part of step keys. */
whet_status whet_dataset_hash(whet_dataset *d, whet_split s, char out[65]);
/* Count of reads of the test split by an evaluation (R31), kept per handle. */
int whet_dataset_test_reads(const whet_dataset *d);
void whet_dataset_count_test_read(whet_dataset *d);
/* Pictures skipped as broken so far, with the first path. */
int whet_dataset_broken(const whet_dataset *d, const char **first);

/* --- batches: decoded, augmented and preprocessed on worker threads ahead of the consumer; the order and every random
 * choice are keyed by (seed, epoch, sample), so the number of workers never matters. */
typedef struct whet_augment {
    int pad_crop;     /* pad by n with zeros (after normalisation: the mean's image of 0), crop back at random; 0 = off */
    bool hflip;
    float rotate;     /* degrees, +- ; 0 = off */
    float shift;      /* share of the size, +-; 0 = off */
} whet_augment;

typedef struct whet_loader_options {
    size_t size;
    const whet_contract *contract; /* borrowed */
    int channels, height, width;   /* of the network input */
    int batch;
    bool shuffle;
    bool drop_last;
    uint64_t seed;
    int workers;                   /* threads; 0 = one */
    int prefetch;                  /* batches ahead; 0 = 3 */
    bool cache;                    /* keep decoded pictures (as u8) in memory if they take < 1 GiB */
    whet_augment augment;          /* all zero = none */
} whet_loader_options;
void whet_loader_options_init(whet_loader_options *o);

typedef struct whet_batch {
    int n;            /* samples in it (the last may be short) */
    float *x;         /* [n][channels][h][w], 64-byte aligned, owned by the loader until whet_loader_release */
    int64_t *y;       /* labels, -1 unlabelled */
    int *index;       /* sample numbers in the split */
    int slot;
} whet_batch;

typedef struct whet_loader whet_loader;
whet_status whet_loader_create(whet_loader **out, whet_dataset *d, whet_split s, const whet_loader_options *opt); /* d outlives it */
void whet_loader_free(whet_loader *l); /* joins its threads; accepts NULL */
int whet_loader_batches(const whet_loader *l); /* per epoch */
/* Starts epoch e at batch `first` (resume). */
whet_status whet_loader_start(whet_loader *l, int epoch, int first);
/* Next batch of the epoch; *b zeroed (n = 0) at its end. */
whet_status whet_loader_next(whet_loader *l, whet_batch *b);
void whet_loader_release(whet_loader *l, const whet_batch *b);

#endif
