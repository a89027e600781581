/* SPDX-License-Identifier: Apache-2.0 */
/* The preprocessing contract as data: presets, JSON, single fields, text. What it does to a picture stands in
 * contract_apply.c. The JSON form has one canonical key order; numbers are the shortest that read back to the same f32. */
#include "data/contract.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "wire/json.h"

enum { MAX_SIDE = 32768, MAX_LABELS = 100000, MAX_JSON = 16 << 20 };

static const struct preset {
    const char *name;
    whet_color color;
    float scale, mean[3], std[3];
} presets[] = {
    {"unit", WHET_COLOR_RGB, 1.f / 255.f, {0, 0, 0}, {1, 1, 1}},
    {"pm1", WHET_COLOR_RGB, 1.f / 255.f, {.5f, .5f, .5f}, {.5f, .5f, .5f}},
    {"imagenet", WHET_COLOR_RGB, 1.f / 255.f, {.485f, .456f, .406f}, {.229f, .224f, .225f}},
    {"caffe", WHET_COLOR_BGR, 1.f, {103.939f, 116.779f, 123.68f}, {1, 1, 1}},
    {"raw", WHET_COLOR_RGB, 1.f, {0, 0, 0}, {1, 1, 1}},
};
static const char *const fit_names[] = {"stretch", "crop", "letterbox"};
static const char *const color_names[] = {"rgb", "bgr", "gray"};

static void set_preset(whet_contract *c, const struct preset *p)
{
    c->color = p->color;
    c->scale = p->scale;
    for (int i = 0; i < WHET_MAX_CHANNELS; i++) {
        c->mean[i] = i < 3 ? p->mean[i] : p->mean[0];
        c->std[i] = i < 3 ? p->std[i] : p->std[0];
    }
}

void whet_contract_init(whet_contract *c)
{
    memset(c, 0, sizeof *c);
    c->crop = 1;
    c->lib = WHET_RESIZE_PILLOW;
    c->filter = WHET_FILTER_BILINEAR;
    c->round = true;
    set_preset(c, &presets[0]);
}

static void drop_labels(whet_contract *c)
{
    for (int i = 0; i < c->n_labels; i++) whet_free(c->labels[i]);
    whet_free(c->labels);
    c->labels = NULL;
    c->n_labels = 0;
}

void whet_contract_dispose(whet_contract *c)
{
    if (!c) return;
    drop_labels(c);
    whet_contract_init(c);
}

whet_status whet_contract_set_labels(whet_contract *c, int n, const char *const *names)
{
    char **labels = whet_calloc((size_t)n, sizeof *labels);

    if (!labels) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) {
        labels[i] = whet_strdup(names[i]);
        if (!labels[i]) {
            while (i > 0) whet_free(labels[--i]);
            whet_free(labels);
            return WHET_ENOMEM;
        }
    }
    drop_labels(c);
    c->labels = labels;
    c->n_labels = n;
    return WHET_OK;
}

whet_status whet_contract_copy(whet_contract *dst, const whet_contract *src)
{
    whet_contract c = *src;

    c.labels = NULL;
    c.n_labels = 0;
    WHET_TRY(whet_contract_set_labels(&c, src->n_labels, (const char *const *)src->labels));
    whet_contract_dispose(dst);
    *dst = c;
    return WHET_OK;
}

whet_status whet_contract_load(whet_contract *c, const char *name)
{
    uint8_t *text = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;

    for (size_t i = 0; i < WHET_COUNT(presets); i++)
        if (strcmp(name, presets[i].name) == 0) {
            set_preset(c, &presets[i]);
            c->given = true;
            return WHET_OK;
        }
    if (!strpbrk(name, "./"))
        return WHET_FAIL(WHET_EINVAL, "unknown contract '%s', use unit, pm1, imagenet, caffe, raw or a JSON file", name);
    WHET_TRY(whet_file_read(&text, &size, name, MAX_JSON));
    status = whet_contract_from_json(c, (const char *)text);
    if (status != WHET_OK) whet_error_at_file(name);
    whet_free(text);
    return status;
}

/* --- single fields */

/* One number, or with `list` one for each channel (one alone stands for all). */
static whet_status parse_floats(const char *key, const char *text, bool list, float out[WHET_MAX_CHANNELS])
{
    float v[WHET_MAX_CHANNELS] = {0};
    int n = 0;
    const char *p = text;

    for (;;) {
        char *end = NULL;
        float x = strtof(p, &end);
        if (end == p || !isfinite(x) || n == WHET_MAX_CHANNELS)
            return WHET_FAIL(WHET_EINVAL, "'%s' is no list of 1 to %d numbers for %s, e.g. 0.485,0.456,0.406", text,
                             WHET_MAX_CHANNELS, key);
        if (*end == '/') { /* 128/255 */
            float d = strtof(end + 1, &end);
            if (d == 0 || !isfinite(x / d)) return WHET_FAIL(WHET_EINVAL, "'%s' divides by nothing", text);
            x /= d;
        }
        v[n++] = x;
        while (*end == ' ') end++;
        if (!*end) break;
        if (*end != ',') return WHET_FAIL(WHET_EINVAL, "'%s' is no list of numbers for %s, separate them by commas", text, key);
        p = end + 1;
    }
    if (!list && n > 1) return WHET_FAIL(WHET_EINVAL, "'%s' is no value of %s, which is one number", text, key);
    if (n == 2) return WHET_FAIL(WHET_EINVAL, "%s '%s' has 2 numbers; give 1 for all channels, or 3", key, text);
    for (int i = 0; i < WHET_MAX_CHANNELS; i++) out[i] = i < n ? v[i] : v[0];
    return WHET_OK;
}

static whet_status parse_choice(const char *key, const char *text, const char *const *names, size_t n, int *out)
{
    if (strcmp(text, "grey") == 0) text = "gray";
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (int)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "'%s' is no value of %s, use %s, %s%s%s", text, key, names[0], names[1], n > 2 ? " or " : "",
                     n > 2 ? names[2] : "");
}

static whet_status parse_bool(const char *key, const char *text, bool *out)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};

    for (size_t i = 0; i < WHET_COUNT(words); i++)
        if (strcmp(text, words[i]) == 0) {
            *out = i & 1;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "'%s' is no value of %s, use on or off", text, key);
}

static whet_status set_size(whet_contract *c, const char *key, const char *text)
{
    char *end = NULL;
    long h = strtol(text, &end, 10), w = h;

    (void)key;
    if (end != text && *end == 'x') {
        const char *p = end + 1;
        w = strtol(p, &end, 10);
        if (end == p) w = -1;
    }
    if (strcmp(text, "own") == 0) h = w = 0;
    else if (end == text || *end || h < 0 || w < 0 || h > MAX_SIDE || w > MAX_SIDE || (h == 0) != (w == 0))
        return WHET_FAIL(WHET_EINVAL, "'%s' is no size, use e.g. 224, 224x320 (height x width), or own (the picture's)", text);
    c->height = (int)h;
    c->width = (int)w;
    return WHET_OK;
}

static whet_status set_crop(whet_contract *c, const char *key, const char *text)
{
    float v[WHET_MAX_CHANNELS] = {0};

    WHET_TRY(parse_floats(key, text, false, v));
    if (v[0] <= 0 || v[0] > 1) return WHET_FAIL(WHET_EINVAL, "crop '%s' is not between 0 and 1", text);
    c->crop = v[0];
    c->fit = WHET_FIT_CROP;
    return WHET_OK;
}

static whet_status set_mean(whet_contract *c, const char *key, const char *text) { return parse_floats(key, text, true, c->mean); }

static whet_status set_std(whet_contract *c, const char *key, const char *text)
{
    float v[WHET_MAX_CHANNELS] = {0};

    WHET_TRY(parse_floats(key, text, true, v));
    for (int i = 0; i < WHET_MAX_CHANNELS; i++)
        if (v[i] <= 0) return WHET_FAIL(WHET_EINVAL, "std '%s' must be above 0", text);
    memcpy(c->std, v, sizeof v);
    return WHET_OK;
}

static whet_status set_scale(whet_contract *c, const char *key, const char *text)
{
    float v[WHET_MAX_CHANNELS] = {0};

    WHET_TRY(parse_floats(key, text, false, v));
    if (v[0] == 0) return WHET_FAIL(WHET_EINVAL, "scale must not be 0");
    c->scale = v[0];
    return WHET_OK;
}

static whet_status set_pad(whet_contract *c, const char *key, const char *text)
{
    float v[WHET_MAX_CHANNELS] = {0};

    WHET_TRY(parse_floats(key, text, false, v));
    if (v[0] < 0 || v[0] > 255) return WHET_FAIL(WHET_EINVAL, "pad '%s' is no grey level from 0 to 255", text);
    c->pad_value = v[0];
    return WHET_OK;
}

static whet_status set_color(whet_contract *c, const char *key, const char *text)
{
    int i = 0;

    WHET_TRY(parse_choice(key, text, color_names, WHET_COUNT(color_names), &i));
    c->color = (whet_color)i;
    return WHET_OK;
}

static whet_status set_fit(whet_contract *c, const char *key, const char *text)
{
    int i = 0;

    WHET_TRY(parse_choice(key, text, fit_names, WHET_COUNT(fit_names), &i));
    c->fit = (whet_fit)i;
    return WHET_OK;
}

static whet_status set_layout(whet_contract *c, const char *key, const char *text)
{
    static const char *const names[] = {"nchw", "nhwc"};
    int i = 0;

    WHET_TRY(parse_choice(key, text, names, WHET_COUNT(names), &i));
    c->nhwc = i == 1;
    return WHET_OK;
}

static whet_status set_filter(whet_contract *c, const char *key, const char *text)
{
    (void)key;
    return whet_filter_parse(text, &c->filter);
}

static whet_status set_resize(whet_contract *c, const char *key, const char *text)
{
    (void)key;
    return whet_resize_lib_parse(text, &c->lib);
}

static whet_status set_antialias(whet_contract *c, const char *key, const char *text)
{
    return parse_bool(key, text, &c->antialias);
}

static whet_status set_round(whet_contract *c, const char *key, const char *text) { return parse_bool(key, text, &c->round); }

/* "a,b,c", or the path of a file with one name a line. */
static whet_status set_labels(whet_contract *c, const char *key, const char *text)
{
    char *copy = NULL, sep = ',', **names = NULL;
    size_t n = 0, cap = 0, size = 0;
    whet_status status = WHET_OK;

    (void)key;
    if (whet_file_exists(text)) {
        WHET_TRY(whet_file_read((uint8_t **)&copy, &size, text, MAX_JSON));
        sep = '\n';
    } else {
        if (*text && !strchr(text, ',')) return WHET_FAIL(WHET_ENOTFOUND, "'%s' is no file with class names, and no list a,b,c of them", text);
        copy = whet_strdup(text);
        if (!copy) return WHET_ENOMEM;
    }
    for (char *p = copy; p && *p;) {
        char *end = strchr(p, sep), *next = end ? end + 1 : NULL;
        if (end) *end = 0;
        p[strcspn(p, "\r")] = 0;
        if (n >= MAX_LABELS) {
            status = WHET_FAIL(WHET_EINVAL, "more than %d class names in '%s'", MAX_LABELS, text);
            goto done;
        }
        if (!WHET_GROW(&names, n, &cap)) {
            status = WHET_ENOMEM;
            goto done;
        }
        names[n++] = p;
        p = next;
    }
    if (n == 0) status = WHET_FAIL(WHET_EINVAL, "no class names in '%s'", text);
    else status = whet_contract_set_labels(c, (int)n, (const char *const *)names);
done:
    whet_free(names);
    whet_free(copy);
    return status;
}

static const struct field {
    const char *key;
    whet_status (*set)(whet_contract *c, const char *key, const char *text);
} fields[] = {
    {"size", set_size},     {"fit", set_fit},       {"crop", set_crop},           {"resize", set_resize},
    {"filter", set_filter}, {"antialias", set_antialias}, {"round", set_round},   {"pad", set_pad},
    {"color", set_color},   {"scale", set_scale},   {"mean", set_mean},           {"std", set_std},
    {"layout", set_layout}, {"labels", set_labels},
};

whet_status whet_contract_set(whet_contract *c, const char *key, const char *value)
{
    for (size_t i = 0; i < WHET_COUNT(fields); i++)
        if (strcmp(key, fields[i].key) == 0) {
            WHET_TRY(fields[i].set(c, key, value));
            c->given = true;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "unknown contract field '%s', use size, fit, crop, resize, filter, antialias, round, pad, "
                                  "color, scale, mean, std, layout or labels", key);
}

/* --- JSON */

/* The double with the fewest digits that is this float. */
static double shortest(float f)
{
    char buf[32];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, (double)f);
        if (strtof(buf, NULL) == f) break;
    }
    return strtod(buf, NULL);
}

static json_t *float_array(const float *v)
{
    json_t *a = json_array();

    for (int i = 0; i < 3; i++) json_array_append_new(a, json_real(shortest(v[i])));
    return a;
}

whet_status whet_contract_to_json_value(const whet_contract *c, json_t **out)
{
    json_t *o = json_object(), *size = json_array(), *labels = json_array();

    json_object_set_new(o, "version", json_integer(1));
    json_array_append_new(size, json_integer(c->height));
    json_array_append_new(size, json_integer(c->width));
    json_object_set_new(o, "size", size);
    json_object_set_new(o, "fit", json_string(fit_names[c->fit]));
    json_object_set_new(o, "crop", json_real(shortest(c->crop)));
    json_object_set_new(o, "resize", json_string(whet_resize_lib_name(c->lib)));
    json_object_set_new(o, "filter", json_string(whet_filter_name(c->filter)));
    json_object_set_new(o, "antialias", json_boolean(c->antialias));
    json_object_set_new(o, "round", json_boolean(c->round));
    json_object_set_new(o, "pad", json_real(shortest(c->pad_value)));
    json_object_set_new(o, "color", json_string(color_names[c->color]));
    json_object_set_new(o, "scale", json_real(shortest(c->scale)));
    json_object_set_new(o, "mean", float_array(c->mean));
    json_object_set_new(o, "std", float_array(c->std));
    json_object_set_new(o, "layout", json_string(c->nhwc ? "nhwc" : "nchw"));
    for (int i = 0; i < c->n_labels; i++) json_array_append_new(labels, json_string(c->labels[i]));
    json_object_set_new(o, "labels", labels);
    *out = o;
    if (!o || json_object_size(o) != 15 || json_array_size(labels) != (size_t)c->n_labels) {
        json_decref(o);
        *out = NULL;
        return WHET_FAIL(WHET_ENOMEM, "no memory for the contract, or a class name that is not UTF-8");
    }
    return WHET_OK;
}

whet_status whet_contract_to_json(const whet_contract *c, char **json)
{
    json_t *v = NULL;

    *json = NULL;
    WHET_TRY(whet_contract_to_json_value(c, &v));
    *json = whet_json_text(v, 0);
    json_decref(v);
    return *json ? WHET_OK : WHET_ENOMEM;
}

/* Turns any JSON value of a field into the text that whet_contract_set takes. */
static whet_status field_text(const char *key, const json_t *v, whet_strbuf *s)
{
    bool size = strcmp(key, "size") == 0;
    const char *sep = size ? "x" : ",";

    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i) whet_strbuf_puts(s, sep);
            WHET_TRY(field_text(key, json_array_get(v, i), s));
        }
    } else if (json_is_string(v)) {
        whet_strbuf_puts(s, json_string_value(v));
    } else if (json_is_boolean(v)) {
        whet_strbuf_puts(s, json_is_true(v) ? "on" : "off");
    } else if (json_is_integer(v)) {
        whet_strbuf_printf(s, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        whet_strbuf_printf(s, "%.9g", json_real_value(v));
    } else {
        return WHET_FAIL(WHET_EFORMAT, "contract field '%s' has no usable value", key);
    }
    return WHET_OK;
}

static whet_status labels_from_json(whet_contract *c, const json_t *v)
{
    const char **names = NULL;
    size_t n = json_array_size(v);
    whet_status status = WHET_OK;

    if (!json_is_array(v) || n > MAX_LABELS) return WHET_FAIL(WHET_EFORMAT, "contract field 'labels' is no list of names");
    names = whet_calloc(n, sizeof *names);
    if (!names) return WHET_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        names[i] = json_string_value(json_array_get(v, i));
        if (!names[i]) {
            status = WHET_FAIL(WHET_EFORMAT, "class name %zu of the contract is no text", i);
            goto done;
        }
    }
    status = whet_contract_set_labels(c, (int)n, names);
done:
    whet_free(names);
    return status;
}

static whet_status set_from_json(whet_contract *c, const char *key, json_t *v)
{
    whet_strbuf s;
    whet_status status = WHET_OK;

    if (strcmp(key, "version") == 0) {
        if (json_integer_value(v) != 1)
            return WHET_FAIL(WHET_EUNSUPPORTED, "contract version is not 1, it was written by a newer program");
        return WHET_OK;
    }
    if (strcmp(key, "preset") == 0) {
        const char *name = json_string_value(v);
        for (size_t i = 0; name && i < WHET_COUNT(presets); i++)
            if (strcmp(name, presets[i].name) == 0) {
                set_preset(c, &presets[i]);
                return WHET_OK;
            }
        return WHET_FAIL(WHET_EFORMAT, "contract field 'preset' is none of unit, pm1, imagenet, caffe, raw");
    }
    if (strcmp(key, "labels") == 0) return labels_from_json(c, v);
    whet_strbuf_init(&s);
    WHET_GOTO(field_text(key, v, &s));
    if (s.failed) {
        status = WHET_ENOMEM;
        goto done;
    }
    status = whet_contract_set(c, key, s.data ? s.data : "");
    if (status == WHET_EINVAL) {
        char text[300];
        snprintf(text, sizeof text, "%s", whet_error_last()->text);
        status = WHET_FAIL(WHET_EFORMAT, "%s", text);
    }
done:
    whet_strbuf_dispose(&s);
    return status;
}

whet_status whet_contract_from_json(whet_contract *c, const char *json)
{
    json_t *v = NULL, *item = NULL;
    const char *key = NULL;
    whet_contract new_c;
    whet_fit fit = WHET_FIT_STRETCH;
    whet_status status = WHET_OK;

    whet_contract_init(&new_c);
    WHET_GOTO(whet_json_parse(&v, json, strlen(json), ""));
    if (!json_is_object(v)) {
        status = WHET_FAIL(WHET_EFORMAT, "a contract is a JSON object with fields like size, mean and std");
        goto done;
    }
    json_object_foreach(v, key, item) WHET_GOTO(set_from_json(&new_c, key, item));
    /* "crop" says CROP by itself on the command line; in a document "fit" decides where it stands. */
    item = json_object_get(v, "fit");
    if (item && json_is_string(item)) {
        for (size_t i = 0; i < WHET_COUNT(fit_names); i++)
            if (strcmp(json_string_value(item), fit_names[i]) == 0) fit = (whet_fit)i;
        new_c.fit = fit;
    }
    new_c.given = true;
    whet_contract_dispose(c);
    *c = new_c;
    whet_contract_init(&new_c);
done:
    whet_contract_dispose(&new_c);
    json_decref(v);
    return status;
}

/* --- text */

static void add_vector(whet_strbuf *s, const float *v, int n)
{
    bool same = true;

    for (int i = 1; i < n; i++) same = same && v[i] == v[0];
    if (same) {
        whet_strbuf_printf(s, "%.6g", shortest(v[0]));
        return;
    }
    for (int i = 0; i < n; i++) whet_strbuf_printf(s, "%s%.6g", i ? " " : "[", shortest(v[i]));
    whet_strbuf_puts(s, "]");
}

static bool all_equal(const float *v, int n, float x)
{
    for (int i = 0; i < n; i++)
        if (v[i] != x) return false;
    return true;
}

const char *whet_contract_formula(const whet_contract *c, char *buf, size_t size)
{
    whet_strbuf s;
    int n = c->color == WHET_COLOR_GRAY ? 1 : 3;
    bool centred = !all_equal(c->mean, n, 0), divided = !all_equal(c->std, n, 1);

    whet_strbuf_init(&s);
    if (centred && divided) whet_strbuf_puts(&s, "(");
    if (c->scale == 1.f / 255.f) whet_strbuf_puts(&s, "x/255");
    else if (c->scale == 1.f) whet_strbuf_puts(&s, "x");
    else whet_strbuf_printf(&s, "x*%.6g", shortest(c->scale));
    if (centred) {
        whet_strbuf_puts(&s, "-");
        add_vector(&s, c->mean, n);
    }
    if (centred && divided) whet_strbuf_puts(&s, ")");
    if (divided) {
        whet_strbuf_puts(&s, "/");
        add_vector(&s, c->std, n);
    }
    snprintf(buf, size, "%s", s.data ? s.data : "");
    whet_strbuf_dispose(&s);
    return buf;
}

const char *whet_contract_text(const whet_contract *c, char *buf, size_t size)
{
    static const char *const upper[] = {"RGB", "BGR", "grey"};
    char formula[160], how[80] = "", dims[32] = "any size";

    if (c->height) snprintf(dims, sizeof dims, "%dx%d", c->height, c->width);
    if (c->fit == WHET_FIT_CROP) snprintf(how, sizeof how, ", centre crop %.4g", shortest(c->crop));
    if (c->fit == WHET_FIT_LETTERBOX) snprintf(how, sizeof how, ", letterbox");
    if (c->lib != WHET_RESIZE_PILLOW || c->filter != WHET_FILTER_BILINEAR)
        snprintf(how + strlen(how), sizeof how - strlen(how), ", %s %s%s", whet_resize_lib_name(c->lib),
                 whet_filter_name(c->filter), c->antialias ? " antialiased" : "");
    snprintf(buf, size, "%s, %s %s%s, %s", whet_contract_formula(c, formula, sizeof formula), dims, upper[c->color], how,
             c->nhwc ? "NHWC" : "NCHW");
    return buf;
}
