/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts in the metadata of model files, through the reader and the converter. */
#include "measure/model_contract.h"

#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "convert/convert.h"

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

/* What the file fixes must be what the contract says: size of the input, number of classes. */
static whet_status check_fits(const whet_graph *g, const whet_contract *c)
{
    const whet_value *x = g->n_inputs == 1 ? &g->values[g->inputs[0]] : NULL, *y = g->n_outputs > 0 ? &g->values[g->outputs[0]] : NULL;

    if (x && x->dims.rank == 4) {
        const whet_dim *d = x->dims.dims;
        const bool nhwc = d[1] != 1 && d[1] != 3 && (d[3] == 1 || d[3] == 3);
        const whet_dim h = d[nhwc ? 1 : 2], w = d[nhwc ? 2 : 3];
        if ((c->height > 0 && h >= 0 && h != c->height) || (c->width > 0 && w >= 0 && w != c->width))
            return WHET_FAIL(WHET_EINVAL, "the contract says %dx%d, input '%s' takes %lldx%lld, give that --size or leave it out",
                             c->height, c->width, x->name, (long long)(h >= 0 ? h : c->height), (long long)(w >= 0 ? w : c->width));
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
    status = whet_convert_graph(g, f, out, NULL, NULL);
done:
    whet_free(json);
    whet_graph_free(g);
    return status;
}
