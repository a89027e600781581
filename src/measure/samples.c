/* SPDX-License-Identifier: Apache-2.0 */
/* Making the samples. Seeded images are smooth random fields (bilinear noise of three octaves) in 8 bits, so that they have
 * the statistics of pictures rather than of static, and go through the contract as pictures do. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "measure/samples.h"

static const size_t most_bytes = (size_t)256 << 20;

void whet_samples_init(whet_samples *s)
{
    memset(s, 0, sizeof *s);
    s->memory.fd = -1;
    whet_contract_init(&s->contract);
}

void whet_samples_dispose(whet_samples *s)
{
    whet_shared_free(&s->memory);
    whet_contract_dispose(&s->contract);
    whet_samples_init(s);
}

/* There is nothing to feed and nothing to compare. */
static whet_status refuse_empty(const whet_samples *s)
{
    const whet_shape *shape = &s->in[0].shape;
    for (int d = 0; d < shape->rank; d++)
        if (shape->dims[d] == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "dimension %d of input '%s' is 0: it holds nothing to run on", d, s->in[0].name);
    return WHET_FAIL(WHET_EUNSUPPORTED, "input '%s' is empty", s->in[0].name);
}

static whet_status read_inputs(whet_samples *s, const json_t *inputs)
{
    s->n_inputs = (int)json_array_size(inputs);
    if (s->n_inputs < 1 || s->n_inputs > WHET_SAMPLES_MAX_INPUTS)
        return WHET_FAIL(WHET_EUNSUPPORTED, "the model has %d inputs; 1 to %d are possible", s->n_inputs, WHET_SAMPLES_MAX_INPUTS);
    s->sample_bytes = 0;
    for (int i = 0; i < s->n_inputs; i++) {
        const json_t *o = json_array_get(inputs, (size_t)i), *dims = json_object_get(o, "dims");
        snprintf(s->in[i].name, sizeof s->in[i].name, "%s", json_string_value(json_object_get(o, "name")));
        s->in[i].dtype = whet_dtype_from_onnx((int)json_integer_value(json_object_get(o, "dtype")));
        s->in[i].shape.rank = (int)WHET_MIN(json_array_size(dims), (size_t)WHET_MAX_RANK);
        for (int d = 0; d < s->in[i].shape.rank; d++) s->in[i].shape.dims[d] = json_integer_value(json_array_get(dims, (size_t)d));
        if (s->in[i].dtype == WHET_DTYPE_NONE) return WHET_FAIL(WHET_EUNSUPPORTED, "input '%s' has an unknown type", s->in[i].name);
        WHET_TRY(whet_shape_bytes(&s->in[i].shape, s->in[i].dtype, &s->in[i].bytes));
        s->sample_bytes += s->in[i].bytes;
    }
    return s->sample_bytes > 0 || s->n_inputs < 1 ? WHET_OK : refuse_empty(s);
}

/* True if input 0 is a batch of pictures; its channels and size. Where the shape leaves no doubt the layout is the shape's; three
 * dimensions are grey pictures if somebody says that they are pictures at all. */
static bool is_picture(whet_samples *s, bool told)
{
    const whet_shape *d = &s->in[0].shape;
    const whet_dtype t = s->in[0].dtype;
    if (t != WHET_F32 && t != WHET_U8 && t != WHET_S8) return false;
    if (d->rank == 3 && told) {
        s->contract.nhwc = false;
        s->channels = 1;
        s->height = (int)d->dims[1];
        s->width = (int)d->dims[2];
        return s->height > 4 && s->width > 4;
    }
    if (d->rank != 4) return false;
    const bool first = d->dims[1] <= 4, last = d->dims[3] <= 4;
    s->contract.nhwc = first != last ? last : s->contract.given && s->contract.nhwc;
    s->channels = (int)d->dims[s->contract.nhwc ? 3 : 1];
    s->height = (int)d->dims[s->contract.nhwc ? 1 : 2];
    s->width = (int)d->dims[s->contract.nhwc ? 2 : 3];
    return s->channels >= 1 && s->channels <= 4 && s->height > 0 && s->width > 0;
}

/* What the integers of a picture stand for: what the runtime or the file says of the contract's values; without either the
 * contract's values themselves, and where these are no whole numbers or there is no contract, whole pixels over the type's range. */
static void find_border(whet_samples *s, const json_t *input, const char *path)
{
    whet_border b = {json_number_value(json_object_get(input, "scale")), (int)json_integer_value(json_object_get(input, "zero_point"))};
    if (s->in[0].dtype == WHET_F32) return;
    if (b.scale <= 0 && path != NULL && s->contract.given) whet_model_border_read(path, &b);
    if (!s->contract.given || (b.scale <= 0 && !whet_border_whole(&s->contract))) {
        s->contract.scale = 1;
        for (int c = 0; c < WHET_MAX_CHANNELS; c++) {
            s->contract.mean[c] = 0;
            s->contract.std[c] = 1;
        }
        b = (whet_border){1, s->in[0].dtype == WHET_S8 ? -128 : 0};
    }
    s->border = b.scale > 0 ? b : (whet_border){1, 0};
}

/* --- seeded images */
static double lattice(uint64_t seed, uint64_t stream, int octave, int y, int x)
{
    const whet_philox b = whet_rng_block(seed, stream, (uint64_t)octave << 40 | (uint64_t)y << 20 | (uint64_t)x);
    return (double)b.v[0] / 4294967296.0;
}

static double field(uint64_t seed, uint64_t stream, double y, double x)
{
    double sum = 0, weight = 0.5;
    for (int o = 0, cells = 4; o < 3; o++, cells *= 4, weight /= 2) {
        const double u = y * cells, v = x * cells;
        const int i = (int)u, j = (int)v;
        const double a = u - i, b = v - j;
        sum += weight * ((1 - a) * ((1 - b) * lattice(seed, stream, o, i, j) + b * lattice(seed, stream, o, i, j + 1)) +
                         a * ((1 - b) * lattice(seed, stream, o, i + 1, j) + b * lattice(seed, stream, o, i + 1, j + 1)));
    }
    return sum / 0.875;
}

static whet_status seeded_image(const whet_samples *s, uint64_t seed, int number, whet_image *img)
{
    WHET_TRY(whet_image_alloc(img, s->width, s->height, s->channels == 1 ? 1 : 3));
    for (int y = 0; y < img->height; y++)
        for (int x = 0; x < img->width; x++)
            for (int c = 0; c < img->channels; c++) {
                const uint64_t stream = (uint64_t)number * 4 + (uint64_t)c;
                const double v = field(seed, stream, (double)y / img->height, (double)x / img->width);
                img->data[(y * img->width + x) * img->channels + c] = (uint8_t)(v * 255.0 + 0.5);
            }
    return WHET_OK;
}

/* Any other input: floats from the normal distribution, integers 0 or 1. */
static void fill_plain(whet_samples *s, int i, uint64_t seed, uint64_t stream, void *dst)
{
    whet_tensor t = {.dtype = s->in[i].dtype, .shape = s->in[i].shape, .buffer = NULL, .data = dst};
    whet_rng r = whet_rng_at(seed, stream);
    const int64_t n = whet_tensor_numel(&t);
    for (int64_t k = 0; k < n; k++) {
        if (whet_dtype_is_float(t.dtype))
            whet_tensor_set_f64(&t, k, whet_rng_normal(&r));
        else
            whet_tensor_set_s64(&t, k, whet_rng_below(&r, 2));
    }
}

static whet_status put_picture(const whet_samples *s, const whet_image *img, float *scratch, char *dst)
{
    const size_t one = (size_t)s->channels * (size_t)s->height * (size_t)s->width;
    WHET_TRY(whet_contract_apply(&s->contract, img, s->channels, s->height, s->width, scratch));
    whet_border_put(&s->border, s->in[0].dtype, scratch, one, dst);
    return WHET_OK;
}

static whet_status fill_pictures(whet_samples *s, whet_dataset *d, const whet_samples_options *opt, int sample, char *dst)
{
    const int batch = (int)s->in[0].shape.dims[0], all = d != NULL ? whet_dataset_count(d, opt->split) : 0;
    const size_t one = (size_t)s->channels * (size_t)s->height * (size_t)s->width;
    float *scratch = whet_calloc(one, sizeof *scratch);
    whet_status status = scratch != NULL ? WHET_OK : WHET_ENOMEM;
    for (int b = 0; b < batch && status == WHET_OK; b++) {
        whet_image img = {0};
        const int number = sample * batch + b;
        /* spread over the split: pictures of a class often stand together */
        const int which = all > 0 ? (int)((int64_t)number * 7919 % all) : 0;
        status = d != NULL ? whet_dataset_image(d, opt->split, which, &img, NULL) : seeded_image(s, opt->seed, number, &img);
        if (status == WHET_OK) status = put_picture(s, &img, scratch, dst + (size_t)b * one * whet_dtype_size(s->in[0].dtype));
        whet_image_dispose(&img);
    }
    whet_free(scratch);
    return status;
}

static whet_status fill(whet_samples *s, whet_dataset *d, const whet_samples_options *opt, bool pictures)
{
    whet_sha256 h;
    char *dst = s->memory.data;
    whet_sha256_init(&h);
    for (int k = 0; k < s->count; k++)
        for (int i = 0; i < s->n_inputs; i++) {
            if (i == 0 && pictures)
                WHET_TRY(fill_pictures(s, d, opt, k, dst));
            else
                fill_plain(s, i, opt->seed, (uint64_t)k * WHET_SAMPLES_MAX_INPUTS + (uint64_t)i, dst);
            whet_sha256_add(&h, dst, s->in[i].bytes);
            dst += s->in[i].bytes;
        }
    whet_sha256_hex(&h, s->sha256);
    return WHET_OK;
}

static whet_status read_contract(whet_samples *s, const whet_samples_options *opt)
{
    if (opt->contract != NULL) return whet_contract_load(&s->contract, opt->contract);
    return opt->own != NULL ? whet_contract_from_json(&s->contract, opt->own) : WHET_OK;
}

static whet_status open_data(whet_samples *s, const whet_samples_options *opt, bool picture, whet_dataset **d)
{
    whet_dataset_options o;
    if (opt->data == NULL) return WHET_OK;
    if (!picture) return WHET_FAIL(WHET_EUNSUPPORTED, "the model's input '%s' takes no pictures: leave --data out", s->in[0].name);
    whet_dataset_options_init(&o);
    o.own_model = true;
    if (opt->opening != NULL) o = *opt->opening;
    WHET_TRY(whet_dataset_open(d, opt->data, &o));
    if (whet_dataset_count(*d, opt->split) > 0) return WHET_OK;
    for (int k = WHET_SPLIT_TRAIN; k <= WHET_SPLIT_TEST; k++) /* pictures without labels are all in one */
        if (whet_dataset_count(*d, (whet_split)k) > 0)
            return WHET_FAIL(WHET_ENOTFOUND, "'%s' has no pictures in the split '%s', but in '%s': give --split %s", opt->data, whet_split_name(opt->split),
                             whet_split_name((whet_split)k), whet_split_name((whet_split)k));
    return WHET_FAIL(WHET_ENOTFOUND, "'%s' has no pictures in the split '%s'", opt->data, whet_split_name(opt->split));
}

whet_status whet_samples_make(whet_samples *s, const json_t *inputs, const whet_samples_options *opt)
{
    whet_dataset *d = NULL;
    whet_status status = WHET_OK;
    WHET_GOTO(read_inputs(s, inputs));
    WHET_GOTO(read_contract(s, opt));
    const bool picture = is_picture(s, opt->data != NULL || s->contract.given);
    if (picture) find_border(s, json_array_get(inputs, 0), opt->path);
    WHET_GOTO(open_data(s, opt, picture, &d));
    s->count = WHET_MAX(opt->count, 1);
    if (s->sample_bytes * (size_t)s->count > most_bytes) s->count = (int)WHET_MAX(most_bytes / WHET_MAX(s->sample_bytes, 1), 2);
    WHET_GOTO(whet_shared_create(&s->memory, "whet-samples", s->sample_bytes * (size_t)s->count));
    WHET_GOTO(fill(s, d, opt, picture));
    s->pictures = d != NULL;
    s->different = d != NULL ? whet_dataset_count(d, opt->split) : INT64_MAX;
    if (d != NULL)
        snprintf(s->source, sizeof s->source, "%s %s, %d of %d pictures", whet_dataset_name(d), whet_split_name(opt->split),
                 (int)WHET_MIN((int64_t)s->count * s->in[0].shape.dims[0], (int64_t)whet_dataset_count(d, opt->split)),
                 whet_dataset_count(d, opt->split));
    else
        snprintf(s->source, sizeof s->source, "%s (seed %llu)", picture ? "seeded images" : "seeded random tensors", (unsigned long long)opt->seed);
done:
    whet_dataset_close(d);
    return status;
}

whet_status whet_samples_take(whet_samples *s, int n, const whet_tensor *tensors)
{
    if (n < 1 || n > WHET_SAMPLES_MAX_INPUTS) return WHET_FAIL(WHET_EINVAL, "%d inputs were given; 1 to %d are possible", n, WHET_SAMPLES_MAX_INPUTS);
    s->n_inputs = n;
    s->count = 1;
    s->different = 1;
    for (int i = 0; i < n; i++) {
        s->in[i].dtype = tensors[i].dtype;
        s->in[i].shape = tensors[i].shape;
        s->in[i].bytes = whet_tensor_bytes(&tensors[i]);
        s->sample_bytes += s->in[i].bytes;
    }
    WHET_TRY(whet_shared_create(&s->memory, "whet-samples", s->sample_bytes));
    char *dst = s->memory.data;
    for (int i = 0; i < n; i++) {
        memcpy(dst, tensors[i].data, s->in[i].bytes);
        dst += s->in[i].bytes;
    }
    snprintf(s->source, sizeof s->source, "given tensors");
    return WHET_OK;
}

const char *whet_samples_hint(const whet_samples *s, const char *precision)
{
    return !s->pictures && strstr(precision, "int8") != NULL ? "seeded images are unlike what it was quantised for: give --data, or --accept" : "";
}

json_t *whet_samples_feed(const whet_samples *s)
{
    json_t *bytes = json_array();
    for (int i = 0; i < s->n_inputs; i++) json_array_append_new(bytes, json_integer((json_int_t)s->in[i].bytes));
    return json_pack("{ss, si, so}", "do", "feed", "count", s->count, "bytes", bytes);
}
