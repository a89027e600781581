/* SPDX-License-Identifier: Apache-2.0 */
/* What the conformance suite feeds to every backend: three little models, written in each format that the backend claims.
 *   small  y = max(0, x W + b)          x is f32 [N, 8], y [N, 4]
 *   bytes  y = float(x)                 x is u8 [N, 8]
 *   big    four products of 512 x 512   x is f32 [256, 512], to load the processor */
#ifndef WHET_TESTS_CONFORM_H
#define WHET_TESTS_CONFORM_H

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>

#include "backend/backend.h"
#include "convert/convert.h"
#include "ir/graph.h"
#include "support.h"

enum { CONFORM_IN = 8, CONFORM_OUT = 4, CONFORM_BIG = 512, CONFORM_BIG_BATCH = 256, CONFORM_MAX_FORMATS = 8 };

static inline float conform_weight(int i, int o) { return (float)((i * 7 + o * 3) % 11 - 5) / 8; }

static inline whet_status conform_tensor(whet_graph *g, const char *name, int rank, int64_t rows, int64_t columns, whet_vid *out)
{
    whet_tensor t;
    whet_tensor_init(&t);
    const whet_shape two = WHET_SHAPE(rows, columns), one = WHET_SHAPE(columns);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, rank == 2 ? &two : &one));
    for (int64_t i = 0; i < (rank == 2 ? rows : 1) * columns; i++)
        ((float *)t.data)[i] = rank == 1                 ? 0.5f * (float)i - 0.5f
                               : columns == CONFORM_OUT ? conform_weight((int)(i / columns), (int)(i % columns))
                                                        : (float)((i * 31) % 17 - 8) / 256;
    const whet_status status = whet_graph_const(g, name, &t, out);
    whet_tensor_dispose(&t);
    return status;
}

static inline whet_status conform_small(whet_graph *g, whet_vid x, whet_vid *v)
{
    whet_vid w = 0, b = 0;
    WHET_TRY(conform_tensor(g, "w", 2, CONFORM_IN, CONFORM_OUT, &w));
    WHET_TRY(conform_tensor(g, "b", 1, 1, CONFORM_OUT, &b));
    WHET_TRY(whet_graph_op1(g, "MatMul", WHET_IN(x, w), WHET_NO_ATTRS, v));
    WHET_TRY(whet_graph_op1(g, "Add", WHET_IN(*v, b), WHET_NO_ATTRS, v));
    return whet_graph_op1(g, "Relu", WHET_IN(*v), WHET_NO_ATTRS, v);
}

static inline whet_status conform_big(whet_graph *g, whet_vid x, whet_vid *v)
{
    char name[24];
    *v = x;
    for (int i = 0; i < 4; i++) {
        whet_vid w = 0;
        snprintf(name, sizeof name, "w%d", i);
        WHET_TRY(conform_tensor(g, name, 2, CONFORM_BIG, CONFORM_BIG, &w));
        WHET_TRY(whet_graph_op1(g, "MatMul", WHET_IN(*v, w), WHET_NO_ATTRS, v));
        WHET_TRY(whet_graph_op1(g, "Relu", WHET_IN(*v), WHET_NO_ATTRS, v));
    }
    return WHET_OK;
}

static inline whet_status conform_bytes(whet_graph *g, whet_vid x, whet_vid *v)
{
    return whet_graph_op1(g, "Cast", WHET_IN(x), WHET_ATTRS(whet_attr_int("to", 1)), v);
}

/* which: 's'mall, 'b'ytes, 'B'ig. */
static inline whet_status conform_graph(whet_graph **out, char which)
{
    whet_vid x = 0, v = 0;
    whet_dims dims = {.rank = 2};
    WHET_TRY(whet_graph_create(out, "conformance"));
    dims.dims[0] = which == 'B' ? CONFORM_BIG_BATCH : whet_graph_symbol(*out, "N");
    dims.dims[1] = which == 'B' ? CONFORM_BIG : CONFORM_IN;
    WHET_TRY(whet_graph_input(*out, "x", which == 'b' ? WHET_U8 : WHET_F32, &dims, &x));
    WHET_TRY(which == 's' ? conform_small(*out, x, &v) : which == 'b' ? conform_bytes(*out, x, &v) : conform_big(*out, x, &v));
    return whet_graph_output(*out, v);
}

/* Writes model `which` for a backend's format into dir; path is given. The fake backend has a format of its own. */
static inline whet_status conform_write(const char *dir, const char *format, char which, char *path, size_t cap)
{
    const whet_model_format *f = NULL;
    whet_graph *g = NULL;
    if (strcmp(format, "fake") == 0) {
        snprintf(path, cap, "%s/model.fake", dir);
        return whet_file_write(path, "fake\ngood\n", 10);
    }
    WHET_TRY(whet_format_for_writing(format, "", &f));
    if (snprintf(path, cap, "%s/%s_%c%.*s", dir, format, which == 'B' ? 'g' : which, (int)strcspn(f->ext, " "), f->ext) >= (int)cap)
        return WHET_FAIL(WHET_EINVAL, "the scratch folder's path is too long");
    whet_status status = conform_graph(&g, which);
    if (status == WHET_OK) status = whet_convert_graph(g, f, path, NULL, NULL);
    whet_graph_free(g);
    return status;
}

/* The formats that a backend claims; n of them. */
static inline int conform_formats(const whet_backend *t, char formats[CONFORM_MAX_FORMATS][32])
{
    char *text = NULL;
    int n = 0;
    if (t->caps(&text) != WHET_OK) return 0;
    json_t *caps = json_loads(text, 0, NULL), *list = json_object_get(caps, "formats");
    whet_free(text);
    for (size_t i = 0; i < json_array_size(list) && n < CONFORM_MAX_FORMATS; i++)
        snprintf(formats[n++], 32, "%s", json_string_value(json_array_get(list, i)));
    json_decref(caps);
    return n;
}

#endif
