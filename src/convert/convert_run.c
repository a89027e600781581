/* SPDX-License-Identifier: Apache-2.0 */
/* Sample inputs, and what a graph makes of them when every node is computed as it stands: the reference of --check and of
 * bundles. */
#include <string.h>

#include "base/rng.h"
#include "convert/convert.h"
#include "exec/exec.h"
#include "passes/lower.h"

enum { CELL = 8 };

/* Smooth colour patches with grain: neither flat nor static. */
whet_status whet_convert_picture(whet_image *out, int width, int height, int channels, uint64_t seed)
{
    whet_rng grain = whet_rng_at(seed, 1);
    WHET_TRY(whet_image_alloc(out, width, height, channels));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++) {
                const uint64_t cell = (uint64_t)(y * CELL / height) * CELL + (uint64_t)(x * CELL / width);
                whet_rng patch = whet_rng_at(seed, 16 + cell * 4 + (uint64_t)c);
                const int v = 24 + (int)whet_rng_below(&patch, 184) + (int)whet_rng_below(&grain, 48);
                out->data[((size_t)y * (size_t)width + (size_t)x) * (size_t)channels + (size_t)c] = (uint8_t)v;
            }
    return WHET_OK;
}

whet_status whet_convert_sample(const whet_graph *g, int i, const whet_shape *shape, uint64_t seed, whet_tensor *out)
{
    whet_rng r = whet_rng_at(seed, (uint64_t)i);
    WHET_TRY(whet_tensor_alloc(out, g->values[g->inputs[i]].dtype, shape));
    for (int64_t k = 0; k < whet_tensor_numel(out); k++) {
        if (whet_dtype_is_float(out->dtype)) whet_tensor_set_f64(out, k, whet_rng_normal(&r));
        else if (out->dtype == WHET_U8) whet_tensor_set_s64(out, k, (int64_t)whet_rng_below(&r, 256));
        else if (out->dtype == WHET_S8) whet_tensor_set_s64(out, k, (int64_t)whet_rng_below(&r, 256) - 128);
        else whet_tensor_set_s64(out, k, (int64_t)whet_rng_below(&r, 2));
    }
    return WHET_OK;
}

whet_status whet_convert_reference(const whet_graph *g, const whet_tensor *inputs, whet_tensor *outputs)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_status status = WHET_OK;
    whet_exec_options_init(&o);
    o.lower = whet_pass_resolve_shapes;
    WHET_GOTO(whet_team_create(&o.team, 0));
    WHET_GOTO(whet_exec_create(&e, g, &o));
    status = whet_exec_run(e, g->n_inputs, inputs, g->n_outputs, outputs);
done:
    whet_exec_free(e);
    whet_team_free(o.team);
    return status;
}
