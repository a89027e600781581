/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch state dicts: what PyTorch wrote, in each of its forms, against each other and through the native engine; layouts and
 * wrappers made by hand; what an attacker could write; round trips. */
#include <math.h>

#include "distance.h"
#include "torch_maker.h"
#include "weights_equal.h"
#include "exec/exec.h"
#include "formats/formats.h"
#include "formats/npy/npy_tensor.h"
#include "models/models.h"
#include "passes/lower.h"
#include "passes/passes.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};
static char *dir, *file_a, *file_b;

static int make_folder(void **state)
{
    (void)state;
    dir = support_tmpdir();
    file_a = whet_path_join(dir, "a.pth");
    file_b = whet_path_join(dir, "b.pth");
    return dir && file_a && file_b ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    whet_free(file_a);
    whet_free(file_b);
    support_rmtree(dir);
    return 0;
}

/* --- files of PyTorch */

static void forms_are_equal(void **state)
{
    (void)state;
    static const char *const others[] = {"state_dict_legacy.pth", "weights.safetensors"};
    int compared = 0;
    for (size_t i = 0; i < WHET_COUNT(nets); i++) {
        char rel[128];
        whet_weights *a = NULL;
        snprintf(rel, sizeof(rel), "interop/pytorch/%s/state_dict.pt", nets[i]);
        support_shared(path, rel);
        assert_ok(whet_format_read_weights(&a, path));
        for (size_t k = 0; k < WHET_COUNT(others); k++) {
            int missing = 0;
            whet_weights *b = NULL;
            snprintf(rel, sizeof(rel), "interop/pytorch/%s/%s", nets[i], others[k]);
            const char *other = support_shared_path(rel, &missing);
            if (missing) continue; /* two networks only have the older form */
            assert_ok(whet_format_read_weights(&b, other));
            assert_same_weights(a, b);
            whet_weights_free(b);
            compared++;
        }
        whet_weights_free(a);
    }
    assert_int_equal(compared, 9);
}

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_tensor_init(y);
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
}

/* Every float constant of more than one element becomes zero, so that only what is applied counts. */
static void blank(whet_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        whet_value *v = &g->values[i];
        whet_tensor t;
        if (v->kind != WHET_VALUE_CONST || v->dtype != WHET_F32 || whet_tensor_numel(&v->data) < 2) continue;
        whet_tensor_init(&t);
        assert_ok(whet_tensor_alloc(&t, v->dtype, &v->data.shape));
        whet_tensor_dispose(&v->data);
        v->data = t;
    }
}

static void apply_and_run(const char *net, const char *weights, bool other_prefix)
{
    char rel[128];
    whet_graph *g = NULL;
    whet_weights *w = NULL;
    whet_tensor x, y, want;
    whet_strbuf report;
    whet_format_options o;
    whet_strbuf_init(&report);
    whet_format_options_init(&o);
    o.keep_training = false;
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/train.onnx", net);
    support_shared(model, rel);
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/%s", net, weights);
    support_shared(path, rel);
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/input.npy", net);
    support_shared(x_path, rel);
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/output.npy", net);
    support_shared(y_path, rel);
    assert_ok(whet_format_read(&g, model, &o));
    assert_ok(whet_format_read_weights(&w, path));
    assert_ok(whet_npy_read_tensor(&x, x_path));
    assert_ok(whet_npy_read_tensor(&want, y_path));
    blank(g);
    run(g, &x, &y);
    assert_true(distance(&y, &want) > 0.01); /* the weights are gone */
    whet_tensor_dispose(&y);
    if (other_prefix) {
        whet_weights *p = NULL;
        char name[300];
        assert_ok(whet_weights_create(&p));
        for (size_t i = 0; i < w->n; i++) {
            snprintf(name, sizeof(name), "module.model.%s", w->names[i]);
            assert_ok(whet_weights_add(p, name, &w->tensors[i]));
        }
        whet_weights_free(w);
        w = p;
    }
    assert_ok(whet_weights_apply(w, g, &report));
    run(g, &x, &y);
    const double d = distance(&y, &want);
    printf("%s with %s: off by %.2g of the largest output\n", net, weights, d);
    if (!(d <= 1e-4)) fail_msg("%s with %s: output differs by %.3g of its maximum", net, weights, d);
    for (const char *line = report.data; line && *line; line = strchr(line, '\n') + 1) /* only what BatchNorm counts is left over */
        if (!strstr(line, " counters of batches (the first is '") && line[0] != '/')
            fail_msg("%s: unexpected line '%.80s'", net, line);
    whet_strbuf_dispose(&report);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&want);
    whet_weights_free(w);
    whet_graph_free(g);
}

static void networks_with_their_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++) apply_and_run(nets[i], "state_dict.pt", false);
    apply_and_run("resnet", "state_dict_legacy.pth", false);
    apply_and_run("unet", "state_dict_legacy.pth", false);
    apply_and_run("resnet", "weights.safetensors", true);
}

static void published_files(void **state)
{
    (void)state;
    static const struct { const char *rel; size_t n; const char *name; int64_t first; } files[] = {
        {"models/mnist-pytorch/mnist_model.pt", 8, "conv1.weight", 64},
        {"models/cifar10-pytorch/state_dict_model_cifar10-bs1.pt", 0, "conv1.weight", 32},
        {"models/cifar10-pytorch/state_dict_model_cifar10-bs32.pt", 0, "conv1.weight", 32},
        {"models/cifar10-pytorch/state_dict_model_cifar10-bs64.pt", 0, "conv1.weight", 32},
        {"models/resnet-cifar10/resnet20-12fca82f.th", 97, "module.conv1.weight", 16}};
    for (size_t i = 0; i < WHET_COUNT(files); i++) {
        support_shared(path, files[i].rel);
        whet_weights *w = NULL;
        assert_ok(whet_format_read_weights(&w, path));
        if (files[i].n) assert_int_equal(w->n, files[i].n);
        assert_non_null(whet_weights_find(w, files[i].name));
        assert_int_equal(whet_weights_find(w, files[i].name)->shape.dims[0], files[i].first);
        whet_weights_free(w);
    }
}

static void older_checkpoint_into_the_zoo(void **state)
{
    (void)state;
    support_shared(path, "models/resnet-cifar10/resnet20-12fca82f.th");
    whet_weights *w = NULL;
    whet_graph *g = NULL;
    whet_strbuf report;
    whet_strbuf_init(&report);
    assert_ok(whet_format_read_weights(&w, path));
    assert_ok(whet_model_build("resnet20", NULL, &g));
    assert_ok(whet_weights_apply(w, g, &report));
    assert_true(report.len == 0 || report.data[0] == '\0');
    const whet_value *v = &g->values[whet_graph_find(g, "layer3.2.bn2.running_var")];
    assert_same_tensor(v->name, &v->data, whet_weights_find(w, "module.layer3.2.bn2.running_var"));
    whet_graph_free(g);
    whet_weights_free(w);
    whet_strbuf_dispose(&report);
}

/* --- layouts, by hand */

static const float ten[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
#define DIMS(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define LIST(...) (const int64_t[]){__VA_ARGS__}

static void expect(const whet_weights *w, const char *name, whet_shape shape, const double *want)
{
    const whet_tensor *t = whet_weights_find(w, name);
    if (!t) fail_msg("'%s' is missing", name);
    assert_true(whet_shape_equal(&t->shape, &shape));
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) assert_true(whet_tensor_get_f64(t, i) == want[i]);
}
#define EXPECT(w, name, shape, ...) expect(w, name, shape, (const double[]){__VA_ARGS__})

static void layouts(void **state)
{
    (void)state;
    static const uint16_t halves[2] = {0x3c00, 0xc000}, brains[2] = {0x3f80, 0xc040};
    static const int64_t counter[1] = {391};
    torch_maker m;
    whet_weights *w = NULL;
    torch_start(&m);
    torch_storage_add(&m, "0", ten, sizeof(ten));
    torch_storage_add(&m, "h", halves, sizeof(halves));
    torch_storage_add(&m, "b", brains, sizeof(brains));
    torch_storage_add(&m, "c", counter, sizeof(counter));
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    whet_pickle_put_text(&m.p, "whole");
    torch_tensor(&m, "FloatStorage", "0", 10, 0, DIMS(2, 5), LIST(5, 1));
    whet_pickle_put_text(&m.p, "transposed");
    torch_tensor(&m, "FloatStorage", "0", 10, 0, DIMS(5, 2), LIST(1, 5));
    whet_pickle_put_text(&m.p, "part");
    torch_tensor(&m, "FloatStorage", "0", 10, 3, DIMS(2, 2), LIST(4, 2));
    whet_pickle_put_text(&m.p, "expanded");
    torch_tensor(&m, "FloatStorage", "0", 10, 9, DIMS(3), LIST(0));
    whet_pickle_put_text(&m.p, "scalar");
    torch_tensor(&m, "FloatStorage", "0", 10, 4, 0, LIST(0), LIST(0));
    whet_pickle_put_text(&m.p, "empty");
    torch_tensor(&m, "FloatStorage", "0", 10, 10, DIMS(0, 7), LIST(7, 1));
    whet_pickle_put_text(&m.p, "half");
    torch_tensor(&m, "HalfStorage", "h", 2, 0, DIMS(2), LIST(1));
    whet_pickle_put_text(&m.p, "brain");
    torch_tensor(&m, "BFloat16Storage", "b", 2, 0, DIMS(2), LIST(1));
    whet_pickle_put_text(&m.p, "counter");
    torch_tensor(&m, "LongStorage", "c", 1, 0, 0, LIST(0), LIST(0));
    whet_pickle_put_text(&m.p, "parameter");
    whet_pickle_put_global(&m.p, "torch._utils", "_rebuild_parameter");
    whet_pickle_mark(&m.p);
    torch_tensor(&m, "FloatStorage", "0", 10, 1, DIMS(2), LIST(1));
    whet_pickle_put_bool(&m.p, true);
    whet_pickle_put_none(&m.p);
    whet_pickle_tuple(&m.p);
    whet_pickle_reduce(&m.p);
    whet_pickle_put_text(&m.p, "epoch"); /* left out */
    whet_pickle_put_int(&m.p, 7);
    whet_pickle_setitems(&m.p);
    torch_zip(&m, file_a);
    assert_ok(whet_format_read_weights(&w, file_a));
    assert_int_equal(w->n, 10);
    EXPECT(w, "whole", WHET_SHAPE(2, 5), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    EXPECT(w, "transposed", WHET_SHAPE(5, 2), 0, 5, 1, 6, 2, 7, 3, 8, 4, 9);
    EXPECT(w, "part", WHET_SHAPE(2, 2), 3, 5, 7, 9);
    EXPECT(w, "expanded", WHET_SHAPE(3), 9, 9, 9);
    EXPECT(w, "scalar", (whet_shape){.rank = 0}, 4);
    EXPECT(w, "empty", WHET_SHAPE(0, 7), 0);
    EXPECT(w, "half", WHET_SHAPE(2), 1, -2);
    EXPECT(w, "brain", WHET_SHAPE(2), 1, -3);
    EXPECT(w, "counter", (whet_shape){.rank = 0}, 391);
    EXPECT(w, "parameter", WHET_SHAPE(2), 1, 2);
    assert_int_equal(whet_weights_find(w, "half")->dtype, WHET_F16);
    assert_int_equal(whet_weights_find(w, "brain")->dtype, WHET_BF16);
    assert_int_equal(whet_weights_find(w, "counter")->dtype, WHET_S64);
    whet_weights_free(w);
}

static void put_named(torch_maker *m, const char *name)
{
    whet_pickle_put_text(&m->p, name);
    torch_tensor(m, "FloatStorage", "0", 10, 0, DIMS(10), LIST(1));
}

/* {"epoch": 3, "state_dict": {"a.w": ...}, "optimizer": {0: [tensor]}}: the state dict alone; {"g": {"w": ...}, "l": [tensor]}: all
 * with dots. */
static void nested(void **state)
{
    (void)state;
    torch_maker m;
    whet_weights *w = NULL;
    torch_start(&m);
    torch_storage_add(&m, "0", ten, sizeof(ten));
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    whet_pickle_put_text(&m.p, "optimizer");
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    put_named(&m, "exp_avg");
    whet_pickle_setitems(&m.p);
    whet_pickle_put_text(&m.p, "state_dict");
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    put_named(&m, "a.w");
    whet_pickle_setitems(&m.p);
    whet_pickle_setitems(&m.p);
    torch_zip(&m, file_a);
    assert_ok(whet_format_read_weights(&w, file_a));
    assert_int_equal(w->n, 1);
    assert_string_equal(w->names[0], "a.w");
    whet_weights_free(w);
    torch_start(&m);
    torch_storage_add(&m, "0", ten, sizeof(ten));
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    whet_pickle_put_text(&m.p, "g");
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    put_named(&m, "w");
    whet_pickle_put_int(&m.p, 5);
    torch_tensor(&m, "FloatStorage", "0", 10, 0, DIMS(10), LIST(1));
    whet_pickle_setitems(&m.p);
    whet_pickle_put_text(&m.p, "l");
    whet_pickle_empty_list(&m.p);
    whet_pickle_mark(&m.p);
    torch_tensor(&m, "FloatStorage", "0", 10, 0, DIMS(10), LIST(1));
    whet_pickle_appends(&m.p);
    whet_pickle_setitems(&m.p);
    torch_zip(&m, file_a);
    assert_ok(whet_format_read_weights(&w, file_a));
    assert_int_equal(w->n, 3);
    assert_string_equal(w->names[0], "g.w");
    assert_string_equal(w->names[1], "g.5");
    assert_string_equal(w->names[2], "l.0");
    whet_weights_free(w);
}

/* --- refusals */

static void refused(whet_status status, const char *message)
{
    whet_weights *w = NULL;
    assert_status(whet_format_read_weights(&w, file_a), status);
    assert_null(w);
    assert_contains(whet_error_message(), message);
    assert_string_equal(whet_error_last()->file, file_a);
}

static void one_tensor(const char *type, const char *key, int64_t numel, int64_t offset, int rank, const int64_t *size, const int64_t *stride,
                       whet_status status, const char *message)
{
    torch_maker m;
    torch_start(&m);
    torch_storage_add(&m, "0", ten, sizeof(ten));
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    whet_pickle_put_text(&m.p, "w");
    torch_tensor(&m, type, key, numel, offset, rank, size, stride);
    whet_pickle_setitems(&m.p);
    torch_zip(&m, file_a);
    refused(status, message);
    assert_string_equal(whet_error_last()->node, "w");
}

static void tensors_out_of_range(void **state)
{
    (void)state;
    const int64_t big = (int64_t)1 << 62;
    one_tensor("FloatStorage", "1", 10, 0, DIMS(10), LIST(1), WHET_EFORMAT, "storage '1' is not in the archive");
    one_tensor("FloatStorage", "../../etc/passwd", 10, 0, DIMS(10), LIST(1), WHET_EFORMAT, "storage '../../etc/passwd' is not in the archive");
    one_tensor("FloatStorage", "0", 11, 0, DIMS(11), LIST(1), WHET_EFORMAT, "storage '0' has 40 bytes, its 11 elements need 44");
    one_tensor("FloatStorage", "0", big, 0, DIMS(11), LIST(1), WHET_EFORMAT, "is too large");
    one_tensor("FloatStorage", "0", 10, 0, DIMS(11), LIST(1), WHET_EFORMAT, "reach beyond the 10 elements of its storage");
    one_tensor("FloatStorage", "0", 10, 5, DIMS(6), LIST(1), WHET_EFORMAT, "reach beyond the 10 elements");
    one_tensor("FloatStorage", "0", 10, big, DIMS(1), LIST(1), WHET_EFORMAT, "reach beyond the 10 elements");
    one_tensor("FloatStorage", "0", 10, 0, DIMS(2, 2), LIST(big, big), WHET_EFORMAT, "reach beyond the 10 elements");
    one_tensor("FloatStorage", "0", 10, 0, DIMS(-1), LIST(1), WHET_EFORMAT, "its size has an entry that is no whole number from 0 on");
    one_tensor("FloatStorage", "0", 10, 0, DIMS(2), LIST(-1), WHET_EFORMAT, "its stride has an entry");
    one_tensor("FloatStorage", "0", 10, 0, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1), LIST(1, 1, 1, 1, 1, 1, 1, 1, 1), WHET_EUNSUPPORTED,
               "it has 9 dimensions, at most 8 are handled");
    one_tensor("FloatStorage", "0", 10, 0, DIMS((int64_t)1 << 30), LIST(0), WHET_EFORMAT, "bytes more of memory than a file of this size may: a bomb");
    one_tensor("FloatStorage", "0", 10, 0, DIMS((int64_t)1 << 60, 1 << 20), LIST(0, 0), WHET_ENOMEM, "");
    one_tensor("UntypedStorage", "0", 10, 0, DIMS(1), LIST(1), WHET_EFORMAT, "its storage has no type");
}

#define PICKLE(text) torch_zip_of(text, sizeof(text) - 1, file_a)
#define RAW(text) assert_ok(whet_file_write(file_a, text, sizeof(text) - 1))

static void attacks(void **state)
{
    (void)state;
    static const char *const told = "is refused: this file may build tensors and containers only; nothing was executed";
    PICKLE("cos\nsystem\n(S'id'\ntR.");
    refused(WHET_EUNSUPPORTED, "'os.system'");
    assert_contains(whet_error_message(), told);
    assert_true(whet_error_last()->offset > 0);
    PICKLE("\x80\x02}U\x01wcbuiltins\neval\n(U\x03" "1+1tRs.");
    refused(WHET_EUNSUPPORTED, "'builtins.eval'");
    PICKLE("\x80\x02}U\x0astate_dict}U\x01w](c__builtin__\nexec\n(U\x03" "1+1tResss.");
    refused(WHET_EUNSUPPORTED, "'__builtin__.exec'");
    PICKLE("\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n(ctorch.hub\nload\n)RK\0))t\x81.");
    refused(WHET_EUNSUPPORTED, "'torch.hub.load'");
    PICKLE("\x80\x02" "ccollections\nOrderedDict\n)R}U\x01" "acsubprocess\nPopen\nsb.");
    refused(WHET_EUNSUPPORTED, "'subprocess.Popen'");
    RAW("\x80\x02" "cposix\nsystem\n(U\x02idtR."); /* the older form, at its first pickle */
    refused(WHET_EUNSUPPORTED, "'posix.system'");
    RAW("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02" "cnt\nsystem\n(U\x02idtR."); /* at its fourth */
    refused(WHET_EUNSUPPORTED, "'nt.system'");
    assert_int_equal(whet_error_last()->offset, 27);
    RAW("cos\nsystem\n(S'id'\ntR."); /* without a protocol: known by the extension alone */
    refused(WHET_EUNSUPPORTED, "'os.system'");
    PICKLE("\x80\x02}U\x01wctorch._utils\n_rebuild_qtensor\n)Rs.");
    refused(WHET_EUNSUPPORTED, "'torch._utils._rebuild_qtensor'");
}

static void odd_contents(void **state)
{
    (void)state;
    whet_zip_writer *z = NULL;
    PICKLE("\x80\x02K\x05.");
    refused(WHET_EUNSUPPORTED, "the file holds a whole number, not a state dict");
    PICKLE("\x80\x02}.");
    refused(WHET_EUNSUPPORTED, "no tensor is in this file");
    PICKLE("\x80\x02]q\0h\0a."); /* a list in itself */
    refused(WHET_EFORMAT, "containers are nested deeper than 16 levels");
    PICKLE("\x80\x02]q\0(]q\1(]q\2(]q\3(]q\4(]q\5(]q\6(NNNNNNNNNNeh\6h\6h\6h\6h\6h\6h\6h\6h\6eh\5h\5h\5h\5h\5h\5h\5h\5h\5"
           "eh\4h\4h\4h\4h\4h\4h\4h\4h\4eh\3h\3h\3h\3h\3h\3h\3h\3h\3eh\2h\2h\2h\2h\2h\2h\2h\2h\2eh\1h\1h\1h\1h\1h\1h\1h\1h\1e.");
    refused(WHET_EFORMAT, "more than 1000000 entries: a bomb");
    RAW("\x80\x02}.");
    refused(WHET_EUNSUPPORTED, "this is a Python pickle, but none that torch.save wrote");
    RAW("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe8\x03.");
    refused(WHET_EUNSUPPORTED, "another version than 1001");
    RAW("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}U\x0dlittle_endian\x89s.");
    refused(WHET_EUNSUPPORTED, "big-endian");
    assert_ok(whet_zip_writer_open(&z, file_a));
    assert_ok(whet_zip_writer_add(z, "net/data.pkl", "\x80\x02}.", 4));
    assert_ok(whet_zip_writer_add(z, "net/byteorder", "big", 3));
    assert_ok(whet_zip_writer_commit(z));
    refused(WHET_EUNSUPPORTED, "big-endian");
    RAW("PK\3\4 and nothing more");
    refused(WHET_EFORMAT, "zip: ");
}

/* --- writing */

static void put(whet_weights *w, const char *name, whet_dtype dtype, whet_shape shape)
{
    whet_tensor t;
    whet_tensor_init(&t);
    assert_ok(whet_tensor_alloc(&t, dtype, &shape));
    for (size_t i = 0; i < whet_tensor_bytes(&t); i++) ((uint8_t *)t.data)[i] = dtype == WHET_BOOL ? i & 1 : (uint8_t)(i * 37 + w->n);
    assert_ok(whet_weights_add(w, name, &t));
    whet_tensor_dispose(&t);
}

static void round_trips(void **state)
{
    (void)state;
    static const char *const names[] = {"f64", "f32", "f16", "bf16", "s64", "s32", "s16", "s8", "u64", "u32", "u16", "u8", "bool"};
    char *safe = whet_path_join(dir, "c.safetensors"), *again = whet_path_join(dir, "d.safetensors");
    whet_weights *w = NULL, *a = NULL, *b = NULL;
    assert_ok(whet_weights_create(&w));
    for (size_t i = 0; i < WHET_COUNT(names); i++) put(w, names[i], whet_dtype_parse(names[i]), WHET_SHAPE(3, (int64_t)i + 1, 5));
    put(w, "scalar", WHET_S64, (whet_shape){.rank = 0});
    put(w, "empty", WHET_F32, WHET_SHAPE(4, 0));
    put(w, "large", WHET_F32, WHET_SHAPE(300, 400));
    put(w, "layer.\xc3\xa9", WHET_F32, WHET_SHAPE(2));
    assert_ok(whet_weights_set_meta(w, "whet.contract", "{\"a\": 1}"));
    assert_ok(whet_weights_set_meta(w, "licence", "Apache-2.0"));
    assert_ok(whet_format_write_weights(w, file_a, NULL));
    assert_ok(whet_format_write_weights(w, file_b, "state_dict"));
    assert_same_bytes(file_a, file_b);
    assert_ok(whet_format_read_weights(&a, file_a));
    assert_same_weights(w, a);
    assert_string_equal(whet_weights_meta(a, "whet.contract"), "{\"a\": 1}");
    assert_string_equal(whet_weights_meta(a, "licence"), "Apache-2.0");
    for (size_t i = 0; i < w->n; i++) assert_string_equal(w->names[i], a->names[i]);
    assert_ok(whet_format_write_weights(a, safe, NULL)); /* into the other format and back */
    assert_ok(whet_format_read_weights(&b, safe));
    assert_same_weights(w, b);
    assert_string_equal(whet_weights_meta(b, "licence"), "Apache-2.0");
    assert_ok(whet_format_write_weights(b, again, NULL));
    assert_same_bytes(safe, again);
    whet_weights_free(a);
    whet_weights_free(b);
    whet_weights_free(w);
    assert_ok(whet_weights_create(&w));
    put(w, "few", WHET_S4, WHET_SHAPE(3));
    assert_status(whet_format_write_weights(w, file_a, NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "tensor 'few' is s4; PyTorch has no such type");
    whet_weights_free(w);
    whet_free(safe);
    whet_free(again);
}

/* A cut or changed file gives a clean error, or for a changed one the tensors. */
static void damaged_anywhere(void **state)
{
    (void)state;
    uint8_t *whole = NULL;
    size_t n = 0;
    whet_weights *w = NULL;
    support_shared(path, "interop/pytorch/resnet/state_dict_legacy.pth");
    assert_ok(whet_file_read(&whole, &n, path, 1 << 20));
    for (size_t i = 0; i < n; i += i < 600 ? 1 : 997) {
        assert_true(whet_state_dict_read_mem(&w, whole, i, "cut") != WHET_OK);
        assert_null(w);
    }
    for (size_t i = 0; i < 1500; i++) {
        whole[i] ^= (uint8_t)(1 << i % 8);
        if (whet_state_dict_read_mem(&w, whole, n, "flipped") == WHET_OK) whet_weights_free(w);
        whole[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_ok(whet_state_dict_read_mem(&w, whole, n, "whole"));
    whet_weights_free(w);
    whet_free(whole);
}

static whet_status read_a(void *arg)
{
    whet_weights *w = NULL;
    (void)arg;
    const whet_status status = whet_state_dict_read_weights(&w, file_a);
    whet_weights_free(w);
    return status;
}

static void no_memory(void **state)
{
    (void)state;
    whet_weights *w = NULL;
    assert_ok(whet_weights_create(&w));
    put(w, "a.weight", WHET_F32, WHET_SHAPE(300, 400));
    put(w, "a.bias", WHET_F32, WHET_SHAPE(3));
    assert_ok(whet_weights_set_meta(w, "k", "v"));
    assert_ok(whet_format_write_weights(w, file_a, NULL));
    whet_weights_free(w);
    assert_true(support_fail_each_allocation(read_a, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_equal), cmocka_unit_test(networks_with_their_weights), cmocka_unit_test(published_files),
        cmocka_unit_test(older_checkpoint_into_the_zoo), cmocka_unit_test(layouts), cmocka_unit_test(nested),
        cmocka_unit_test(tensors_out_of_range), cmocka_unit_test(attacks), cmocka_unit_test(odd_contents), cmocka_unit_test(round_trips),
        cmocka_unit_test(damaged_anywhere), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
