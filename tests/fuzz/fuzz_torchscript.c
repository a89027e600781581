/* SPDX-License-Identifier: Apache-2.0 */
/* TorchScript: whatever an archive's code says ends in a graph or in a clean error. What is no archive is parsed as a source file
 * alone, so that a fuzzer reaches the parser through no checksum. */
#include "formats/torchscript/torchscript.h"
#include "formats/torchscript/ts_source.h"
#include "fuzz.h"

static void parse_alone(const uint8_t *data, size_t size)
{
    ts_file f = {.path = "code/f.py"};
    whet_arena *a = whet_arena_create();
    long budget = TS_MAX_TREE;
    if (a && ts_parse(&f, (const char *)data, size, a, &budget) != WHET_OK) FUZZ_CHECK(whet_error_last()->text[0] != '\0');
    whet_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_graph *g = NULL;
    whet_format_options o;
    unsigned sum = 0;
    whet_format_options_init(&o);
    o.parameters_as_variables = size % 2;
    if (size > 2 && data[0] != 'P') parse_alone(data, size);
    const whet_status status = whet_torchscript_read_mem(&g, data, size, "f.pt", &o);
    if (status != WHET_OK) {
        fuzz_clean_error(status, g, "f.pt");
        return 0;
    }
    FUZZ_CHECK(g->n_outputs > 0 && whet_graph_verify(g) == WHET_OK);
    for (int i = 0; i < g->n_values; i++) {
        const whet_tensor *t = &g->values[i].data;
        for (size_t k = 0; t->data && k < whet_tensor_bytes(t); k++) sum += ((const uint8_t *)t->data)[k];
    }
    fuzz_sink = sum; /* keeps the reads */
    whet_graph_free(g);
    return 0;
}
