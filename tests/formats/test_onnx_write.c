/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX writer: round trips, determinism, target opsets, operators of the domain whet, external data. With two
 * arguments it converts IN to OUT (and a third: opset), for check_onnx.py. */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "support.h"
#include "onnx_maker.h"
#include "ir/op.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet"};
static const char *const kinds[] = {"legacy", "dynamo", "train"};

static void same_weights(const whet_graph *a, const whet_graph *b)
{
    int n = 0;
    for (int i = 0; i < b->n_values; i++) {
        const whet_value *v = &b->values[i];
        if (v->kind != WHET_VALUE_CONST) continue;
        whet_vid k = whet_graph_find(a, v->name);
        assert_true(k >= 0);
        const whet_value *u = &a->values[k];
        assert_int_equal(u->dtype, v->dtype);
        assert_true(whet_shape_equal(&u->data.shape, &v->data.shape));
        assert_memory_equal(u->data.data, v->data.data, whet_tensor_bytes(&v->data));
        n++;
    }
    assert_true(n > 10);
}

static void round_trip_file(const char *path)
{
    whet_graph *a = NULL, *b = NULL;
    uint8_t *one = NULL, *two = NULL, *again = NULL;
    size_t n1 = 0, n2 = 0, n3 = 0;
    whet_onnx_write_options opt;
    whet_onnx_write_options_init(&opt);
    opt.opset = 18;
    assert_ok(whet_onnx_read(&a, path, NULL));
    assert_ok(whet_onnx_write_mem(a, &one, &n1, &opt));
    assert_ok(whet_onnx_write_mem(a, &again, &n3, &opt));
    assert_int_equal(n1, n3);
    assert_memory_equal(one, again, n1);
    assert_ok(whet_onnx_read_mem(&b, one, n1, "again", NULL, NULL));
    same_weights(a, b);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_string_equal(a->values[a->outputs[0]].name, b->values[b->outputs[0]].name);
    assert_ok(whet_onnx_write_mem(b, &two, &n2, &opt));
    assert_int_equal(n1, n2);
    assert_memory_equal(one, two, n1);
    whet_graph_free(a);
    whet_graph_free(b);
    whet_free(one);
    whet_free(two);
    whet_free(again);
}

static void round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) {
            char rel[128];
            snprintf(rel, sizeof(rel), "interop/pytorch/%s/%s.onnx", nets[i], kinds[k]);
            support_shared(path, rel);
            round_trip_file(path);
        }
}

static whet_graph *small(void)
{
    static const float bytes[2 * 3 * 3 * 3] = {0.5f};
    whet_graph *g = NULL;
    whet_vid x, w, c;
    whet_tensor t = {0};
    whet_shape shape = WHET_SHAPE(2, 3, 3, 3);
    whet_attr attrs[] = {whet_attr_string("activation", "Clip"), whet_attr_float("act_min", 0), whet_attr_float("act_max", 6)};
    assert_ok(whet_graph_create(&g, "small"));
    whet_dims dims = {.rank = 4, .dims = {whet_graph_symbol(g, "N"), 3, 8, 8}};
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    memcpy(t.data, bytes, sizeof(bytes));
    assert_ok(whet_graph_variable(g, "conv.weight", &t, true, &w));
    whet_tensor_dispose(&t);
    assert_ok(whet_graph_node(g, "whet.FusedConv", "conv", WHET_IN(x, w), 3, attrs, 1, NULL, &c));
    assert_ok(whet_graph_output(g, c));
    assert_ok(whet_graph_output(g, x));
    return g;
}

static void fused_nodes_are_taken_apart(void **state)
{
    (void)state;
    whet_graph *g = small(), *back = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(whet_graph_set_meta(g, "whet.contract", "{\"labels\":[\"a\"]}"));
    assert_ok(whet_onnx_write_mem(g, &bytes, &n, NULL));
    assert_ok(whet_onnx_read_mem(&back, bytes, n, "b", NULL, NULL));
    assert_int_equal(back->n_nodes, 3); /* Conv, Clip, and an Identity for the output that is an input */
    assert_true(whet_node_is(&back->nodes[0], "Conv"));
    assert_true(whet_node_is(&back->nodes[1], "Clip"));
    assert_true(whet_node_is(&back->nodes[2], "Identity"));
    assert_true(whet_graph_find(back, "conv.weight") >= 0);
    assert_string_equal(whet_graph_get_meta(back, "whet.contract"), "{\"labels\":[\"a\"]}");
    assert_string_equal(whet_graph_get_meta(back, ONNX_META_OPSET), "17");
    whet_graph_free(g);
    whet_graph_free(back);
    whet_free(bytes);
}

static void refusals_name_the_node(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    whet_vid x, y;
    whet_dims dims = {.rank = 4, .dims = {1, 2, 4, 4}};
    whet_attr to = whet_attr_string("to", "NHWC");
    whet_onnx_write_options opt;
    whet_onnx_write_options_init(&opt);
    opt.opset = 12;
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_graph_node(g, "whet.Reorder", "move", WHET_IN(x), 1, &to, 1, NULL, &y));
    assert_ok(whet_graph_output(g, y));
    assert_status(whet_onnx_write_mem(g, &bytes, &n, &opt), WHET_EINVAL);
    assert_status(whet_onnx_write_mem(g, &bytes, &n, NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "whet.Reorder");
    assert_string_equal(whet_error_last()->node, "move");
    assert_null(bytes);
    whet_graph_free(g);
}

/* x[N,3,4] -> node -> y, written at `opset`; the written operators in order, parted by blanks. */
static void expect_lowering(const char *op, int n_attr, const whet_attr *attrs, int opset, const char *want)
{
    whet_graph *g = NULL, *back = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    whet_vid x, y;
    char ops[256] = "";
    whet_onnx_write_options opt;
    whet_onnx_write_options_init(&opt);
    opt.opset = opset;
    assert_ok(whet_graph_create(&g, "g"));
    whet_dims dims = {.rank = 3, .dims = {whet_graph_symbol(g, "N"), 3, 4}};
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_graph_node(g, op, "node", WHET_IN(x), n_attr, attrs, 1, NULL, &y));
    assert_ok(whet_graph_output(g, y));
    whet_status s = whet_onnx_write_mem(g, &bytes, &n, &opt);
    if (want[0] == '!') {
        assert_status(s, WHET_EUNSUPPORTED);
        assert_contains(whet_error_message(), want + 1);
    } else {
        assert_ok(s);
        assert_ok(whet_onnx_read_mem(&back, bytes, n, "b", NULL, NULL));
        for (int i = 0; i < back->n_nodes; i++) {
            strcat(ops, back->nodes[i].op->name);
            strcat(ops, i + 1 < back->n_nodes ? " " : "");
        }
        assert_string_equal(ops, want);
    }
    whet_graph_free(g);
    whet_graph_free(back);
    whet_free(bytes);
}

static void older_opsets(void **state)
{
    (void)state;
    whet_attr tanh_form = whet_attr_string("approximate", "tanh"), start = whet_attr_int("start", 1), twice = whet_attr_float("alpha", 2);
    whet_attr keep = whet_attr_int("keepdims", 0);
    expect_lowering("Gelu", 0, NULL, 20, "Gelu");
    expect_lowering("Gelu", 0, NULL, 17, "Mul Erf Mul Add Mul");
    expect_lowering("Gelu", 1, &tanh_form, 17, "Mul Mul Mul Add Mul Tanh Mul Add Mul");
    expect_lowering("HardSwish", 0, NULL, 14, "HardSwish");
    expect_lowering("HardSwish", 0, NULL, 13, "Add Clip Mul Mul");
    expect_lowering("Swish", 0, NULL, 21, "Sigmoid Mul");
    expect_lowering("Swish", 1, &twice, 21, "Mul Sigmoid Mul");
    expect_lowering("Mish", 0, NULL, 17, "Softplus Tanh Mul");
    expect_lowering("Shape", 1, &start, 15, "Shape");
    expect_lowering("Shape", 1, &start, 13, "!attribute 'start' needs opset 15");
    expect_lowering("ReduceMean", 1, &keep, 13, "ReduceMean");
}

static void axes_become_attributes(void **state)
{
    (void)state;
    maker m;
    whet_graph *g = NULL, *back = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    maker_init(&m, 13);
    maker_input(&m, "x", 1, MAKER_DIMS(-1, 3, 4));
    maker_output(&m, "y", 1, MAKER_DIMS(-1, 1, 4));
    maker_ints(NODE(&m, "ReduceMean", "r", "x", "y"), "axes", INTS(1));
    assert_ok(maker_read(&m, NULL, NULL, &g));
    for (int opset = 13; opset <= 18; opset += 5) {
        whet_onnx_write_options opt;
        onnx_model model;
        whet_arena *a = whet_arena_create();
        whet_onnx_write_options_init(&opt);
        opt.opset = opset;
        memset(&model, 0, sizeof(model));
        assert_ok(whet_onnx_write_mem(g, &bytes, &n, &opt));
        assert_ok(whet_pb_decode(&onnx_model_message, bytes, n, "w", a, &model));
        assert_int_equal(model.ir_version, opset == 13 ? 7 : 8);
        assert_int_equal(model.graph->node.v[0].input.n, opset == 13 ? 1 : 2);
        assert_int_equal(model.graph->initializer.n, opset == 13 ? 0 : 1);
        assert_ok(whet_onnx_read_mem(&back, bytes, n, "w", NULL, NULL));
        whet_graph_free(back);
        whet_free(bytes);
        whet_arena_free(a);
    }
    whet_graph_free(g);
}

static void external_data(void **state)
{
    (void)state;
    support_shared(path, "models/mnist-pytorch/model.onnx");
    char *dir = support_tmpdir(), *out = whet_path_join(dir, "m.onnx"), *data = whet_path_join(dir, "m.onnx.data");
    whet_graph *a = NULL, *b = NULL;
    whet_onnx_write_options opt;
    whet_onnx_write_options_init(&opt);
    opt.external_bytes = 1000;
    assert_ok(whet_onnx_read(&a, path, NULL));
    assert_ok(whet_onnx_write(a, out, &opt));
    assert_true(whet_file_exists(data));
    assert_true(whet_file_size(out) < 20000);
    assert_ok(whet_onnx_read(&b, out, NULL));
    for (int i = 0; i < b->n_values; i++) {
        const whet_value *v = &b->values[i];
        whet_vid k = whet_graph_find(a, v->name);
        if (v->kind == WHET_VALUE_CONST) assert_memory_equal(a->values[k].data.data, v->data.data, whet_tensor_bytes(&v->data));
    }
    whet_graph_free(a);
    whet_graph_free(b);
    whet_free(out);
    whet_free(data);
    support_rmtree(dir);
}

/* A limit on the size of files acts like a disk that is full. */
static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit old, tiny;
    whet_graph *g = small();
    char *dir = support_tmpdir(), *out = whet_path_join(dir, "m.onnx");
    int entries = 0;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny = old;
    tiny.rlim_cur = 64;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    whet_status s = whet_onnx_write(g, out, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_status(s, WHET_EIO);
    assert_string_equal(whet_error_last()->file, out);
    DIR *d = opendir(dir);
    while (readdir(d)) entries++;
    closedir(d);
    assert_int_equal(entries, 2); /* . and .. */
    whet_graph_free(g);
    whet_free(out);
    support_rmtree(dir);
}

static int convert(const char *in, const char *out, const char *opset)
{
    whet_graph *g = NULL;
    whet_onnx_write_options opt;
    whet_onnx_write_options_init(&opt);
    if (opset) opt.opset = atoi(opset);
    whet_status s = whet_onnx_read(&g, in, NULL);
    if (s == WHET_OK) s = whet_onnx_write(g, out, &opt);
    if (s != WHET_OK) fprintf(stderr, "%s\n", whet_error_message());
    whet_graph_free(g);
    return s != WHET_OK;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips), cmocka_unit_test(fused_nodes_are_taken_apart), cmocka_unit_test(refusals_name_the_node),
        cmocka_unit_test(older_opsets), cmocka_unit_test(axes_become_attributes), cmocka_unit_test(external_data),
        cmocka_unit_test(a_full_disk_leaves_nothing)};
    if (argc > 2) return convert(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
