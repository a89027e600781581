/* SPDX-License-Identifier: Apache-2.0 */
/* Reading TFLite: networks that TensorFlow's converter wrote against the outputs that TensorFlow's runtime stored, in every form
 * of quantisation; what is refused, with its message; damage at every place. */
#include <math.h>

#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/tflite/tflite.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "tflite_maker.h"

/* --- whole networks */
static whet_exec *exec_of(const whet_graph *g, whet_graph **copy)
{
    whet_exec_options o;
    whet_pass_options po;
    whet_exec *e = NULL;
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    whet_pass_options_init(&po);
    po.freeze = true;
    assert_ok(whet_graph_clone(copy, g));
    assert_ok(whet_passes_run(*copy, &po, NULL));
    assert_ok(whet_exec_create(&e, *copy, &o));
    return e;
}

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_graph *copy = NULL;
    whet_exec *e = exec_of(g, &copy);
    whet_tensor_init(y);
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_graph_free(copy);
}

typedef struct kind { const char *name; double bound; bool integer; } kind;
static const kind kinds[] = {{"float32", 1e-4, false}, {"float16", 2e-3, false}, {"dynamic", 1e-2, false},
                             {"int16x8", 2e-2, false}, {"int8_floatio", 4e-2, false}, {"int8", 0, true}};

static void compare_floats(const char *what, const kind *k, const whet_tensor *y, const whet_tensor *want)
{
    double d = 0, top = 0;
    for (int64_t i = 0; i < whet_tensor_numel(want); i++) {
        const double a = whet_tensor_get_f64(y, i), b = whet_tensor_get_f64(want, i);
        d = isfinite(a) ? fmax(d, fabs(a - b)) : INFINITY;
        top = fmax(top, fabs(b));
    }
    printf("%s: off by %.2g of the largest output\n", what, d / top);
    if (!(d <= k->bound * top)) fail_msg("%s: output differs by %.3g of its maximum, at most %.3g is allowed", what, d / top, k->bound);
}

/* At most 1 LSB off in 98 % of the elements, never over 4; of fewer than 50 elements one may be 2 off. */
static void compare_integers(const char *what, const whet_tensor *y, const whet_tensor *want)
{
    const int64_t n = whet_tensor_numel(want);
    int64_t over = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t d = llabs(whet_tensor_get_s64(y, i) - whet_tensor_get_s64(want, i));
        over += d > 1;
        most = WHET_MAX(most, d);
    }
    printf("%s: %lld of %lld elements over 1 LSB, at most %lld\n", what, (long long)over, (long long)n, (long long)most);
    const bool good = n < 50 ? over == 0 || (over == 1 && most <= 2) : over * 50 <= n && most <= 4;
    if (!good) fail_msg("%s: %lld of %lld elements are over 1 LSB, at most %lld", what, (long long)over, (long long)n, (long long)most);
}

static void check_network(const char *net, const kind *k)
{
    char rel[128];
    whet_graph *g = NULL;
    whet_tensor x, want, y;
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s.npy", net, k->integer ? "int8_input" : "input");
    support_shared(x_path, rel);
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s_output.npy", net, k->name);
    support_shared(y_path, rel);
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s.tflite", net, k->name);
    support_shared(path, rel);
    assert_ok(whet_npy_read_tensor(&x, x_path));
    assert_ok(whet_npy_read_tensor(&want, y_path));
    assert_ok(whet_tflite_read(&g, path, NULL));
    run(g, &x, &y);
    assert_int_equal(y.dtype, want.dtype);
    if (!whet_shape_equal(&y.shape, &want.shape)) fail_msg("%s: the output has another shape", rel);
    if (k->integer) compare_integers(rel, &y, &want);
    else compare_floats(rel, k, &y, &want);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&want);
    whet_graph_free(g);
}

static void keras_networks(void **state)
{
    static const char *const nets[] = {"convnet", "mobilenet", "efficientnet", "resnet", "deeplab"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) check_network(nets[i], &kinds[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keras_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
