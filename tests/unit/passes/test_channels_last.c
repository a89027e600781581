/* SPDX-License-Identifier: Apache-2.0 */
/* Channels last: how many transpositions are left in typical networks, and that the graph computes what it did (with the tags
 * taken off again, whet_channels_last_undo). */
#include <math.h>

#include "exec/exec.h"
#include "formats/nhwc_export.h"
#include "passes/channels_last.h"
#include "support.h"

static uint32_t seed = 1;
static float noise(void)
{
    seed = seed * 1664525U + 1013904223U;
    return (float)(seed >> 8) / 8388608.0F - 1;
}

static whet_vid weights(whet_graph *g, int rank, const int64_t *dims)
{
    whet_tensor t = {0};
    whet_vid v = WHET_NO_VALUE;
    const whet_shape s = whet_shape_of(rank, dims);
    assert_int_equal(whet_tensor_alloc(&t, WHET_F32, &s), WHET_OK);
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) ((float *)t.data)[i] = noise();
    assert_int_equal(whet_graph_const(g, NULL, &t, &v), WHET_OK);
    whet_tensor_dispose(&t);
    return v;
}

#define W(g, ...) weights(g, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static whet_vid input(whet_graph *g, const char *batch, int64_t a, int64_t b, int64_t c)
{
    whet_dims d = {.rank = 4, .dims = {batch ? whet_graph_symbol(g, batch) : 2, a, b, c}};
    whet_vid v = WHET_NO_VALUE;
    assert_int_equal(whet_graph_input(g, "x", WHET_F32, &d, &v), WHET_OK);
    return v;
}

static whet_vid op(whet_graph *g, const char *name, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs)
{
    whet_vid y = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(g, name, n_in, in, n_attr, attrs, &y));
    return y;
}

static whet_vid conv(whet_graph *g, whet_vid x, int64_t in, int64_t out, int64_t k)
{
    const int64_t pads[4] = {k / 2, k / 2, k / 2, k / 2};
    return op(g, "Conv", WHET_IN(x, W(g, out, in, k, k), W(g, out)), WHET_ATTRS(whet_attr_ints("pads", 4, pads)));
}

static whet_vid turn(whet_graph *g, whet_vid x, int n, const int64_t *perm) { return op(g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", n, perm))); }

static whet_vid reshape(whet_graph *g, whet_vid x, int n, const int64_t *dims)
{
    whet_vid s = WHET_NO_VALUE;
    assert_ok(whet_graph_const_s64(g, NULL, n, dims, &s));
    return op(g, "Reshape", WHET_IN(x, s), WHET_NO_ATTRS);
}

/* Runs the pass and expects `transposes` in the file and the same results as before. */
static void check(whet_graph *g, int transposes, bool image_in)
{
    whet_graph *before = NULL;
    whet_pass_context c = {.g = g};
    assert_ok(whet_graph_clone(&before, g));
    assert_ok(whet_pass_channels_last(&c));
    assert_ok(whet_graph_verify(g));
    const int have = whet_nhwc_count_transposes(g);
    if (have != transposes) {
        char *text = NULL;
        (void)whet_graph_dump(g, &text);
        print_message("%d transpositions, %d expected\n%s", have, transposes, text ? text : "");
        whet_free(text);
    }
    assert_int_equal(have, transposes);
    assert_int_equal(g->values[g->inputs[0]].layout, image_in ? WHET_NHWC : WHET_NCHW);
    assert_ok(whet_channels_last_undo(g));
    whet_tensor x = {0}, y[2] = {{0}, {0}};
    whet_graph *graphs[2] = {before, g};
    for (int k = 0; k < 2; k++) {
        whet_exec *e = NULL;
        const whet_dims *d = &graphs[k]->values[graphs[k]->inputs[0]].dims;
        whet_shape s = {.rank = d->rank};
        for (int i = 0; i < d->rank; i++) s.dims[i] = d->dims[i] < 0 ? 2 : d->dims[i];
        if (k == 0) {
            assert_ok(whet_tensor_alloc(&x, WHET_F32, &s));
            for (int64_t i = 0; i < whet_tensor_numel(&x); i++) ((float *)x.data)[i] = noise();
        }
        assert_ok(whet_exec_create(&e, graphs[k], NULL));
        assert_ok(whet_exec_run(e, 1, &x, 1, &y[k]));
        whet_exec_free(e);
    }
    assert_true(whet_shape_equal(&y[0].shape, &y[1].shape));
    float most = 0, scale = 0;
    for (int64_t i = 0; i < whet_tensor_numel(&y[0]); i++) {
        most = fmaxf(most, fabsf(((float *)y[0].data)[i] - ((float *)y[1].data)[i]));
        scale = fmaxf(scale, fabsf(((float *)y[0].data)[i]));
    }
    assert_true(scale > 0);
    assert_true(most <= 1e-5F * scale);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y[0]);
    whet_tensor_dispose(&y[1]);
    whet_graph_free(before);
    whet_graph_free(g);
}

static whet_graph *begin(void)
{
    whet_graph *g = NULL;
    assert_ok(whet_graph_create(&g, "t"));
    seed = 1;
    return g;
}

static const int64_t to_nhwc[4] = {0, 2, 3, 1}, to_nchw[4] = {0, 3, 1, 2}, swap[3] = {0, 2, 1};

static void residual_with_excite(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = op(g, "Sub", WHET_IN(input(g, "N", 3, 8, 8), W(g, 3, 1, 1)), WHET_NO_ATTRS); /* normalisation in front */
    whet_vid a = op(g, "Relu", WHET_IN(conv(g, x, 3, 4, 3)), WHET_NO_ATTRS);
    whet_vid s = conv(g, op(g, "GlobalAveragePool", WHET_IN(conv(g, a, 4, 4, 3)), WHET_NO_ATTRS), 4, 4, 1);
    whet_vid y = op(g, "Mul", WHET_IN(a, op(g, "Sigmoid", WHET_IN(s), WHET_NO_ATTRS)), WHET_NO_ATTRS);
    y = op(g, "Add", WHET_IN(y, a), WHET_NO_ATTRS);
    y = op(g, "Concat", WHET_IN(y, a), WHET_ATTRS(whet_attr_int("axis", 1)));
    assert_ok(whet_graph_output(g, y));
    check(g, 0, true);
}

/* The pixels' order goes into the weights, seen through what works element by element. */
static void flatten_before_products(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = op(g, "Flatten", WHET_IN(conv(g, input(g, "N", 3, 4, 5), 3, 6, 3)), WHET_NO_ATTRS);
    x = op(g, "Relu", WHET_IN(x), WHET_NO_ATTRS);
    whet_vid a = op(g, "Gemm", WHET_IN(x, W(g, 7, 120), W(g, 7)), WHET_ATTRS(whet_attr_int("transB", 1)));
    whet_vid b = op(g, "MatMul", WHET_IN(x, W(g, 120, 7)), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(g, op(g, "Add", WHET_IN(a, b), WHET_NO_ATTRS)));
    check(g, 0, true);
}

/* A flattened image that is a result keeps its order: one transposition, of the smallest that there is. */
static void flatten_as_result(void **state)
{
    (void)state;
    whet_graph *g = begin();
    assert_ok(whet_graph_output(g, op(g, "Flatten", WHET_IN(conv(g, input(g, NULL, 3, 4, 5), 3, 6, 3)), WHET_NO_ATTRS)));
    check(g, 1, true);
}

/* Image to tokens, a normalisation over the last axis, and back: ViT's beginning, and an attention on an image. */
static void tokens_and_back(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = conv(g, input(g, "N", 3, 4, 4), 3, 6, 3);
    whet_vid t = turn(g, reshape(g, x, 3, (const int64_t[]){0, 6, -1}), 3, swap);
    t = op(g, "LayerNormalization", WHET_IN(t, W(g, 6), W(g, 6)), WHET_ATTRS(whet_attr_int("axis", -1)));
    t = op(g, "MatMul", WHET_IN(t, W(g, 6, 6)), WHET_NO_ATTRS);
    whet_vid y = reshape(g, turn(g, t, 3, swap), 4, (const int64_t[]){0, 6, 4, 4});
    assert_ok(whet_graph_output(g, conv(g, op(g, "Add", WHET_IN(x, y), WHET_NO_ATTRS), 6, 2, 1)));
    check(g, 0, true);
}

/* ConvNeXt: a layer normalisation over channels between convolutions, as exporters write it. */
static void normalisation_between_convolutions(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = conv(g, input(g, NULL, 3, 6, 6), 3, 4, 3);
    whet_vid y = op(g, "LayerNormalization", WHET_IN(turn(g, x, 4, to_nhwc), W(g, 4), W(g, 4)), WHET_ATTRS(whet_attr_int("axis", -1)));
    y = op(g, "Gelu", WHET_IN(op(g, "MatMul", WHET_IN(y, W(g, 4, 8)), WHET_NO_ATTRS)), WHET_NO_ATTRS);
    y = op(g, "Mul", WHET_IN(op(g, "MatMul", WHET_IN(y, W(g, 8, 4)), WHET_NO_ATTRS), W(g, 4)), WHET_NO_ATTRS);
    y = op(g, "Add", WHET_IN(turn(g, y, 4, to_nchw), x), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(g, conv(g, y, 4, 2, 1)));
    check(g, 0, true);
}

/* A graph that was read from a channels-last file: its input and flattening stay as they are. */
static void imported_channels_last(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = conv(g, turn(g, input(g, "N", 4, 5, 3), 4, to_nchw), 3, 6, 3);
    x = turn(g, op(g, "Relu", WHET_IN(x), WHET_NO_ATTRS), 4, to_nhwc);
    x = reshape(g, x, 2, (const int64_t[]){0, 120});
    assert_ok(whet_graph_output(g, op(g, "Gemm", WHET_IN(x, W(g, 120, 7)), WHET_NO_ATTRS)));
    check(g, 0, false);
}

static void split_pad_slice_softmax_reduce(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid axes = WHET_NO_VALUE, pads = WHET_NO_VALUE, from = WHET_NO_VALUE, to = WHET_NO_VALUE, at = WHET_NO_VALUE, parts[2];
    whet_vid x = conv(g, input(g, "N", 3, 6, 6), 3, 8, 3);
    assert_ok(whet_graph_const_s64(g, NULL, 8, (const int64_t[]){0, 0, 1, 2, 0, 0, 1, 0}, &pads));
    x = op(g, "Pad", WHET_IN(x, pads), WHET_NO_ATTRS);
    assert_ok(whet_graph_node(g, "Split", NULL, WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", 1), whet_attr_int("num_outputs", 2)), 2, NULL, parts));
    x = op(g, "Mul", WHET_IN(parts[0], op(g, "Softmax", WHET_IN(parts[1]), WHET_ATTRS(whet_attr_int("axis", 1)))), WHET_NO_ATTRS);
    assert_ok(whet_graph_const_s64(g, NULL, 1, (const int64_t[]){1}, &from));
    assert_ok(whet_graph_const_s64(g, NULL, 1, (const int64_t[]){5}, &to));
    assert_ok(whet_graph_const_s64(g, NULL, 1, (const int64_t[]){3}, &at));
    x = op(g, "Slice", WHET_IN(x, from, to, at), WHET_NO_ATTRS);
    assert_ok(whet_graph_const_s64(g, NULL, 2, (const int64_t[]){2, 3}, &axes));
    assert_ok(whet_graph_output(g, op(g, "ReduceMean", WHET_IN(x, axes), WHET_ATTRS(whet_attr_int("keepdims", 0)))));
    check(g, 0, true);
}

/* Products on images need the axes as they stand: the cut takes the fewest and smallest transpositions. */
static void the_fewest_transpositions(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = conv(g, input(g, NULL, 3, 4, 6), 3, 5, 3);
    whet_vid r = op(g, "Relu", WHET_IN(x), WHET_NO_ATTRS); /* two products read it: one transposition, behind Relu or before */
    whet_vid a = op(g, "MatMul", WHET_IN(r, W(g, 6, 3)), WHET_NO_ATTRS), b = op(g, "MatMul", WHET_IN(r, W(g, 6, 3)), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(g, op(g, "Add", WHET_IN(a, b), WHET_NO_ATTRS)));
    check(g, 1, true);
}

static void no_images_no_change(void **state)
{
    (void)state;
    whet_graph *g = begin();
    whet_vid x = op(g, "MatMul", WHET_IN(input(g, NULL, 3, 4, 6), W(g, 6, 3)), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(g, op(g, "Softmax", WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", -1)))));
    check(g, 0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residual_with_excite),
        cmocka_unit_test(flatten_before_products),
        cmocka_unit_test(flatten_as_result),
        cmocka_unit_test(tokens_and_back),
        cmocka_unit_test(normalisation_between_convolutions),
        cmocka_unit_test(imported_channels_last),
        cmocka_unit_test(split_pad_slice_softmax_reduce),
        cmocka_unit_test(the_fewest_transpositions),
        cmocka_unit_test(no_images_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
