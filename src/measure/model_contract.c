/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts in the metadata of model files, through the reader and the converter. */
#include "measure/model_contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "convert/convert.h"
#include "formats/onnx/onnx.h"

whet_status whet_model_contract_read(const char *path, whet_contract *c)
{
    whet_graph *g = NULL;
    const char *json = NULL;
    whet_status status = WHET_OK;

    WHET_TRY(whet_format_read(&g, path, NULL));
    json = whet_graph_get_meta(g, WHET_CONTRACT_META);
    if (json) status = whet_contract_from_json(c, json);
    if (status != WHET_OK) whet_error_at_file(path);
    whet_graph_free(g);
    return status;
}

/* The axes of a picture at the only input, three are grey: false if there is no such. */
typedef struct picture { const whet_value *x; whet_dim channels, height, width; bool nhwc; } picture;

static bool find_picture(const whet_graph *g, picture *p)
{
    const whet_value *x = g->n_inputs == 1 ? &g->values[g->inputs[0]] : NULL;
    if (!x || (x->dims.rank != 4 && x->dims.rank != 3)) return false;
    const whet_dim *d = x->dims.dims;
    if (x->dims.rank == 3) {
        *p = (picture){.x = x, .channels = 1, .height = d[1], .width = d[2]};
        return d[1] > 4 && d[2] > 4;
    }
    const bool nhwc = d[1] != 1 && d[1] != 3 && (d[3] == 1 || d[3] == 3);
    *p = (picture){.x = x, .channels = d[nhwc ? 3 : 1], .height = d[nhwc ? 1 : 2], .width = d[nhwc ? 2 : 3], .nhwc = nhwc};
    return true;
}

/* A preset's mean of three colours is not cut to that of red. */
static whet_status check_grey(const whet_contract *c, const picture *p)
{
    if (p->channels != 1) return WHET_OK;
    for (int k = 1; k < 3; k++)
        if (c->mean[k] != c->mean[0] || c->std[k] != c->std[0])
            return WHET_FAIL(WHET_EINVAL, "the contract has a mean or deviation for each of three colours, input '%s' is grey, give --mean and --std with one number",
                             p->x->name);
    return WHET_OK;
}

whet_status whet_model_contract_settle(const char *path, whet_contract *c, bool color, bool layout, bool size)
{
    whet_graph *g = NULL;
    picture p;
    WHET_TRY(whet_format_read(&g, path, NULL));
    if (find_picture(g, &p)) {
        if (size && p.height > 0 && p.width > 0 && p.height <= INT32_MAX && p.width <= INT32_MAX) {
            c->height = (int)p.height;
            c->width = (int)p.width;
        }
        if (color && p.channels == 1) c->color = WHET_COLOR_GRAY;
        else if (color && p.channels == 3 && c->color == WHET_COLOR_GRAY) c->color = WHET_COLOR_RGB;
        if (layout && (p.channels == 1 || p.channels == 3)) c->nhwc = p.nhwc;
    }
    whet_graph_free(g);
    return WHET_OK;
}

/* What the file fixes must be what the contract says: size, channels and layout of the input, number of classes. */
static whet_status check_fits(const whet_graph *g, const whet_contract *c)
{
    const whet_value *y = g->n_outputs > 0 ? &g->values[g->outputs[0]] : NULL;
    picture p;

    if (find_picture(g, &p)) {
        if ((c->height > 0 && p.height >= 0 && p.height != c->height) || (c->width > 0 && p.width >= 0 && p.width != c->width))
            return WHET_FAIL(WHET_EINVAL, "the contract says %dx%d, input '%s' takes %lldx%lld, give that --size or leave it out", c->height,
                             c->width, p.x->name, (long long)(p.height >= 0 ? p.height : c->height),
                             (long long)(p.width >= 0 ? p.width : c->width));
        if ((p.channels == 1 && c->color != WHET_COLOR_GRAY) || (p.channels == 3 && c->color == WHET_COLOR_GRAY))
            return WHET_FAIL(WHET_EINVAL, "the contract is one of %s pictures, input '%s' has %lld channel%s, give --color %s",
                             c->color == WHET_COLOR_GRAY ? "grey" : "colour", p.x->name, (long long)p.channels, p.channels == 1 ? "" : "s",
                             p.channels == 1 ? "gray" : "rgb");
        if ((p.channels == 1 || p.channels == 3) && p.nhwc != c->nhwc)
            return WHET_FAIL(WHET_EINVAL, "the contract says %s, input '%s' is %s, give that --layout or leave it out", c->nhwc ? "NHWC" : "NCHW",
                             p.x->name, p.nhwc ? "NHWC" : "NCHW");
        WHET_TRY(check_grey(c, &p));
    }
    if (c->n_labels > 0 && y && y->dims.rank == 2 && y->dims.dims[1] >= 0 && y->dims.dims[1] != c->n_labels)
        return WHET_FAIL(WHET_EINVAL, "--labels names %d classes, output '%s' has %lld", c->n_labels, y->name, (long long)y->dims.dims[1]);
    return WHET_OK;
}

whet_status whet_model_contract_write(const char *path, const whet_contract *c, const char *out)
{
    whet_graph *g = NULL;
    char *json = NULL;
    const whet_model_format *f = NULL;
    whet_status status = WHET_OK;

    WHET_TRY(whet_format_of_file(path, &f));
    if (!f->read || !f->write) return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' is %s, which carries no contract that can be changed here", path, f->title);
    WHET_TRY(whet_format_read(&g, path, NULL));
    WHET_GOTO(check_fits(g, c));
    WHET_GOTO(whet_contract_to_json(c, &json));
    WHET_GOTO(whet_graph_set_meta(g, WHET_CONTRACT_META, json));
    whet_convert_graph_options how;
    whet_convert_graph_options_init(&how);
    const char *opset = whet_graph_get_meta(g, ONNX_META_OPSET); /* nothing else of the file is to change */
    const int as_it_was = opset != NULL ? atoi(opset) : 0;
    if (strcmp(f->name, "onnx") == 0 && as_it_was >= 13 && as_it_was <= 21) how.opset = as_it_was;
    status = whet_convert_graph(g, f, out, &how, NULL);
done:
    whet_free(json);
    whet_graph_free(g);
    return status;
}
