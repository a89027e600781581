/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts in ONNX metadata, through the graph's reader and writer. */
#include "measure/model_contract.h"

#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "formats/onnx/onnx.h"

static whet_status check_name(const char *path)
{
    const char *ext = whet_path_ext(path);

    if (strcmp(ext, ".onnx") == 0) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' is no ONNX file, only those carry a contract here", path);
}

whet_status whet_model_contract_read(const char *path, whet_contract *c)
{
    whet_graph *g = NULL;
    const char *json = NULL;
    whet_status status = WHET_OK;

    WHET_TRY(check_name(path));
    WHET_TRY(whet_onnx_read(&g, path, NULL));
    json = whet_graph_get_meta(g, WHET_CONTRACT_META);
    if (json) status = whet_contract_from_json(c, json);
    if (status != WHET_OK) whet_error_at_file(path);
    whet_graph_free(g);
    return status;
}

whet_status whet_model_contract_write(const char *path, const whet_contract *c, const char *out)
{
    whet_graph *g = NULL;
    char *json = NULL;
    whet_onnx_write_options wo;
    whet_status status = WHET_OK;

    WHET_TRY(check_name(path));
    whet_onnx_write_options_init(&wo);
    WHET_TRY(whet_onnx_read(&g, path, NULL));
    WHET_GOTO(whet_contract_to_json(c, &json));
    WHET_GOTO(whet_graph_set_meta(g, WHET_CONTRACT_META, json));
    status = whet_onnx_write(g, out, &wo);
done:
    whet_free(json);
    whet_graph_free(g);
    return status;
}
