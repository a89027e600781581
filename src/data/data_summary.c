/* SPDX-License-Identifier: Apache-2.0 */
/* Summary of a set: one pass over the pictures gives sizes, mean and standard deviation per channel (of the training
 * split), broken files, and a hash of the pixels, whose equal values are exact duplicates. */
#include "data/data_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/hash.h"
#include "base/mem.h"

enum { MAX_LISTED = 20 };

struct print { char hash[33]; int split, index; };

struct state {
    whet_dataset *d;
    json_t *broken;
    int n_broken, read, channels;
    int min_w, min_h, max_w, max_h;
    double sum[3], sum2[3], pixels;
    struct print *prints;
    size_t n_prints;
};

static int compare_prints(const void *a, const void *b)
{
    const struct print *x = a, *y = b;
    int c = strcmp(x->hash, y->hash);

    if (c) return c;
    return x->split != y->split ? x->split - y->split : x->index - y->index;
}

static void add_pixels(struct state *t, const whet_image *img)
{
    size_t n = (size_t)img->width * (size_t)img->height;
    int c = img->channels;

    for (int k = 0; k < 3; k++) { /* a grey picture counts alike for all three */
        uint64_t s = 0, s2 = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned v = img->data[i * (size_t)c + (size_t)(c == 1 ? 0 : k)];
            s += v;
            s2 += v * v;
        }
        t->sum[k] += (double)s;
        t->sum2[k] += (double)s2;
    }
    t->pixels += (double)n;
    t->channels = WHET_MAX(t->channels, c);
}

static void note_size(struct state *t, const whet_image *img)
{
    if (!t->read || img->width < t->min_w) t->min_w = img->width;
    if (!t->read || img->height < t->min_h) t->min_h = img->height;
    t->max_w = WHET_MAX(t->max_w, img->width);
    t->max_h = WHET_MAX(t->max_h, img->height);
}

static whet_status look_at(struct state *t, whet_split s, int i, bool train)
{
    whet_image img = {0};
    whet_sha256 sha;
    char hex[65];
    whet_status status = whet_dataset_image(t->d, s, i, &img, NULL);

    if (status == WHET_ENOMEM) return status;
    if (status != WHET_OK) {
        if (t->n_broken++ < MAX_LISTED) json_array_append_new(t->broken, json_string(whet_error_message()));
        return WHET_OK;
    }
    note_size(t, &img);
    t->read++;
    if (train) add_pixels(t, &img);
    whet_sha256_init(&sha);
    whet_sha256_add(&sha, &img.width, sizeof img.width);
    whet_sha256_add(&sha, &img.channels, sizeof img.channels);
    whet_sha256_add(&sha, img.data, (size_t)img.width * (size_t)img.height * (size_t)img.channels);
    whet_sha256_hex(&sha, hex);
    memcpy(t->prints[t->n_prints].hash, hex, 32);
    t->prints[t->n_prints].hash[32] = 0;
    t->prints[t->n_prints].split = s;
    t->prints[t->n_prints++].index = i;
    whet_image_dispose(&img);
    return WHET_OK;
}

static json_t *place_of(const struct state *t, const struct print *p)
{
    const char *name = whet_dataset_sample_name(t->d, (whet_split)p->split, p->index);

    if (*name) return json_string(name);
    return json_sprintf("%s[%d]", whet_split_name((whet_split)p->split), p->index);
}

static json_t *duplicates(struct state *t)
{
    json_t *o = json_object(), *list = json_array();
    int within = 0, across = 0;

    qsort(t->prints, t->n_prints, sizeof *t->prints, compare_prints);
    for (size_t i = 1; i < t->n_prints; i++) {
        const struct print *a = &t->prints[i - 1], *b = &t->prints[i];
        if (strcmp(a->hash, b->hash) != 0) continue;
        if (a->split == b->split) within++;
        else across++;
        if (json_array_size(list) < MAX_LISTED) {
            json_t *pair = json_array();
            json_array_append_new(pair, place_of(t, a));
            json_array_append_new(pair, place_of(t, b));
            json_array_append_new(list, pair);
        }
    }
    json_object_set_new(o, "within_splits", json_integer(within));
    json_object_set_new(o, "across_splits", json_integer(across));
    json_object_set_new(o, "first", list);
    return o;
}

static json_t *splits(const whet_dataset *d)
{
    json_t *o = json_object();

    for (int s = 0; s < WHET_SPLIT_COUNT; s++) {
        json_t *one = json_object(), *per_class = json_array();
        int n = whet_dataset_count(d, (whet_split)s), classes = whet_dataset_classes(d), least = n, most = 0;
        int *count = whet_calloc((size_t)classes, sizeof *count);
        for (int i = 0; count && i < n; i++) {
            int label = whet_dataset_label(d, (whet_split)s, i);
            if (label >= 0) count[label]++;
        }
        for (int c = 0; count && c < classes; c++) {
            json_array_append_new(per_class, json_integer(count[c]));
            least = WHET_MIN(least, count[c]);
            most = WHET_MAX(most, count[c]);
        }
        json_object_set_new(one, "pictures", json_integer(n));
        json_object_set_new(one, "origin", json_string(whet_dataset_split_text(d, (whet_split)s)));
        json_object_set_new(one, "per_class", per_class);
        json_object_set_new(one, "imbalance", least > 0 && classes ? json_real((double)most / least) : json_null());
        json_object_set_new(o, whet_split_name((whet_split)s), one);
        whet_free(count);
    }
    return o;
}

static json_t *statistics(const struct state *t)
{
    json_t *o = json_object(), *mean = json_array(), *std = json_array();

    for (int k = 0; k < t->channels && t->pixels > 0; k++) {
        double m = t->sum[k] / t->pixels, v = t->sum2[k] / t->pixels - m * m;
        json_array_append_new(mean, json_real(floor(m / 255 * 1e4 + .5) / 1e4));
        json_array_append_new(std, json_real(floor(sqrt(v > 0 ? v : 0) / 255 * 1e4 + .5) / 1e4));
    }
    json_object_set_new(o, "mean", mean);
    json_object_set_new(o, "std", std);
    return o;
}

static whet_status scan(struct state *t, const whet_data_summary_options *opt)
{
    int total = 0, done = 0, step = 1;
    whet_split stats = whet_dataset_count(t->d, WHET_SPLIT_TRAIN) ? WHET_SPLIT_TRAIN : WHET_SPLIT_TEST;

    for (int s = 0; s < WHET_SPLIT_COUNT; s++) total += whet_dataset_count(t->d, (whet_split)s);
    if (opt->max_pictures > 0 && total > opt->max_pictures) step = (total + opt->max_pictures - 1) / opt->max_pictures;
    t->prints = whet_calloc((size_t)total, sizeof *t->prints);
    if (!t->prints) return WHET_ENOMEM;
    for (int s = 0; s < WHET_SPLIT_COUNT; s++)
        for (int i = 0; i < whet_dataset_count(t->d, (whet_split)s); i += step, done++) {
            WHET_TRY(look_at(t, (whet_split)s, i, s == (int)stats));
            if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
            if (opt->progress && done % 500 == 0)
                opt->progress(opt->progress_arg, "read pictures", done, total / step, "img", NULL);
        }
    return WHET_OK;
}

static json_t *sizes(const struct state *t)
{
    json_t *o = json_object();

    json_object_set_new(o, "width_min", json_integer(t->min_w));
    json_object_set_new(o, "width_max", json_integer(t->max_w));
    json_object_set_new(o, "height_min", json_integer(t->min_h));
    json_object_set_new(o, "height_max", json_integer(t->max_h));
    json_object_set_new(o, "channels", json_integer(t->channels));
    return o;
}

whet_status whet_data_summary(whet_dataset *d, const whet_data_summary_options *opt, json_t **out)
{
    struct state t = {.d = d, .broken = json_array()};
    json_t *o = NULL, *classes = NULL;
    whet_status status = scan(&t, opt);

    *out = NULL;
    if (status == WHET_OK) {
        o = json_object();
        classes = json_array();
        for (int c = 0; c < whet_dataset_classes(d); c++) json_array_append_new(classes, json_string(whet_dataset_class_name(d, c)));
        json_object_set_new(o, "name", json_string(whet_dataset_name(d)));
        json_object_set_new(o, "source", json_string(whet_dataset_source(d)));
        json_object_set_new(o, "classes", classes);
        json_object_set_new(o, "splits", splits(d));
        json_object_set_new(o, "pictures_read", json_integer(t.read));
        json_object_set_new(o, "sizes", sizes(&t));
        json_object_set_new(o, "statistics", statistics(&t));
        json_object_set_new(o, "duplicates", duplicates(&t));
        json_object_set_new(o, "broken", json_integer(t.n_broken));
        json_object_set(o, "broken_first", t.broken);
        *out = o;
    }
    json_decref(t.broken);
    whet_free(t.prints);
    return status;
}
