/* SPDX-License-Identifier: Apache-2.0 */
/* Writing TFLite: small graphs, the zoo's networks and the interop files, written, read again and run on the native engine;
 * the rules of the format, looked up in the bytes; halves, bytes, metadata; what is refused.
 *
 * `test_tflite_write --write DIR` leaves each case as NAME.tflite with NAME_input.npy and NAME_output.npy, for
 * check_tflite.py to run in LiteRT. */
#include <math.h>

#include "convert/convert.h"
#include "data/contract.h"
#include "exec/exec.h"
#include "formats/nhwc_export.h"
#include "formats/npy/npy_tensor.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite/tflite_schema.h"
#include "models/models.h"
#include "passes/lower.h"
#include "tflite_cases.h"
#include "wire/flatbuf.h"

static char *folder;

static char *path_of(const char *name, const char *tail)
{
    char *p = whet_format("%s/%s%s", folder, name, tail);
    assert_non_null(p);
    return p;
}

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec *e = NULL;
    whet_exec_options o;
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    whet_tensor_init(y);
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
}

static void prepare(whet_graph **out, const whet_graph *g)
{
    const whet_model_format *f = NULL;
    assert_ok(whet_format_for_writing("tflite", NULL, &f));
    assert_ok(whet_convert_prepare(out, g, f, NULL, NULL));
}

static void write_as(const whet_graph *g, const char *path, whet_dtype weights)
{
    whet_format_options o;
    whet_format_options_init(&o);
    o.weights = weights;
    assert_ok(whet_format_write(g, path, "tflite", &o));
}

/* x as the file's input lies, y as the graph's output does. */
static void to_file(const whet_graph *g, whet_vid v, const whet_tensor *t, whet_tensor *out)
{
    static const int last[4] = {0, 2, 3, 1};
    whet_tensor_init(out);
    if (whet_nhwc_is(g, v)) assert_ok(whet_nhwc_permute(t, last, out));
    else assert_ok(whet_tensor_copy(out, t));
}

static void compare(const char *what, const whet_tensor *a, const whet_tensor *b, double bound)
{
    double most = 0, top = 0;
    assert_true(whet_shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < whet_tensor_numel(a); i++) {
        most = fmax(most, fabs(whet_tensor_get_f64(a, i) - whet_tensor_get_f64(b, i)));
        top = fmax(top, fabs(whet_tensor_get_f64(b, i)));
    }
    if (!(most <= bound * top)) fail_msg("%s: off by %.3g of the largest output, at most %.3g is allowed", what, most / top, bound);
}

static void fill(whet_tensor *t, const whet_dims *d)
{
    whet_shape s = {.rank = d->rank};
    whet_tensor_init(t);
    for (int i = 0; i < d->rank; i++) s.dims[i] = d->dims[i] < 0 ? 2 : d->dims[i];
    assert_ok(whet_tensor_alloc(t, WHET_F32, &s));
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) ((float *)t->data)[i] = 2 * case_noise();
}

static void save(const char *name, const char *tail, const whet_tensor *t)
{
    char *p = path_of(name, tail);
    assert_ok(whet_npy_write_tensor(p, t));
    whet_free(p);
}

/* Writes g, reads it again and compares; keeps input and output beside the file. */
static void there_and_back(const char *name, const whet_graph *g, whet_dtype weights, double bound)
{
    whet_graph *ready = NULL, *back = NULL;
    whet_tensor x, y, fx, fy, z;
    char *file = path_of(name, ".tflite");
    fill(&x, &g->values[g->inputs[0]].dims);
    run(g, &x, &y);
    prepare(&ready, g);
    write_as(ready, file, weights);
    assert_ok(whet_format_read(&back, file, NULL));
    to_file(ready, ready->inputs[0], &x, &fx);
    to_file(ready, ready->outputs[0], &y, &fy);
    run(back, &fx, &z);
    compare(name, &z, &fy, bound);
    assert_string_equal(back->values[back->inputs[0]].name, g->values[g->inputs[0]].name);
    save(name, "_input.npy", &fx);
    save(name, "_output.npy", &fy);
    whet_tensor *all[] = {&x, &y, &fx, &fy, &z};
    for (size_t i = 0; i < WHET_COUNT(all); i++) whet_tensor_dispose(all[i]);
    whet_graph_free(ready);
    whet_graph_free(back);
    whet_free(file);
}

/* --- the tests */

static void operators(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(tflite_cases); i++) {
        whet_graph *g = case_graph(&tflite_cases[i]);
        there_and_back(tflite_cases[i].name, g, WHET_DTYPE_NONE, 2e-5);
        whet_graph_free(g);
    }
}

static const char *const small_networks[] = {"lenet", "cifar-convnet", "resnet20"};
static const char *const large_networks[] = {"mobilenetv2", "resnet50", "efficientnet-b0", "vit-tiny-16"};

static void network(const char *name, int64_t size)
{
    whet_graph *g = NULL, *ready = NULL;
    whet_model_options o;
    whet_model_options_init(&o);
    o.height = o.width = size;
    assert_ok(whet_model_build(name, &o, &g));
    there_and_back(name, g, WHET_DTYPE_NONE, 1e-4);
    prepare(&ready, g);
    /* the vision transformer's are its own: two for the heads of a block and one for k, which the product takes over */
    assert_int_equal(whet_nhwc_count_transposes(ready), strcmp(name, "vit-tiny-16") == 0 ? 36 : 0);
    whet_graph_free(ready);
    whet_graph_free(g);
}

static void networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(small_networks); i++) network(small_networks[i], 0);
    for (size_t i = 0; i < WHET_COUNT(large_networks); i++) network(large_networks[i], 64);
}

static void fewer_bits(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    assert_ok(whet_model_build("lenet", NULL, &g));
    char *a = path_of("halves", ".tflite"), *b = path_of("bytes", ".tflite"), *c = path_of("floats", ".tflite");
    there_and_back("floats", g, WHET_DTYPE_NONE, 1e-5);
    there_and_back("halves", g, WHET_F16, 2e-3);
    there_and_back("bytes", g, WHET_S8, 2e-2);
    assert_true(whet_file_size(a) < whet_file_size(c) * 6 / 10);
    assert_true(whet_file_size(b) < whet_file_size(c) * 4 / 10);
    whet_free(a);
    whet_free(b);
    whet_free(c);
    whet_graph_free(g);
}

static void equal_bytes(void **state)
{
    (void)state;
    whet_graph *g = NULL, *ready = NULL, *again = NULL;
    uint8_t *data[2] = {NULL, NULL};
    size_t size[2] = {0, 0};
    assert_ok(whet_model_build("resnet20", NULL, &g));
    prepare(&ready, g);
    prepare(&again, g);
    for (int i = 0; i < 2; i++) {
        char *p = path_of(i ? "second" : "first", ".tflite");
        write_as(i ? again : ready, p, WHET_DTYPE_NONE);
        assert_ok(whet_file_read(&data[i], &size[i], p, (size_t)1 << 28));
        whet_free(p);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    whet_free(data[0]);
    whet_free(data[1]);
    whet_graph_free(g);
    whet_graph_free(ready);
    whet_graph_free(again);
}

/* --- integers: files of TensorFlow's converter, read and written */

/* The same bytes; a few halves may have become floats of the same values. */
static bool find_equal(const whet_graph *g, const whet_tensor *t)
{
    whet_tensor wide = {0};
    bool found = false;
    if (t->dtype == WHET_F16) assert_ok(whet_tensor_cast(&wide, t, WHET_F32));
    for (whet_vid v = 0; v < g->n_values && !found; v++) {
        const whet_tensor *o = &g->values[v].data;
        if (g->values[v].kind != WHET_VALUE_CONST || !whet_shape_equal(&o->shape, &t->shape)) continue;
        found = o->dtype == t->dtype && memcmp(o->data, t->data, whet_tensor_bytes(t)) == 0;
        if (o->dtype == WHET_F32 && wide.data) found = found || memcmp(o->data, wide.data, whet_tensor_bytes(o)) == 0;
    }
    whet_tensor_dispose(&wide);
    return found;
}

/* Weights are constants of integers, or of floats with more than a few elements. */
static bool is_weight(const whet_value *v)
{
    if (v->kind != WHET_VALUE_CONST || whet_tensor_numel(&v->data) < 8) return false;
    return v->dtype == WHET_F32 || v->dtype == WHET_F16 || v->dtype == WHET_S8;
}

static void interop_file(const char *net, const char *kind)
{
    char rel[128];
    int missing = 0;
    whet_graph *g = NULL, *ready = NULL, *back = NULL;
    whet_tensor x, y, z;
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s.tflite", net, kind);
    const char *from = support_shared_path(rel, &missing);
    if (missing) support_skip("shared", "%s is missing", rel);
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s", net, strcmp(kind, "int8") == 0 ? "int8_input.npy" : "input.npy");
    assert_ok(whet_npy_read_tensor(&x, support_shared_path(rel, &missing)));
    char *file = path_of(net, kind);
    assert_ok(whet_format_read(&g, from, NULL));
    prepare(&ready, g);
    write_as(ready, file, WHET_DTYPE_NONE);
    assert_ok(whet_format_read(&back, file, NULL));
    int weights = 0;
    for (whet_vid v = 0; v < g->n_values; v++) {
        if (!is_weight(&g->values[v])) continue;
        weights++;
        if (!find_equal(back, &g->values[v].data)) fail_msg("%s/%s: weights '%s' are not in the file as they were", net, kind, g->values[v].name);
    }
    assert_true(weights > 4);
    run(g, &x, &y);
    run(back, &x, &z);
    compare(rel, &z, &y, 1e-6);
    assert_int_equal(g->values[g->inputs[0]].dtype, back->values[back->inputs[0]].dtype);
    assert_int_equal(g->values[g->outputs[0]].dtype, back->values[back->outputs[0]].dtype);
    assert_string_equal(g->values[g->inputs[0]].name, back->values[back->inputs[0]].name);
    assert_string_equal(g->values[g->outputs[0]].name, back->values[back->outputs[0]].name);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&z);
    whet_graph_free(g);
    whet_graph_free(ready);
    whet_graph_free(back);
    whet_free(file);
}

static void round_trips(void **state)
{
    static const char *const nets[] = {"convnet", "mobilenet", "efficientnet", "resnet", "deeplab"};
    static const char *const kinds[] = {"float32", "float16", "dynamic", "int8", "int8_floatio", "int16x8"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) interop_file(nets[i], kinds[k]);
}

/* --- the rules of the format, in the bytes of one integer file */

typedef struct file { uint8_t *data; size_t size; whet_fb fb; whet_fb_table root, graph; whet_fb_vector tensors, buffers, codes, ops; } file;

static void open_file(file *f, const char *name)
{
    char *p = path_of(name, ".tflite");
    whet_fb_vector graphs;
    assert_ok(whet_file_read(&f->data, &f->size, p, (size_t)1 << 28));
    assert_ok(whet_fb_open(&f->fb, f->data, f->size, "f", "TFL3", &f->root));
    assert_ok(whet_fb_list(&f->root, TFL_MODEL_SUBGRAPHS, 4, &graphs));
    assert_int_equal(graphs.n, 1);
    assert_ok(whet_fb_list_table(&graphs, 0, &f->graph));
    assert_ok(whet_fb_list(&f->graph, TFL_SUBGRAPH_TENSORS, 4, &f->tensors));
    assert_ok(whet_fb_list(&f->graph, TFL_SUBGRAPH_OPERATORS, 4, &f->ops));
    assert_ok(whet_fb_list(&f->root, TFL_MODEL_BUFFERS, 4, &f->buffers));
    assert_ok(whet_fb_list(&f->root, TFL_MODEL_OPERATOR_CODES, 4, &f->codes));
    whet_free(p);
}

static void check_buffers(const file *f)
{
    for (size_t i = 0; i < f->buffers.n; i++) {
        whet_fb_table b;
        whet_fb_vector data;
        assert_ok(whet_fb_list_table(&f->buffers, i, &b));
        assert_ok(whet_fb_list(&b, TFL_BUFFER_DATA, 1, &data));
        if (i == 0) assert_int_equal(data.n, 0);
        else assert_true(data.n > 0);
        if (data.n) assert_int_equal((size_t)(data.data - f->data) % 16, 0);
    }
}

static void check_codes(const file *f)
{
    int64_t seen[64];
    assert_true(f->codes.n <= WHET_COUNT(seen));
    for (size_t i = 0; i < f->codes.n; i++) {
        whet_fb_table c;
        assert_ok(whet_fb_list_table(&f->codes, i, &c));
        const int64_t code = whet_fb_int(&c, TFL_OPCODE_BUILTIN, 4, 0), version = whet_fb_int(&c, TFL_OPCODE_VERSION, 4, 1);
        assert_int_equal(whet_fb_int(&c, TFL_OPCODE_DEPRECATED_BUILTIN, 1, 0), code < 127 ? code : 127);
        seen[i] = code * 100 + version;
        for (size_t k = 0; k < i; k++) assert_int_not_equal(seen[k], seen[i]);
    }
}

typedef struct scales { size_t n; whet_fb_vector scale, zero; int64_t axis; } scales;

static scales scales_of(const file *f, int64_t tensor, int64_t *type)
{
    scales s = {.n = 0};
    whet_fb_table t, q;
    assert_ok(whet_fb_list_table(&f->tensors, (size_t)tensor, &t));
    *type = whet_fb_int(&t, TFL_TENSOR_TYPE, 1, 0);
    assert_ok(whet_fb_sub(&t, TFL_TENSOR_QUANTIZATION, &q));
    if (!q.fb) return s;
    assert_ok(whet_fb_list(&q, TFL_QUANT_SCALE, 4, &s.scale));
    assert_ok(whet_fb_list(&q, TFL_QUANT_ZERO_POINT, 8, &s.zero));
    s.n = s.scale.n;
    s.axis = whet_fb_int(&q, TFL_QUANT_DIMENSION, 4, 0);
    assert_int_equal(s.zero.n, s.n);
    return s;
}

/* A convolution or product of integers: scales for each output, no zero points, a bias of s32 with the product's scales. */
static void check_product(const file *f, int64_t code, const whet_fb_vector *in)
{
    int64_t tx = 0, tw = 0, tb = 0;
    const scales x = scales_of(f, whet_fb_list_int(in, 0), &tx), w = scales_of(f, whet_fb_list_int(in, 1), &tw), b = scales_of(f, whet_fb_list_int(in, 2), &tb);
    assert_int_equal(in->n, 3);
    assert_int_equal(tx, TFL_INT8);
    assert_int_equal(tw, TFL_INT8);
    assert_int_equal(tb, TFL_INT32);
    assert_int_equal(x.n, 1);
    assert_int_equal(b.n, w.n);
    if (w.n > 1) assert_int_equal(w.axis, code == TFL_DEPTHWISE_CONV_2D ? 3 : 0);
    for (size_t i = 0; i < w.n; i++) {
        const float product = whet_fb_list_float(&x.scale, 0) * whet_fb_list_float(&w.scale, i), given = whet_fb_list_float(&b.scale, i);
        assert_int_equal(whet_fb_list_int(&w.zero, i), 0);
        assert_true(fabsf(product - given) <= 1e-6F * product);
    }
}

static void check_same_scale(const file *f, const whet_fb_vector *in, const whet_fb_vector *out)
{
    int64_t type = 0;
    const scales y = scales_of(f, whet_fb_list_int(out, 0), &type);
    for (size_t i = 0; i < in->n && y.n; i++) {
        const scales x = scales_of(f, whet_fb_list_int(in, i), &type);
        if (type != TFL_INT8) continue;
        assert_true(whet_fb_list_float(&x.scale, 0) == whet_fb_list_float(&y.scale, 0));
        assert_int_equal(whet_fb_list_int(&x.zero, 0), whet_fb_list_int(&y.zero, 0));
    }
}

static void check_operators(const file *f, int *products)
{
    for (size_t i = 0; i < f->ops.n; i++) {
        whet_fb_table o, c;
        whet_fb_vector in, out;
        assert_ok(whet_fb_list_table(&f->ops, i, &o));
        assert_ok(whet_fb_list_table(&f->codes, (size_t)whet_fb_uint(&o, TFL_OPERATOR_OPCODE, 4, 0), &c));
        assert_ok(whet_fb_list(&o, TFL_OPERATOR_INPUTS, 4, &in));
        assert_ok(whet_fb_list(&o, TFL_OPERATOR_OUTPUTS, 4, &out));
        const int64_t code = whet_fb_int(&c, TFL_OPCODE_BUILTIN, 4, 0), version = whet_fb_int(&c, TFL_OPCODE_VERSION, 4, 1);
        if (code == TFL_CONV_2D || code == TFL_DEPTHWISE_CONV_2D || code == TFL_FULLY_CONNECTED) {
            check_product(f, code, &in);
            assert_int_equal(version, code == TFL_FULLY_CONNECTED ? 4 : 3);
            *products += 1;
        }
        if (code == TFL_MAX_POOL_2D || code == TFL_AVERAGE_POOL_2D || code == TFL_RESHAPE || code == TFL_CONCATENATION || code == TFL_PAD)
            check_same_scale(f, &in, &out);
        assert_int_not_equal(code, TFL_TRANSPOSE);
    }
}

/* A file of the shared folder, written as TFLite and opened; f->data is to be freed. */
static void write_shared(const char *rel, const char *name, file *f)
{
    int missing = 0;
    whet_graph *g = NULL, *ready = NULL;
    const char *from = support_shared_path(rel, &missing);
    if (missing) support_skip("shared", "%s is missing", rel);
    char *p = path_of(name, ".tflite");
    assert_ok(whet_format_read(&g, from, NULL));
    prepare(&ready, g);
    write_as(ready, p, WHET_DTYPE_NONE);
    open_file(f, name);
    whet_free(p);
    whet_graph_free(g);
    whet_graph_free(ready);
}

static void rules_of_the_format(void **state)
{
    static const char *const names[] = {"resnet", "mobilenetv2"};
    static const int products[] = {14, 20};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        char rel[128];
        int found = 0;
        file f;
        snprintf(rel, sizeof(rel), "interop/onnx/%s/qdq_u8s8.onnx", names[i]);
        write_shared(rel, names[i], &f);
        assert_memory_equal(f.data + 4, "TFL3", 4);
        assert_int_equal(whet_fb_uint(&f.root, TFL_MODEL_VERSION, 4, 0), 3);
        check_buffers(&f);
        check_codes(&f);
        check_operators(&f, &found);
        assert_int_equal(found, products[i]);
        whet_free(f.data);
    }
}

/* LiteRT's product of two values of 8 bits rounds twice: a vision transformer has it in floats, its weights' products in integers. */
static void attention(void **state)
{
    static const char *const names[] = {"qdq_u8s8", "qoperator"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        char rel[128];
        int integer = 0, two_values = 0;
        file f;
        snprintf(rel, sizeof(rel), "interop/onnx/vit/%s.onnx", names[i]);
        write_shared(rel, names[i], &f);
        for (size_t k = 0; k < f.ops.n; k++) {
            whet_fb_table o, c;
            whet_fb_vector in;
            int64_t types[2];
            assert_ok(whet_fb_list_table(&f.ops, k, &o));
            assert_ok(whet_fb_list_table(&f.codes, (size_t)whet_fb_uint(&o, TFL_OPERATOR_OPCODE, 4, 0), &c));
            assert_ok(whet_fb_list(&o, TFL_OPERATOR_INPUTS, 4, &in));
            const int64_t code = whet_fb_int(&c, TFL_OPCODE_BUILTIN, 4, 0);
            if (code != TFL_BATCH_MATMUL && code != TFL_FULLY_CONNECTED && code != TFL_CONV_2D) continue;
            for (size_t t = 0; t < 2; t++) {
                (void)scales_of(&f, whet_fb_list_int(&in, t), &types[t]);
                assert_int_equal(types[t], code == TFL_BATCH_MATMUL ? TFL_FLOAT32 : TFL_INT8);
            }
            if (code == TFL_BATCH_MATMUL) two_values++;
            else integer++;
        }
        assert_int_equal(two_values, 6);
        assert_int_equal(integer, 14);
        whet_free(f.data);
    }
}

/* --- metadata */

static void metadata_goes_along(void **state)
{
    (void)state;
    whet_graph *g = NULL, *ready = NULL, *back = NULL;
    whet_contract c, d;
    char *json = NULL, *p = path_of("labels", ".tflite");
    const char *const names[] = {"zero", "one", "two"};
    assert_ok(whet_model_build("lenet", NULL, &g));
    whet_contract_init(&c);
    whet_contract_init(&d);
    assert_ok(whet_contract_load(&c, "imagenet"));
    assert_ok(whet_contract_set_labels(&c, 3, names));
    assert_ok(whet_contract_to_json(&c, &json));
    assert_ok(whet_graph_set_meta(g, WHET_CONTRACT_META, json));
    assert_ok(whet_graph_set_meta(g, "license", "CC0-1.0"));
    prepare(&ready, g);
    write_as(ready, p, WHET_DTYPE_NONE);
    assert_ok(whet_format_read(&back, p, NULL));
    assert_string_equal(whet_graph_get_meta(back, "license"), "CC0-1.0");
    assert_ok(whet_contract_from_json(&d, whet_graph_get_meta(back, WHET_CONTRACT_META)));
    assert_true(d.nhwc && !c.nhwc);
    assert_int_equal(d.n_labels, 3);
    assert_string_equal(d.labels[2], "two");
    assert_true(d.mean[1] == c.mean[1] && d.std[2] == c.std[2]);
    uint8_t *data = NULL;
    size_t size = 0;
    assert_ok(whet_file_read(&data, &size, p, (size_t)1 << 28));
    assert_memory_equal(data + size - 22, "PK\5\6", 4); /* the label file behind the model */
    whet_free(data);
    whet_free(json);
    whet_free(p);
    whet_contract_dispose(&c);
    whet_contract_dispose(&d);
    whet_graph_free(g);
    whet_graph_free(ready);
    whet_graph_free(back);
}

/* --- refusals */

static void refused(whet_graph *g, const char *message)
{
    char *p = path_of("refused", ".tflite");
    whet_format_options o;
    whet_format_options_init(&o);
    assert_true(whet_format_write(g, p, "tflite", &o) != WHET_OK);
    assert_contains(whet_error_message(), message);
    assert_false(whet_file_exists(p));
    whet_graph_free(g);
    whet_free(p);
}

static whet_graph *graph_of(whet_vid (*build)(whet_graph *g, whet_vid x))
{
    const tflite_case k = {"refused", false, 4, 6, 6, build};
    return case_graph(&k);
}

static whet_vid make_grid(whet_graph *g, whet_vid x) { return OP0("GridSample", x, CONST(2, 3, 3, 2)); }
static whet_vid make_cubic(whet_graph *g, whet_vid x)
{
    return OP("Resize", IN(x, WHET_NO_VALUE, WHET_NO_VALUE, INTS(2, 4, 9, 9)), whet_attr_string("mode", "cubic"));
}
static whet_vid make_dilated_pool(whet_graph *g, whet_vid x) { return OP("MaxPool", IN(x), INTS_ATTR("kernel_shape", 2, 2), INTS_ATTR("dilations", 2, 2)); }
static whet_vid make_even_lrn(whet_graph *g, whet_vid x) { return OP("LRN", IN(OP0("Conv", x, CONST(4, 4, 1, 1))), whet_attr_int("size", 2)); }

static void refusals(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    refused(graph_of(make_grid), "cannot write TFLite: operator GridSample has no counterpart");
    refused(graph_of(make_cubic), "Resize by rules that RESIZE_BILINEAR has not");
    refused(graph_of(make_dilated_pool), "a pool with dilations");
    refused(graph_of(make_even_lrn), "LRN");
    assert_ok(whet_model_build("lenet", NULL, &g));
    refused(g, "is a variable; freeze the graph before it is written as TFLite");
}

static int remove_folder(void **state)
{
    (void)state;
    support_rmtree(folder);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    folder = support_tmpdir();
    return folder ? 0 : -1;
}

static int leave_files(char *dir)
{
    folder = dir;
    for (size_t i = 0; i < WHET_COUNT(tflite_cases); i++) {
        whet_graph *g = case_graph(&tflite_cases[i]);
        there_and_back(tflite_cases[i].name, g, WHET_DTYPE_NONE, 1e-4);
        whet_graph_free(g);
    }
    for (size_t i = 0; i < WHET_COUNT(small_networks); i++) network(small_networks[i], 0);
    for (size_t i = 0; i < WHET_COUNT(large_networks); i++) network(large_networks[i], 224);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),  cmocka_unit_test(networks),            cmocka_unit_test(fewer_bits), cmocka_unit_test(equal_bytes),
        cmocka_unit_test(round_trips), cmocka_unit_test(rules_of_the_format), cmocka_unit_test(metadata_goes_along), cmocka_unit_test(refusals),
        cmocka_unit_test(attention),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) return leave_files(argv[2]);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
