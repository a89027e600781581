/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow files: those that TensorFlow wrote against its stored outputs on the native engine; what is written comes back with
 * the same weights, the same outputs and the same bytes. As a program: NETWORK OUT.onnx writes a network of the zoo. */
#include <math.h>

#include "support.h"
#include "exec/exec.h"
#include "formats/formats.h"
#include "formats/nhwc_import.h"
#include "formats/npy/npy_tensor.h"
#include "formats/onnx/onnx.h"
#include "formats/tensorflow/tensorflow.h"
#include "models/models.h"
#include "passes/channels_last.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "distance.h"
#include "run_graph.h"
#include "weights_equal.h"

static const char *shared(const char *rel)
{
    int missing = 0;
    const char *path = support_shared_path(rel, &missing);
    if (missing) support_skip("shared", "%s is missing", rel);
    return path;
}

static void read_npy(whet_tensor *t, const char *rel) { assert_ok(whet_npy_read_tensor(t, shared(rel))); }

static const char *const nets[] = {"convnet", "mobilenet"};
static const char *const kinds[] = {"frozen_graph.pb", "saved_model", "saved_model/saved_model.pb"};

static void keras_files(void **state)
{
    (void)state;
    for (size_t n = 0; n < WHET_COUNT(nets); n++) {
        whet_tensor x, want;
        char rel[200];
        snprintf(rel, sizeof(rel), "interop/keras/%s/input.npy", nets[n]);
        read_npy(&x, rel);
        snprintf(rel, sizeof(rel), "interop/keras/%s/output.npy", nets[n]);
        read_npy(&want, rel);
        for (size_t k = 0; k < WHET_COUNT(kinds); k++)
            for (int variables = 0; variables < 2; variables++) {
                whet_graph *g = NULL;
                whet_tensor y;
                whet_format_options o;
                whet_format_options_init(&o);
                o.parameters_as_variables = variables;
                snprintf(rel, sizeof(rel), "interop/keras/%s/%s", nets[n], kinds[k]);
                assert_ok(whet_format_read(&g, shared(rel), &o));
                assert_int_equal(g->n_inputs, 1);
                assert_string_equal(g->values[g->inputs[0]].name, k ? "args_0" : "t");
                assert_string_equal(g->values[g->outputs[0]].name, k ? "output_0" : "Identity");
                int n_variables = 0;
                for (whet_vid v = 0; v < g->n_values; v++) n_variables += g->values[v].kind == WHET_VALUE_VARIABLE;
                assert_true(variables ? n_variables >= 8 : n_variables == 0);
                run(g, &x, &y);
                assert_true(whet_shape_equal(&y.shape, &want.shape));
                if (!(distance(&y, &want) <= 1e-4)) fail_msg("%s: output differs by %.3g", rel, distance(&y, &want));
                whet_tensor_dispose(&y);
                whet_graph_free(g);
            }
        whet_tensor_dispose(&x);
        whet_tensor_dispose(&want);
    }
}

/* TF1 style: pictures as bytes, blocks around dilated convolutions, corners aligned, classes as integers. */
static void deeplab(void **state)
{
    (void)state;
    static const int64_t to_last[4] = {0, 2, 3, 1};
    whet_graph *g = NULL;
    whet_tensor x, classes, logits, y;
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_format_read(&g, shared("interop/tensorflow1/deeplab/frozen_graph.pb"), NULL));
    read_npy(&x, "interop/tensorflow1/deeplab/input.npy");
    read_npy(&classes, "interop/tensorflow1/deeplab/output.npy");
    read_npy(&logits, "interop/tensorflow1/deeplab/logits.npy");
    assert_string_equal(g->values[g->inputs[0]].name, "ImageTensor");
    assert_int_equal(g->values[g->inputs[0]].dtype, WHET_U8);
    run(g, &x, &y);
    assert_true(whet_shape_equal(&y.shape, &classes.shape) && y.dtype == classes.dtype);
    assert_memory_equal(y.data, classes.data, whet_tensor_bytes(&y));
    whet_tensor_dispose(&y);
    int dilated = 0, transposes = 0;
    for (int n = 0; n < g->n_nodes; n++) {
        int64_t d[2] = {1, 1};
        if (whet_node_is(&g->nodes[n], "Conv") && whet_node_ints(&g->nodes[n], "dilations", d, 2) == 2) dilated += d[0] == 2 && d[1] == 2;
        transposes += whet_node_is(&g->nodes[n], "Transpose");
    }
    assert_int_equal(dilated, 1); /* what stood between SpaceToBatchND and BatchToSpaceND */
    assert_int_equal(transposes, 1); /* of the input */
    assert_ok(whet_graph_op1(g, "Transpose", WHET_IN(whet_graph_find(g, "ResizeBilinear_2")), WHET_ATTRS(whet_attr_ints("perm", 4, to_last)), &v));
    g->outputs[0] = v;
    run(g, &x, &y);
    assert_true(whet_shape_equal(&y.shape, &logits.shape));
    if (!(distance(&y, &logits) <= 1e-4)) fail_msg("logits differ by %.3g", distance(&y, &logits));
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&classes);
    whet_tensor_dispose(&logits);
    whet_graph_free(g);
}

/* As the format's traits ask. */
static void prepare(whet_graph *g)
{
    whet_pass_context c = {.g = g};
    assert_ok(whet_pass_freeze(&c));
    assert_ok(whet_pass_fold_constants(&c));
    assert_ok(whet_pass_dead_code(&c));
    assert_ok(whet_pass_channels_last(&c));
}

/* The weights of a are in b, bit for bit, under their names. */
static void same_weights(const whet_graph *a, const whet_graph *b)
{
    int compared = 0;
    for (whet_vid v = 0; v < a->n_values; v++) {
        const whet_value *x = &a->values[v];
        if (x->kind != WHET_VALUE_CONST || x->dtype != WHET_F32 || whet_tensor_numel(&x->data) < 6) continue;
        const whet_vid u = whet_graph_find(b, x->name);
        if (u < 0) fail_msg("'%s' is lost", x->name);
        assert_same_tensor(x->name, &x->data, &b->values[u].data);
        compared++;
    }
    assert_true(compared >= 4);
}

/* A -> whet -> A, as graph in memory and as folder. */
static void round_trip(void **state)
{
    (void)state;
    static const char *const files[] = {"interop/keras/convnet/frozen_graph.pb", "interop/keras/mobilenet/saved_model",
                                        "interop/tensorflow1/deeplab/frozen_graph.pb"};
    static const char *const inputs[] = {"interop/keras/convnet/input.npy", "interop/keras/mobilenet/input.npy",
                                         "interop/tensorflow1/deeplab/input.npy"};
    char *scratch = support_tmpdir();
    char *folder = whet_format("%s/m.savedmodel", scratch);
    for (size_t i = 0; i < WHET_COUNT(files); i++) {
        whet_graph *a = NULL, *b = NULL, *c = NULL;
        whet_tensor x, ya, yb;
        uint8_t *data = NULL, *again = NULL;
        size_t size = 0, again_size = 0;
        assert_ok(whet_format_read(&a, shared(files[i]), NULL));
        assert_ok(whet_graph_set_meta(a, "licence", "none: a \"test\"\n"));
        read_npy(&x, inputs[i]);
        run(a, &x, &ya);
        prepare(a);
        assert_ok(whet_tf_graph_write_mem(a, &data, &size, NULL));
        assert_ok(whet_tf_graph_write_mem(a, &again, &again_size, NULL));
        assert_int_equal(size, again_size);
        assert_memory_equal(data, again, size);
        assert_ok(whet_tf_graph_read_mem(&b, data, size, "b.pb", NULL));
        assert_string_equal(whet_graph_get_meta(b, "licence"), "none: a \"test\"\n");
        assert_string_equal(b->values[b->inputs[0]].name, a->values[a->inputs[0]].name);
        assert_string_equal(b->values[b->outputs[0]].name, a->values[a->outputs[0]].name);
        same_weights(a, b);
        run(b, &x, &yb);
        if (!(distance(&yb, &ya) <= 1e-6)) fail_msg("%s: written and read it differs by %.3g", files[i], distance(&yb, &ya));
        whet_tensor_dispose(&yb);
        assert_ok(whet_tf_saved_model_write(a, folder, NULL));
        assert_ok(whet_format_read(&c, folder, NULL));
        same_weights(a, c);
        run(c, &x, &yb);
        assert_true(distance(&yb, &ya) <= 1e-6);
        whet_tensor_dispose(&x);
        whet_tensor_dispose(&ya);
        whet_tensor_dispose(&yb);
        whet_graph_free(a);
        whet_graph_free(b);
        whet_graph_free(c);
        whet_free(data);
        whet_free(again);
    }
    whet_free(folder);
    support_rmtree(scratch);
}

/* PyTorch's networks, NCHW, written channels last and read again, against PyTorch's outputs. */
static void pytorch_networks(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};
    static const int64_t to_last[4] = {0, 2, 3, 1};
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        whet_graph *g = NULL, *b = NULL;
        whet_tensor x, moved, want, turned, y;
        char rel[200];
        uint8_t *data = NULL;
        size_t size = 0;
        snprintf(rel, sizeof(rel), "interop/pytorch/%s/legacy.onnx", names[i]);
        assert_ok(whet_format_read(&g, shared(rel), NULL));
        snprintf(rel, sizeof(rel), "interop/pytorch/%s/input.npy", names[i]);
        read_npy(&x, rel);
        snprintf(rel, sizeof(rel), "interop/pytorch/%s/output.npy", names[i]);
        read_npy(&want, rel);
        prepare(g);
        assert_ok(whet_tf_graph_write_mem(g, &data, &size, NULL));
        assert_ok(whet_tf_graph_read_mem(&b, data, size, "b.pb", NULL));
        assert_int_equal(b->values[b->inputs[0]].dims.dims[3], x.shape.dims[1]);
        assert_ok(whet_tensor_permute(&x, to_last, &moved));
        whet_tensor_init(&turned);
        if (want.shape.rank == 4) assert_ok(whet_tensor_permute(&want, to_last, &turned));
        else assert_ok(whet_tensor_copy(&turned, &want));
        run(b, &moved, &y);
        if (!(distance(&y, &turned) <= 1e-4)) fail_msg("%s: differs by %.3g", names[i], distance(&y, &turned));
        whet_tensor_dispose(&x);
        whet_tensor_dispose(&moved);
        whet_tensor_dispose(&want);
        whet_tensor_dispose(&turned);
        whet_tensor_dispose(&y);
        whet_graph_free(g);
        whet_graph_free(b);
        whet_free(data);
    }
}

#ifdef WHET_MINIMAL
enum { WITHOUT_TORCHSCRIPT = 1 };
#else
enum { WITHOUT_TORCHSCRIPT = 0 };
#endif

/* A class token that is expanded to the batch: which sizes hold is told by the numbers among them. */
static void expanded_token(void **state)
{
    (void)state;
    static const int64_t to_last[4] = {0, 2, 3, 1};
    whet_graph *g = NULL, *b = NULL;
    whet_tensor x, moved, want, y;
    uint8_t *data = NULL;
    size_t size = 0;
    if (WITHOUT_TORCHSCRIPT) support_skip("torchscript", "this build does not read it");
    assert_ok(whet_format_read(&g, shared("interop/pytorch/vit/torchscript.pt"), NULL));
    read_npy(&x, "interop/pytorch/vit/input.npy");
    run(g, &x, &want);
    prepare(g);
    assert_ok(whet_tf_graph_write_mem(g, &data, &size, NULL));
    assert_ok(whet_tf_graph_read_mem(&b, data, size, "b.pb", NULL));
    assert_int_equal(b->values[b->outputs[0]].dims.rank, 2);
    assert_int_equal(b->values[b->outputs[0]].dims.dims[1], 10);
    assert_ok(whet_tensor_permute(&x, to_last, &moved));
    run(b, &moved, &y);
    if (!(distance(&y, &want) <= 1e-4)) fail_msg("differs by %.3g", distance(&y, &want));
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&moved);
    whet_tensor_dispose(&want);
    whet_tensor_dispose(&y);
    whet_graph_free(g);
    whet_graph_free(b);
    whet_free(data);
}

static void known_by_content(void **state)
{
    (void)state;
    static const struct { const char *rel, *name; } files[] = {{"interop/keras/convnet/frozen_graph.pb", "tensorflow"},
                                                               {"interop/keras/convnet/saved_model", "saved_model"},
                                                               {"interop/keras/convnet/saved_model/saved_model.pb", "tensorflow"},
                                                               {"interop/pytorch/resnet/legacy.onnx", "onnx"}};
    for (size_t i = 0; i < WHET_COUNT(files); i++) {
        const whet_model_format *f = NULL;
        assert_ok(whet_format_of_file(shared(files[i].rel), &f));
        assert_string_equal(f->name, files[i].name);
    }
}

/* The checkpoint's bytes are checked: one bit of a weight, one of the index, a file that ends early. */
static void checkpoint_damage(void **state)
{
    (void)state;
    static const char *const parts[] = {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"};
    static const char *const text[] = {"", "a block does not have its checksum", "does not have its checksum; the checkpoint's data file is damaged"};
    uint8_t *bytes[3] = {NULL};
    size_t size[3] = {0};
    whet_graph *g = NULL;
    for (size_t i = 0; i < 3; i++) {
        char rel[200];
        snprintf(rel, sizeof(rel), "interop/keras/convnet/saved_model/%s", parts[i]);
        assert_ok(whet_file_read(&bytes[i], &size[i], shared(rel), (size_t)1 << 24));
    }
    assert_ok(whet_tf_saved_model_read_mem(&g, bytes[0], size[0], bytes[1], size[1], bytes[2], size[2], "m", NULL));
    whet_graph_free(g);
    for (size_t i = 1; i < 3; i++) {
        const size_t at = i == 1 ? 100 : 30000; /* dense/kernel lies around there */
        bytes[i][at] ^= 4;
        assert_status(whet_tf_saved_model_read_mem(&g, bytes[0], size[0], bytes[1], size[1], bytes[2], size[2], "m", NULL), WHET_EFORMAT);
        assert_contains(whet_error_last()->text, text[i]);
        bytes[i][at] ^= 4;
    }
    assert_status(whet_tf_saved_model_read_mem(&g, bytes[0], size[0], bytes[1], size[1], bytes[2], size[2] / 2, "m", NULL), WHET_EFORMAT);
    assert_contains(whet_error_last()->text, "a tensor lies outside its data file");
    for (size_t n = 0; n < size[0]; n += 997) /* the graph cut anywhere */
        if (whet_tf_saved_model_read_mem(&g, bytes[0], n, bytes[1], size[1], bytes[2], size[2], "m", NULL) == WHET_OK) whet_graph_free(g);
        else assert_true(g == NULL && whet_error_last()->text[0]);
    for (size_t i = 0; i < 3; i++) whet_free(bytes[i]);
}

static int write_zoo(const char *name, const char *path)
{
    whet_graph *g = NULL;
    whet_model_options o;
    whet_model_options_init(&o);
    whet_status status = whet_model_build(name, &o, &g);
    if (status == WHET_OK) status = whet_onnx_write(g, path, NULL);
    if (status != WHET_OK) fprintf(stderr, "%s\n", whet_error_message());
    whet_graph_free(g);
    return status == WHET_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keras_files), cmocka_unit_test(deeplab), cmocka_unit_test(round_trip),
                                       cmocka_unit_test(pytorch_networks), cmocka_unit_test(expanded_token),
                                       cmocka_unit_test(known_by_content), cmocka_unit_test(checkpoint_damage)};
    if (argc == 3) return write_zoo(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
