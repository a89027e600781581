/* SPDX-License-Identifier: Apache-2.0 */
/* TorchScript: PyTorch's files against PyTorch's outputs on the native engine, and written again. With two arguments it converts
 * IN to OUT, with "run" it runs IN on X and writes Y, "zoo" NAME OUT writes a network of the zoo: for check_torchscript.py. */
#include <math.h>

#include "support.h"
#include "torch_maker.h"
#include "exec/exec.h"
#include "formats/formats.h"
#include "formats/npy/npy_tensor.h"
#include "formats/torchscript/torchscript.h"
#include "models/models.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "distance.h"

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

/* The second graph's tensors are the first one's, bit for bit. */
static void same_weights(const whet_graph *a, const whet_graph *b)
{
    int n = 0;
    for (int i = 0; i < b->n_values; i++) {
        const whet_value *v = &b->values[i];
        bool found = false;
        if ((v->kind != WHET_VALUE_CONST && v->kind != WHET_VALUE_VARIABLE) || v->data.shape.rank == 0 || v->dtype == WHET_S64) continue;
        for (int k = 0; k < a->n_values && !found; k++) {
            const whet_tensor *t = &a->values[k].data;
            found = t->data && t->dtype == v->dtype && whet_shape_equal(&t->shape, &v->data.shape) &&
                    memcmp(t->data, v->data.data, whet_tensor_bytes(t)) == 0;
        }
        if (!found) fail_msg("'%s' has changed", v->name);
        n++;
    }
    assert_true(n > 3);
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


/* --- PyTorch's files */

static void check_file(const char *folder, const char *file, double bound)
{
    char rel[160];
    whet_graph *g = NULL, *again = NULL;
    whet_tensor x, y, z, want;
    uint8_t *one = NULL, *two = NULL;
    size_t n1 = 0, n2 = 0;
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/input.npy", folder);
    support_shared(x_path, rel);
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/output.npy", folder);
    support_shared(y_path, rel);
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/%s", folder, file);
    support_shared(path, rel);
    char *dir = support_tmpdir(), *out = whet_path_join(dir, "a.pt"), *out2 = whet_path_join(dir, "b.pt");
    assert_ok(whet_npy_read_tensor(&x, x_path));
    assert_ok(whet_npy_read_tensor(&want, y_path));
    assert_ok(whet_format_read(&g, path, NULL));
    assert_ok(run_graph(g, &x, &y));
    const double d = distance(&y, &want);
    if (!(d <= bound)) fail_msg("%s: output differs by %.3g of its maximum", rel, d);
    assert_ok(whet_torchscript_write(g, out, NULL));
    assert_ok(whet_format_read(&again, out, NULL));
    assert_ok(run_graph(again, &x, &z));
    assert_true(distance(&z, &y) <= 1e-5);
    same_weights(g, again);
    assert_ok(whet_torchscript_write(g, out2, NULL)); /* but for the top folder, which is the file's name */
    assert_ok(whet_file_read(&one, &n1, out, 1 << 30));
    assert_ok(whet_file_read(&two, &n2, out2, 1 << 30));
    assert_int_equal(n1, n2);
    for (size_t i = 0; i < n1; i++) assert_true(one[i] == two[i] || (one[i] == 'a' && two[i] == 'b'));
    printf("%s: off by %.2g of the largest output\n", rel, d);
    whet_free(one);
    whet_free(two);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&z);
    whet_tensor_dispose(&want);
    whet_graph_free(g);
    whet_graph_free(again);
    whet_free(out);
    whet_free(out2);
    support_rmtree(dir);
}

static void pytorch_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++) check_file(nets[i], "torchscript.pt", 1e-4);
    check_file("resnet", "torchscript_frozen.pt", 1e-4);
    for (size_t i = 0; i < WHET_COUNT(nets); i++) check_file(nets[i], "legacy.onnx", 1e-4);
}

/* Every tensor stands in the state dict beside the file, under its name, bit for bit. */
static void names_are_those_of_the_state_dict(void **state)
{
    (void)state;
    support_shared(path, "interop/pytorch/efficientnet/torchscript.pt");
    support_shared(dict, "interop/pytorch/efficientnet/state_dict.pt");
    whet_graph *g = NULL;
    whet_weights *w = NULL;
    whet_format_options o;
    int trainable = 0, counted = 0;
    whet_format_options_init(&o);
    o.parameters_as_variables = true;
    assert_ok(whet_format_read(&g, path, &o));
    assert_ok(whet_format_read_weights(&w, dict));
    for (int i = 0; i < g->n_values; i++) {
        const whet_value *v = &g->values[i];
        if (v->kind != WHET_VALUE_VARIABLE) continue;
        const whet_tensor *t = whet_weights_find(w, v->name);
        if (!t) fail_msg("'%s' is not in the state dict", v->name);
        assert_true(whet_shape_equal(&t->shape, &v->data.shape));
        assert_memory_equal(t->data, v->data.data, whet_tensor_bytes(t));
        trainable += v->trainable;
        counted += !v->trainable;
        assert_int_equal(v->trainable, strstr(v->name, "running_") == NULL);
    }
    assert_true(trainable > 50 && counted > 20);
    whet_weights_free(w);
    whet_graph_free(g);
}

/* --- files of our own making */

/* x -> Net.forward with a weight [2, 3, 1, 1], written from `code`; members can be left out or replaced. */
static void make_file(const char *path, const char *code, const char *leave_out)
{
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t size[4] = {2, 3, 1, 1}, stride[4] = {3, 1, 1, 1};
    torch_maker m;
    whet_zip_writer *z = NULL;
    torch_start(&m);
    whet_pickle_put_global(&m.p, "__torch__", "Net");
    whet_pickle_empty_tuple(&m.p);
    whet_pickle_newobj(&m.p);
    whet_pickle_empty_dict(&m.p);
    whet_pickle_mark(&m.p);
    whet_pickle_put_text(&m.p, "weight");
    torch_tensor(&m, "FloatStorage", "0", 6, 0, 4, size, stride);
    whet_pickle_put_text(&m.p, "training");
    whet_pickle_put_bool(&m.p, true);
    whet_pickle_setitems(&m.p);
    whet_pickle_build(&m.p);
    whet_pickle_end(&m.p);
    const struct { const char *name; const void *data; size_t size; } members[] = {
        {"n/version", "3\n", 2}, {"n/data.pkl", m.text.data, m.text.len}, {"n/constants.pkl", "\x80\x02).", 4},
        {"n/code/__torch__.py", code, strlen(code)}, {"n/data/0", numbers, sizeof(numbers)}};
    assert_ok(whet_zip_writer_open(&z, path));
    for (size_t i = 0; i < WHET_COUNT(members); i++)
        if (!leave_out || strcmp(members[i].name + 2, leave_out) != 0)
            assert_ok(whet_zip_writer_add(z, members[i].name, members[i].data, members[i].size));
    assert_ok(whet_zip_writer_commit(z));
    whet_strbuf_dispose(&m.text);
}

#define HEAD "class Net(Module):\n  __parameters__ = [\"weight\", ]\n  weight : Tensor\n  training : bool\n"
#define FORWARD HEAD "  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n"
#define CONV "    y = torch.conv2d(x, self.weight)\n"

/* Reads a file whose forward is `body`; want: "" = it is read, else what the error says. *out may be NULL. */
static void expect(const char *code, const char *leave_out, whet_status status, const char *want, whet_graph **out)
{
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "n.pt");
    whet_graph *g = NULL;
    make_file(path, code, leave_out);
    const whet_status got = whet_torchscript_read(&g, path, NULL);
    if (got != status || (status != WHET_OK && !strstr(whet_error_message(), want)))
        fail_msg("gave %s: %s\nwanted %s: %s\nfor\n%.2000s", whet_status_name(got), got ? whet_error_message() : "", whet_status_name(status), want, code);
    if (out) *out = g;
    else whet_graph_free(g);
    whet_free(path);
    support_rmtree(dir);
}

static void refusals(void **state)
{
    (void)state;
    static const struct { const char *body; whet_status status; const char *want; } cases[] = {
        {CONV "    return torch.fft(y)\n", WHET_EUNSUPPORTED, "code/__torch__.py:8: operator 'torch.fft' is not handled"},
        {CONV "    return torch.relux(y)\n", WHET_EUNSUPPORTED, "the nearest that is: 'torch.relu'"},
        {CONV "    return ops.mine.special(y)\n", WHET_EUNSUPPORTED, "operator 'ops.mine.special' is not handled"},
        {CONV "    return ops.prim.fork(y)\n", WHET_EUNSUPPORTED, "operator 'ops.prim.fork' is not handled"},
        {CONV "    return __torch__.os.system(y)\n", WHET_EFORMAT, "'code/__torch__/os.py' is not in the archive"},
        {CONV "    return os.system(y)\n", WHET_EUNSUPPORTED, "the name 'os' is not handled"},
        {CONV "    return torch.dropout(y, 0.5, True)\n", WHET_EUNSUPPORTED, "call eval() before it is saved"},
        {CONV "    if torch.eq(torch.size(y, 2), 4):\n      z = y\n    else:\n      z = x\n    return z\n", WHET_EUNSUPPORTED,
         "an 'if' on a size that is known only when running"},
        {CONV "    z = torch.slice(y, 2, 0, 1)\n    w = torch.relu_(z)\n    return torch.add(y, w)\n", WHET_EUNSUPPORTED,
         "bytes were changed in place through another view"},
        {CONV "    self.weight = y\n    return y\n", WHET_EUNSUPPORTED, "an assignment to an attribute"},
        {CONV "    ops.prim.RaiseException(\"no good\")\n    return y\n", WHET_ESHAPE, "the model's own check fails: no good"},
        {"    return CONSTANTS.c0\n", WHET_EFORMAT, "'CONSTANTS.c0' is not in constants.pkl"},
        {"    return self.nothing\n", WHET_EFORMAT, "'nothing' of class '__torch__.Net' is in neither data.pkl nor the code"},
        {"    return (self).forward(x, )\n", WHET_EFORMAT, "calls are nested more than 100 deep"},
        {"    while True:\n      pass\n    return x\n", WHET_EFORMAT, "the code takes more than"},
        {"    for i in range(1000000000):\n      pass\n    return x\n", WHET_EFORMAT, "a list is too long"},
        {"    a = [1, 1]\n    while True:\n      a = torch.add(a, a)\n    return x\n", WHET_EFORMAT, "more than"},
        {"    a = \"aaaaaaaa\"\n    while True:\n      a = torch.add(a, a)\n    return x\n", WHET_EFORMAT, "a string is too long"},
        {"    y = x\n    while True:\n      y = torch.relu(y)\n    return y\n", WHET_EFORMAT, "the code makes more than 32768 operators"},
        {"    return x +\n", WHET_EFORMAT, "code/__torch__.py:7: '+' does not occur in TorchScript source"},
        {"    return (x\n", WHET_EFORMAT, "the file ends inside brackets"},
        {"    return 99999999999999999999\n", WHET_EFORMAT, "a whole number is too large"},
        {"    return torch.floordiv(1, 0)\n", WHET_EFORMAT, "a division by zero"},
        {"    return \"text\n", WHET_EFORMAT, "a string has no end"},
        {"    return 3\n", WHET_EUNSUPPORTED, "forward returns an int"},
        {"    y = x\n   return x\n", WHET_EFORMAT, "the indentation fits no open block"},
        {"    y = x\n  return x\n", WHET_EFORMAT, "an attribute or a method is missing"},
    };
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        char code[1200];
        snprintf(code, sizeof(code), "%s%s", FORWARD, cases[i].body);
        expect(code, NULL, cases[i].status, cases[i].want, NULL);
    }
    expect("class Net(Module):\n  training : bool\n", NULL, WHET_EFORMAT, "has no method forward", NULL);
    expect("def f(x: Tensor) -> Tensor:\n  return x\n", NULL, WHET_EFORMAT, "class 'Net' is not in 'code/__torch__.py'", NULL);
    expect(HEAD "  def forward(self: __torch__.Net,\n    x: List[Tensor]) -> Tensor:\n    return x[0]\n", NULL, WHET_EUNSUPPORTED,
           "input 'x' is no tensor", NULL);
    expect(HEAD "  def forward(self: __torch__.Net) -> Tensor:\n    return self.weight\n", NULL, WHET_EUNSUPPORTED, "forward has no inputs", NULL);
}

static void missing_members(void **state)
{
    (void)state;
    static const char code[] = FORWARD CONV "    return y\n";
    expect(code, "version", WHET_EFORMAT, "'version' is not in the archive", NULL);
    expect(code, "data.pkl", WHET_EFORMAT, "'data.pkl' is not in the archive", NULL);
    expect(code, "constants.pkl", WHET_EFORMAT, "'constants.pkl' is not in the archive", NULL);
    expect(code, "code/__torch__.py", WHET_EFORMAT, "'code/__torch__.py' is not in the archive", NULL);
    expect(code, "data/0", WHET_EFORMAT, "storage 'data/0' is not in the archive", NULL);
    expect(code, NULL, WHET_OK, "", NULL);
}

static void deep_and_large_code(void **state)
{
    (void)state;
    char *deep = whet_alloc(40000), *large = NULL;
    whet_strbuf b;
    size_t n = (size_t)sprintf(deep, "%s    return ", FORWARD);
    memset(deep + n, '(', 20000);
    deep[n + 20000] = '\0';
    expect(deep, NULL, WHET_EFORMAT, "nested too deeply", NULL);
    whet_free(deep);
    whet_strbuf_init(&b);
    whet_strbuf_puts(&b, FORWARD);
    for (int i = 0; i < 120000; i++) whet_strbuf_puts(&b, "    y = [1, 2]\n");
    whet_strbuf_puts(&b, "    return x\n");
    large = whet_strbuf_take(&b);
    expect(large, NULL, WHET_EFORMAT, "the source text is larger than", NULL);
    whet_free(large);
}

/* What the code says of the input, and what it computes. */
static void sizes_are_learnt(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    expect(FORWARD CONV "    _0 = torch.eq(torch.size(x, 2), 24)\n    if _0:\n      pass\n    else:\n      ops.prim.RaiseException(\"bad height\")\n"
           "    B = ops.prim.NumToTensor(torch.size(y, 0))\n    return torch.reshape(y, [int(B), -1])\n", NULL, WHET_OK, "", &g);
    const whet_value *x = &g->values[g->inputs[0]], *y = &g->values[g->outputs[0]];
    assert_string_equal(x->name, "x");
    assert_string_equal(y->name, "output");
    assert_int_equal(x->dims.rank, 4);
    assert_string_equal(whet_graph_symbol_name(g, x->dims.dims[0]), "N");
    assert_int_equal(x->dims.dims[1], 3);
    assert_int_equal(x->dims.dims[2], 24);
    assert_string_equal(whet_graph_symbol_name(g, x->dims.dims[3]), "W");
    assert_true(whet_graph_find(g, "weight") >= 0);
    whet_graph_free(g);
}

static void in_place_results_are_seen(void **state)
{
    (void)state;
    static const float numbers[6] = {-1, 2, -3, 4, 5, -6};
    const whet_shape shape = WHET_SHAPE(1, 3, 1, 2);
    whet_graph *g = NULL;
    whet_tensor x = {0}, y = {0};
    expect(FORWARD "    z = torch.mul(x, 2)\n    y = torch.add_(z, x, alpha=-1)\n    y0 = torch.relu_(y)\n    return torch.sub(z, 0.5)\n", NULL, WHET_OK,
           "", &g);
    assert_ok(whet_tensor_alloc(&x, WHET_F32, &shape));
    memcpy(x.data, numbers, sizeof(numbers));
    assert_ok(run_graph(g, &x, &y));
    for (int i = 0; i < 6; i++) assert_float_equal(((const float *)y.data)[i], fmaxf(numbers[i], 0) - 0.5f, 1e-6);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_graph_free(g);
}

/* --- damage */

static void truncation(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "n.pt");
    uint8_t *data = NULL;
    size_t size = 0;
    make_file(path, FORWARD CONV "    return torch.softmax(y, 1)\n", NULL);
    assert_ok(whet_file_read(&data, &size, path, 1 << 20));
    for (size_t n = 0; n < size; n++) {
        whet_graph *g = NULL;
        uint8_t *copy = whet_alloc(n + 1); /* so that a sanitizer sees reads beyond the end */
        memcpy(copy, data, n);
        const whet_status s = whet_torchscript_read_mem(&g, copy, n, "t.pt", NULL);
        if (s != WHET_EFORMAT && s != WHET_EUNSUPPORTED) fail_msg("%zu of %zu bytes gave %s", n, size, whet_status_name(s));
        assert_null(g);
        assert_string_equal(whet_error_last()->file, "t.pt");
        whet_free(copy);
    }
    whet_free(data);
    whet_free(path);
    support_rmtree(dir);
}

static whet_status read_once(void *arg)
{
    whet_graph *g = NULL;
    const whet_status s = whet_torchscript_read(&g, arg, NULL);
    whet_graph_free(g);
    return s;
}

static void no_memory(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "n.pt"), *out = whet_path_join(dir, "o.pt");
    whet_graph *g = NULL;
    make_file(path, FORWARD CONV "    return torch.softmax(y, 1)\n", NULL);
    assert_true(support_fail_each_allocation(read_once, path) > 10);
    assert_ok(whet_torchscript_read(&g, path, NULL));
    for (long n = 1, left = 0; left == 0; n++) { /* that of the folder's fsync is not missed */
        whet_alloc_fail_after(n);
        const whet_status s = whet_torchscript_write(g, out, NULL);
        left = whet_alloc_fail_after(0);
        assert_true(s == WHET_OK || (s == WHET_ENOMEM && left == 0));
        if (left == 0) assert_true(n < 1000);
    }
    whet_graph_free(g);
    whet_free(path);
    whet_free(out);
    support_rmtree(dir);
}

/* --- writing */

static void zoo_and_metadata(void **state)
{
    (void)state;
    static const char *const names[] = {"lenet", "cifar-convnet", "resnet20"};
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        char *dir = support_tmpdir(), *path = whet_path_join(dir, "z.pt");
        whet_graph *g = NULL, *back = NULL;
        whet_format_options o;
        whet_format_options_init(&o);
        o.parameters_as_variables = true;
        assert_ok(whet_model_build(names[i], NULL, &g));
        assert_ok(whet_graph_set_meta(g, "whet.contract", "{\"labels\":[\"a\",\"\\u00e9\"]}"));
        assert_ok(whet_torchscript_write(g, path, NULL));
        assert_ok(whet_format_read(&back, path, &o));
        same_weights(g, back);
        assert_int_equal(whet_model_parameters(g), whet_model_parameters(back));
        assert_string_equal(whet_graph_get_meta(back, "whet.contract"), whet_graph_get_meta(g, "whet.contract"));
        const whet_value *a = &g->values[g->inputs[0]], *b = &back->values[back->inputs[0]];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(&a->dims.dims[1], &b->dims.dims[1], 3 * sizeof(whet_dim));
        assert_string_equal(whet_graph_symbol_name(back, b->dims.dims[0]), "N");
        assert_string_equal(g->values[g->outputs[0]].name, back->values[back->outputs[0]].name);
        whet_graph_free(g);
        whet_graph_free(back);
        whet_free(path);
        support_rmtree(dir);
    }
}

static void writing_refuses_by_name(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    whet_vid x = 0, y = 0;
    const whet_dims dims = {.rank = 4, .dims = {1, 2, 4, 4}};
    const whet_attr to = whet_attr_string("to", "NHWC");
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "n.pt");
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_graph_node(g, "whet.Reorder", "move", WHET_IN(x), 1, &to, 1, NULL, &y));
    assert_ok(whet_graph_output(g, y));
    assert_status(whet_torchscript_write(g, path, NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "cannot write TorchScript: whet.Reorder");
    assert_string_equal(whet_error_last()->node, "move");
    assert_false(whet_file_exists(path));
    whet_graph_free(g);
    whet_free(path);
    support_rmtree(dir);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pytorch_files), cmocka_unit_test(names_are_those_of_the_state_dict), cmocka_unit_test(refusals),
        cmocka_unit_test(missing_members), cmocka_unit_test(deep_and_large_code), cmocka_unit_test(sizes_are_learnt),
        cmocka_unit_test(in_place_results_are_seen), cmocka_unit_test(truncation), cmocka_unit_test(no_memory),
        cmocka_unit_test(zoo_and_metadata), cmocka_unit_test(writing_refuses_by_name)};
    if (argc == 5 && strcmp(argv[1], "run") == 0) return run_file(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "zoo") == 0) return zoo(argv[2], argv[3]);
    if (argc == 3) return convert(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
