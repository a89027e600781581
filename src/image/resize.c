/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the resampler, and the names of libraries and filters. The same filter name means different numbers in
 * different libraries: Pillow always widens the filter when shrinking (antialiasing), OpenCV never does (its AREA does),
 * TensorFlow on request; they also differ in the cubic's parameter, in borders and in rounding. */
#include "image/resize.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "image/decode.h"

static const char *const lib_names[] = {[WHET_RESIZE_PILLOW] = "pillow", [WHET_RESIZE_OPENCV] = "opencv",
                                        [WHET_RESIZE_TF] = "tf"};
static const char *const filter_names[] = {
    [WHET_FILTER_NEAREST] = "nearest", [WHET_FILTER_BOX] = "box",         [WHET_FILTER_BILINEAR] = "bilinear",
    [WHET_FILTER_BICUBIC] = "bicubic", [WHET_FILTER_LANCZOS] = "lanczos", [WHET_FILTER_AREA] = "area"};

const char *whet_resize_lib_name(whet_resize_lib lib) { return lib_names[lib]; }
const char *whet_filter_name(whet_filter filter) { return filter_names[filter]; }

whet_status whet_resize_lib_parse(const char *name, whet_resize_lib *lib)
{
    for (size_t i = 0; i < WHET_COUNT(lib_names); i++)
        if (strcmp(name, lib_names[i]) == 0) {
            *lib = (whet_resize_lib)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "unknown resize library '%s', use pillow, opencv or tf", name);
}

whet_status whet_filter_parse(const char *name, whet_filter *filter)
{
    if (strcmp(name, "linear") == 0) name = "bilinear";
    if (strcmp(name, "cubic") == 0) name = "bicubic";
    for (size_t i = 0; i < WHET_COUNT(filter_names); i++)
        if (strcmp(name, filter_names[i]) == 0) {
            *filter = (whet_filter)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "unknown filter '%s', use nearest, box, bilinear, bicubic, lanczos or area", name);
}

static whet_status check(const whet_image *src, int width, int height)
{
    if (!src->data) return WHET_FAIL(WHET_EINVAL, "no picture to resize");
    if (width < 1 || height < 1 || width > WHET_IMAGE_MAX_SIDE || height > WHET_IMAGE_MAX_SIDE ||
        (int64_t)width * height > WHET_IMAGE_MAX_PIXELS)
        return WHET_FAIL(WHET_EINVAL, "cannot resize to %dx%d, a side must be 1 to %d", width, height, WHET_IMAGE_MAX_SIDE);
    return WHET_OK;
}

whet_status whet_image_resize(whet_image *out, const whet_image *src, int width, int height, whet_resize_lib lib,
                              whet_filter filter, int antialias)
{
    whet_status status = WHET_OK;
    float *f = NULL;
    size_t n = 0;

    memset(out, 0, sizeof *out);
    WHET_TRY(check(src, width, height));
    WHET_TRY(whet_image_alloc(out, width, height, src->channels));
    n = (size_t)width * (size_t)height * (size_t)src->channels;
    if (lib == WHET_RESIZE_PILLOW) WHET_GOTO(whet_resize_pillow(out, src, filter));
    if (lib == WHET_RESIZE_OPENCV) WHET_GOTO(whet_resize_opencv(out, src, filter));
    if (lib == WHET_RESIZE_TF) {
        f = whet_alloc(n * sizeof *f);
        if (!f) {
            status = WHET_ENOMEM;
            goto done;
        }
        WHET_GOTO(whet_resize_tf(f, width, height, src, filter, antialias));
        for (size_t i = 0; i < n; i++) out->data[i] = whet_clip_u8((int)rintf(f[i]));
    }
done:
    whet_free(f);
    if (status != WHET_OK) whet_image_dispose(out);
    return status;
}

whet_status whet_image_resize_f32(float *out, const whet_image *src, int width, int height, whet_resize_lib lib,
                                  whet_filter filter, int antialias)
{
    whet_image img = {0};
    size_t n = 0;

    WHET_TRY(check(src, width, height));
    if (lib == WHET_RESIZE_TF) return whet_resize_tf(out, width, height, src, filter, antialias);
    WHET_TRY(whet_image_resize(&img, src, width, height, lib, filter, antialias));
    n = (size_t)width * (size_t)height * (size_t)img.channels;
    for (size_t i = 0; i < n; i++) out[i] = img.data[i];
    whet_image_dispose(&img);
    return WHET_OK;
}
