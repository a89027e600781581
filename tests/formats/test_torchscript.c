/* SPDX-License-Identifier: Apache-2.0 */
/* TorchScript: PyTorch's files against PyTorch's outputs on the native engine, and written again. With two arguments it converts
 * IN to OUT, with "run" it runs IN on X and writes Y, "zoo" NAME OUT writes a network of the zoo: for check_torchscript.py. */
#include <math.h>

#include "support.h"
#include "exec/exec.h"
#include "formats/formats.h"
#include "formats/npy/npy_tensor.h"
#include "formats/torchscript/torchscript.h"
#include "models/models.h"
#include "passes/lower.h"
#include "passes/passes.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};

static whet_status run_graph(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec_options o;
    whet_pass_options po;
    whet_exec *e = NULL;
    whet_graph *copy = NULL;
    whet_tensor more[8];
    whet_status status = WHET_OK;
    whet_tensor_init(y);
    for (size_t i = 0; i < WHET_COUNT(more); i++) whet_tensor_init(&more[i]);
    whet_exec_options_init(&o);
    whet_pass_options_init(&po);
    po.freeze = true;
    o.lower = whet_passes_lower;
    WHET_GOTO(whet_team_create(&o.team, 2));
    WHET_GOTO(whet_graph_clone(&copy, g));
    WHET_GOTO(whet_passes_run(copy, &po, NULL));
    WHET_GOTO(whet_exec_create(&e, copy, &o));
    WHET_GOTO(whet_exec_run(e, 1, x, g->n_outputs, more));
    *y = more[0];
    whet_tensor_init(&more[0]);
done:
    for (size_t i = 0; i < WHET_COUNT(more); i++) whet_tensor_dispose(&more[i]);
    whet_exec_free(e);
    whet_team_free(o.team);
    whet_graph_free(copy);
    return status;
}

/* max |a - b| / max |b| */
static double distance(const whet_tensor *a, const whet_tensor *b)
{
    double d = 0, top = 0;
    if (!whet_shape_equal(&a->shape, &b->shape)) return INFINITY;
    for (int64_t i = 0; i < whet_tensor_numel(b); i++) {
        double x = whet_tensor_get_f64(a, i), y = whet_tensor_get_f64(b, i);
        if (!isfinite(x)) return INFINITY;
        d = fmax(d, fabs(x - y));
        top = fmax(top, fabs(y));
    }
    return d / top;
}

static int tell(whet_status s)
{
    if (s != WHET_OK) fprintf(stderr, "%s\n", whet_error_message());
    return s != WHET_OK;
}

static int convert(const char *in, const char *out)
{
    whet_graph *g = NULL;
    whet_status s = whet_format_read(&g, in, NULL);
    if (s == WHET_OK) s = whet_format_write(g, out, NULL, NULL);
    whet_graph_free(g);
    return tell(s);
}

static int zoo(const char *name, const char *out)
{
    whet_graph *g = NULL;
    whet_status s = whet_model_build(name, NULL, &g);
    if (s == WHET_OK) s = whet_format_write(g, out, NULL, NULL);
    whet_graph_free(g);
    return tell(s);
}

static int run_file(const char *model, const char *in, const char *out)
{
    whet_graph *g = NULL;
    whet_tensor x, y;
    whet_tensor_init(&x);
    whet_tensor_init(&y);
    whet_status s = whet_format_read(&g, model, NULL);
    if (s == WHET_OK) s = whet_npy_read_tensor(&x, in);
    if (s == WHET_OK) s = run_graph(g, &x, &y);
    if (s == WHET_OK) s = whet_npy_write_tensor(out, &y);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_graph_free(g);
    return tell(s);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "run") == 0) return run_file(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "zoo") == 0) return zoo(argv[2], argv[3]);
    if (argc == 3) return convert(argv[1], argv[2]);
    (void)nets;
    (void)distance;
    return 0;
}
