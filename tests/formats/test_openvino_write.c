/* SPDX-License-Identifier: Apache-2.0 */
/* Writing OpenVINO IR: the zoo and quantised networks come back as they went, metadata too, no node without need; and what has
 * no form is refused by name. With arguments it converts for check_openvino.py:
 * IN OUT.xml f32|f16 [INPUT.npy OUTPUT.npy], IN a model file or zoo:NAME; OUTPUT is what this engine computes. */
#include <math.h>

#include "support.h"
#include "convert/convert.h"
#include "data/contract.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/openvino/openvino.h"
#include "models/models.h"
#include "passes/lower.h"

static whet_status run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_exec_options_init(&o);
    o.lower = whet_pass_resolve_shapes;
    for (int i = 0; i < g->n_outputs; i++) whet_tensor_init(&y[i]);
    whet_status status = whet_exec_create(&e, g, &o);
    if (status == WHET_OK) status = whet_exec_run(e, g->n_inputs, x, g->n_outputs, y);
    whet_exec_free(e);
    return status;
}

static whet_status source(whet_graph **g, const char *from)
{
    if (strncmp(from, "zoo:", 4) != 0) return whet_format_read(g, from, NULL);
    whet_model_options o;
    whet_model_options_init(&o);
    o.seed = 1;
    return whet_model_build(from + 4, &o, g);
}

/* Contents for an input: a file, or seeded numbers. */
static whet_status contents(const whet_graph *g, int input, const char *npy, whet_tensor *x)
{
    const whet_value *v = &g->values[g->inputs[input]];
    whet_shape s = {.rank = v->dims.rank};
    if (npy && *npy && access(npy, R_OK) == 0) return whet_npy_read_tensor(x, npy);
    for (int i = 0; i < s.rank; i++) s.dims[i] = v->dims.dims[i] < 0 ? 1 : v->dims.dims[i];
    whet_tensor_init(x);
    WHET_TRY(whet_tensor_alloc(x, v->dtype, &s));
    uint32_t seed = 7;
    for (int64_t i = 0; i < whet_tensor_numel(x); i++) {
        seed = seed * 1664525u + 1013904223u;
        whet_tensor_set_f64(x, i, (double)(seed >> 8) / (1 << 23) - 1);
    }
    return WHET_OK;
}

/* The i-th file of "x.npy": x.npy, x.npy.1.npy, x.npy.2.npy, ... */
static const char *numbered(const char *path, int i)
{
    static char text[1024];
    snprintf(text, sizeof(text), i ? "%s.%d.npy" : "%s", path, i);
    return text;
}

static whet_status computed(const whet_graph *g, const char *in, const char *out)
{
    enum { MANY = 16 };
    whet_tensor x[MANY], y[MANY];
    whet_status status = g->n_inputs <= MANY && g->n_outputs <= MANY ? WHET_OK : WHET_EUNSUPPORTED;
    for (int i = 0; i < MANY; i++) {
        whet_tensor_init(&x[i]);
        whet_tensor_init(&y[i]);
    }
    for (int i = 0; i < g->n_inputs && status == WHET_OK; i++) {
        const char *path = numbered(in, i);
        status = contents(g, i, path, &x[i]);
        if (status == WHET_OK && access(path, R_OK) != 0) status = whet_npy_write_tensor(path, &x[i]);
    }
    if (status == WHET_OK) status = run(g, x, y);
    for (int i = 0; i < g->n_outputs && status == WHET_OK; i++) status = whet_npy_write_tensor(numbered(out, i), &y[i]);
    for (int i = 0; i < MANY; i++) {
        whet_tensor_dispose(&x[i]);
        whet_tensor_dispose(&y[i]);
    }
    return status;
}

static int convert(int argc, char **argv)
{
    whet_graph *g = NULL;
    whet_convert_graph_options o;
    const whet_model_format *f = NULL;
    whet_convert_graph_options_init(&o);
    o.precision = strcmp(argv[3], "f16") == 0 ? WHET_PRECISION_F16 : WHET_PRECISION_KEEP;
    whet_status status = source(&g, argv[1]);
    if (status == WHET_OK) status = whet_format_for_writing("openvino", argv[2], &f);
    if (status == WHET_OK) status = whet_convert_graph(g, f, argv[2], &o, NULL);
    if (status == WHET_OK && argc > 5) status = computed(g, argv[4], argv[5]);
    if (status != WHET_OK) fprintf(stderr, "%s: %s\n", whet_status_name(status), whet_error_message());
    whet_graph_free(g);
    return status != WHET_OK;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(NULL)};
    if (argc > 3) return convert(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
