/* SPDX-License-Identifier: Apache-2.0 */
/* The preprocessing contract: how a picture becomes the network's input. Part of the model, written into every exported
 * file's metadata, executed by one piece of code for training, evaluation, benchmark and run. */
#ifndef WHET_DATA_CONTRACT_H
#define WHET_DATA_CONTRACT_H

#include <jansson.h>
#include <stdbool.h>

#include "image/image.h"
#include "tensor/tensor.h"

typedef enum whet_fit { WHET_FIT_STRETCH, WHET_FIT_CROP, WHET_FIT_LETTERBOX } whet_fit;
typedef enum whet_color { WHET_COLOR_RGB, WHET_COLOR_BGR, WHET_COLOR_GRAY } whet_color;
#define WHET_MAX_CHANNELS 4

typedef struct whet_contract {
    bool given;              /* false: nothing is known (all other fields hold the defaults) */
    int height, width;       /* network input; 0 = the picture's own */
    whet_fit fit;            /* STRETCH; CROP: resize so that the shorter side is size/crop, cut the centre; LETTERBOX */
    float crop;              /* CROP: fraction, e.g. 0.875; 1 = none */
    whet_resize_lib lib;
    whet_filter filter;
    bool antialias;          /* TF: off by default; Pillow always on; OpenCV by AREA */
    bool round;              /* resized values rounded to whole grey levels before scaling */
    float pad_value;         /* letterbox, grey level */
    whet_color color;
    float scale;             /* x * scale, e.g. 1/255 */
    float mean[WHET_MAX_CHANNELS], std[WHET_MAX_CHANNELS]; /* then (x - mean) / std, in the network's channel order */
    bool nhwc;               /* layout of the network's input */
    int n_labels;
    char **labels;           /* class names in output order; heap, owned */
} whet_contract;

void whet_contract_init(whet_contract *c); /* "unit": RGB, 1/255, mean 0, std 1, NCHW, stretch, Pillow bilinear; given = false */
void whet_contract_dispose(whet_contract *c);
whet_status whet_contract_copy(whet_contract *dst, const whet_contract *src);
/* A preset (unit, pm1, imagenet, caffe, raw) or the path of a JSON file. */
whet_status whet_contract_load(whet_contract *c, const char *name_or_path);
/* One field as on the command line: key size|crop|filter|mean|std|scale|color|layout|labels|fit|antialias|
 * resize|round|pad. */
whet_status whet_contract_set(whet_contract *c, const char *key, const char *value);
whet_status whet_contract_to_json(const whet_contract *c, char **json); /* canonical key order; caller frees */
whet_status whet_contract_from_json(whet_contract *c, const char *json);
whet_status whet_contract_to_json_value(const whet_contract *c, json_t **value); /* the same as a value; json_decref it */
whet_status whet_contract_set_labels(whet_contract *c, int n, const char *const *names); /* copies */
/* "(x/255-0.5)/0.5" alone. */
const char *whet_contract_formula(const whet_contract *c, char *buf, size_t size);
/* "(x/255-0.5)/0.5, 32x32 RGB, NCHW" for people. */
const char *whet_contract_text(const whet_contract *c, char *buf, size_t size);

/* Under this key of a graph's metadata stands the contract as JSON, class names included. */
#define WHET_CONTRACT_META "whet.contract"

/* What grey level x becomes in channel k of the network. */
float whet_contract_level(const whet_contract *c, float x, int channel);

/* Picture -> network input of `channels` channels, f32, c->height x c->width (or the picture's size). dst has
 * channels*h*w floats. The one piece of code. */
whet_status whet_contract_apply(const whet_contract *c, const whet_image *img, int channels, int h, int w, float *dst);

#endif
