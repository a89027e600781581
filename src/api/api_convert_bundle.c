/* SPDX-License-Identifier: Apache-2.0 */
/* `whet convert --bundle`: around the model a picture, what the source computes on it, labels, the contract, and a C and a Python
 * program for the format's own runtime that reproduce it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/bundle_programs.h"
#include "api/convert_job.h"
#include "base/io.h"
#include "base/mem.h"
#include "data/contract.h"
#include "formats/npy/npy_tensor.h"

/* The runtime of each format. A format without a C API of its own runs in whet's. */
static const struct runtime {
    const char *format, *title, *include, *compile, *c, *py, *module, *import;
} runtimes[] = {
    {"onnx", "ONNX Runtime", "#include <dlfcn.h>", "cc -O2 -o run run.c -lpng -ldl -lm && ./run [libonnxruntime.so]", bundle_c_ort, bundle_py_ort,
     "Pillow and onnxruntime", "import onnxruntime as ort\nfrom PIL import Image"},
    {"openvino", "OpenVINO", "#include <openvino/c/openvino.h>", "cc -O2 -o run run.c -lpng -lopenvino_c -lm && ./run", bundle_c_openvino,
     bundle_py_openvino, "Pillow and openvino", "import openvino as ov\nfrom PIL import Image"},
    {"tflite", "LiteRT", "#include <tensorflow/lite/c/c_api.h>", "cc -O2 -o run run.c -lpng -ltensorflowlite_c -lm && ./run", bundle_c_tflite,
     bundle_py_tflite, "Pillow and ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter\nfrom PIL import Image"},
    {"torchscript", "LibTorch", "#include <whet/whet.h>", "cc -O2 -o run run.c -lpng -lwhet -lm && ./run (whet's own engine)", bundle_c_whet,
     bundle_py_torch, "Pillow and torch", "import torch\nfrom PIL import Image"},
    {"keras", "Keras", "#include <whet/whet.h>", "cc -O2 -o run run.c -lpng -lwhet -lm && ./run (whet's own engine)", bundle_c_whet, bundle_py_keras,
     "keras and tensorflow", "import keras\nimport tensorflow as tf"},
    {"keras_h5", "Keras", "#include <whet/whet.h>", "cc -O2 -o run run.c -lpng -lwhet -lm && ./run (whet's own engine)", bundle_c_whet, bundle_py_keras,
     "keras and tensorflow", "import keras\nimport tensorflow as tf"},
    {"saved_model", "TensorFlow", "#include <whet/whet.h>", "cc -O2 -o run run.c -lpng -lwhet -lm && ./run (whet's own engine)", bundle_c_whet,
     bundle_py_saved, "tensorflow", "import tensorflow as tf"},
    {"tensorflow", "TensorFlow", "#include <whet/whet.h>", "cc -O2 -o run run.c -lpng -lwhet -lm && ./run (whet's own engine)", bundle_c_whet,
     bundle_py_frozen, "tensorflow", "import tensorflow as tf"}};

static const struct element { whet_dtype t; const char *c, *npy, *ov; int onnx; } elements[] = {
    {WHET_F32, "float", "<f4", "F32", 1}, {WHET_U8, "uint8_t", "|u1", "U8", 2}, {WHET_S8, "int8_t", "|i1", "I8", 3},
    {WHET_S64, "int64_t", "<i8", "I64", 7}, {WHET_S32, "int32_t", "<i4", "I32", 6}, {WHET_F64, "double", "<f8", "F64", 11}};

static const struct element *element_of(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(elements); i++)
        if (elements[i].t == t) return &elements[i];
    return NULL;
}

/* Values for the @NAMES@ of the texts. */
enum { MOST_WORDS = 40 };
typedef struct words { int n; struct { const char *name; char text[700]; } w[MOST_WORDS]; } words;

static void say(words *w, const char *name, const char *fmt, ...) WHET_PRINTF(3, 4);
static void say(words *w, const char *name, const char *fmt, ...)
{
    va_list ap;
    if (w->n == MOST_WORDS) return;
    va_start(ap, fmt);
    vsnprintf(w->w[w->n].text, sizeof(w->w[0].text), fmt, ap);
    va_end(ap);
    w->w[w->n++].name = name;
}

static void put(whet_strbuf *out, const words *w, const char *text)
{
    for (const char *p = text; *p;) {
        const char *at = strchr(p, '@'), *end = at ? strchr(at + 1, '@') : NULL;
        const char *value = NULL;
        for (int i = 0; end && i < w->n; i++)
            if (strlen(w->w[i].name) == (size_t)(end - at - 1) && strncmp(w->w[i].name, at + 1, (size_t)(end - at - 1)) == 0) value = w->w[i].text;
        if (!at) at = p + strlen(p);
        whet_strbuf_add(out, p, (size_t)(at - p));
        p = at;
        if (value) {
            whet_strbuf_puts(out, value);
            p = end + 1;
        } else if (*p) {
            whet_strbuf_add(out, p++, 1);
        }
    }
}

static whet_status save(convert_job *j, const char *name, const void *data, size_t n)
{
    char *path = whet_path_join(j->o.bundle, name);
    const whet_status status = path ? whet_file_write(path, data, n) : WHET_ENOMEM;
    if (status == WHET_OK) json_array_append_new(j->bundle, json_string(path));
    whet_free(path);
    return status;
}

static whet_status save_tensor(convert_job *j, const char *name, const whet_tensor *t)
{
    char *path = whet_path_join(j->o.bundle, name);
    const whet_status status = path ? whet_npy_write_tensor(path, t) : WHET_ENOMEM;
    if (status == WHET_OK) json_array_append_new(j->bundle, json_string(path));
    whet_free(path);
    return status;
}

static whet_status save_picture(convert_job *j, const whet_image *img)
{
    whet_strbuf png;
    whet_strbuf_init(&png);
    whet_status status = whet_image_encode_png(&png, img);
    if (status == WHET_OK) status = save(j, "picture.png", png.data, png.len);
    whet_strbuf_dispose(&png);
    return status;
}

static whet_status save_labels(convert_job *j, const whet_contract *c)
{
    whet_strbuf text;
    if (c->n_labels == 0) return WHET_OK;
    whet_strbuf_init(&text);
    for (int i = 0; i < c->n_labels; i++) whet_strbuf_printf(&text, "%s\n", c->labels[i]);
    const whet_status status = text.failed ? WHET_ENOMEM : save(j, "labels.txt", text.data, text.len);
    whet_strbuf_dispose(&text);
    return status;
}

static void list_floats(char *buf, size_t size, const float *x, int n)
{
    size_t at = 0;
    buf[0] = '\0';
    for (int i = 0; i < n; i++) at += (size_t)snprintf(buf + at, size - at, "%s%.9g", i ? ", " : "", (double)x[i]);
}

/* From pixels p[H * W * C] to x, in C and in Python. */
static void say_preparation(words *w, const whet_contract *c, bool raw, bool nhwc, int channels)
{
    const bool turned = c->color == WHET_COLOR_BGR && channels == 3 && !raw;
    char mean[128], dev[128], text[300];
    const char *np = turned ? "pixels[..., ::-1]" : "pixels", *layout = nhwc ? "" : ".transpose(2, 0, 1)";
    list_floats(mean, sizeof(mean), c->mean, channels);
    list_floats(dev, sizeof(dev), c->std, channels);
    say(w, "INDEX", "%s", nhwc ? "i * C + c" : "c * H * W + i");
    say(w, "CONTRACT", "%s", raw ? "the model takes pixels as they are" : whet_contract_text(c, text, sizeof(text)));
    if (raw) {
        say(w, "TABLES", "%s", "");
        say(w, "VALUE", "p[i * C + c]");
        say(w, "PYVALUE", "np.ascontiguousarray(%s%s[None])", np, layout);
        return;
    }
    say(w, "TABLES", "    static const float mean[C] = {%s}, deviation[C] = {%s};\n", mean, dev);
    say(w, "VALUE", "((float)p[i * C + %s] * %.9gf - mean[c]) / deviation[c]", turned ? "2 - c" : "c", (double)c->scale);
    say(w, "PYVALUE", "((%s.astype(np.float32) * np.float32(%.9g) - np.array([%s], np.float32)) / np.array([%s], np.float32))%s[None]\n"
        "x = np.ascontiguousarray(x, np.float32)", np, (double)c->scale, mean, dev, layout);
}

static whet_status save_program(convert_job *j, const char *name, const words *w, int n, const char *const *texts)
{
    whet_strbuf out;
    whet_strbuf_init(&out);
    for (int i = 0; i < n; i++) put(&out, w, texts[i]);
    const whet_status status = out.failed ? WHET_ENOMEM : save(j, name, out.data, out.len);
    whet_strbuf_dispose(&out);
    return status;
}

static whet_status save_programs(convert_job *j, const whet_graph *source, const whet_contract *c, const whet_image *img, const whet_tensor *x,
                                 const whet_tensor *y)
{
    const struct element *in = element_of(x->dtype), *out = element_of(y->dtype);
    const struct runtime *r = NULL;
    bool quantised = false, half = j->how.precision == WHET_PRECISION_F16;
    const bool raw = x->dtype == WHET_U8, nhwc = x->shape.dims[1] == img->height && x->shape.dims[3] == img->channels;
    words *w = whet_calloc(1, sizeof(*w));
    if (!w) return WHET_ENOMEM;
    for (size_t i = 0; i < WHET_COUNT(runtimes); i++)
        if (strcmp(runtimes[i].format, j->target->name) == 0) r = &runtimes[i];
    for (int i = 0; i < j->ready->n_nodes; i++) quantised |= whet_node_is(&j->ready->nodes[i], "DequantizeLinear");
    for (int v = 0; v < j->g->n_values; v++) half |= j->g->values[v].dtype == WHET_F16;
    whet_status status = WHET_OK;
    if (!r || !in || !out) {
        status = WHET_FAIL(WHET_EUNSUPPORTED, "a bundle for %s with inputs of %s and outputs of %s has no program", j->target->title,
                           whet_dtype_name(x->dtype), whet_dtype_name(y->dtype));
        goto done;
    }
    say(w, "TITLE", "%s", r->title);
    say(w, "MODEL", "%s", whet_path_base(j->to));
    say(w, "COMPILE", "%s", r->compile);
    say(w, "INCLUDES", "%s\n", r->include);
    say(w, "PYMODULE", "%s", r->module);
    say(w, "PYIMPORT", "%s", r->import);
    if (strstr(r->import, "tensorflow")) say(w, "PYPICTURE", "tf.io.decode_png(tf.io.read_file(\"picture.png\"), %d).numpy()", img->channels);
    else say(w, "PYPICTURE", "np.asarray(Image.open(\"picture.png\").convert(\"%s\"))", img->channels == 3 ? "RGB" : "L");
    say(w, "H", "%d", img->height);
    say(w, "W", "%d", img->width);
    say(w, "C", "%d", img->channels);
    say(w, "OUTPUTS", "%lld", (long long)whet_tensor_numel(y));
    say(w, "TYPE", "%s", in->c);
    say(w, "OTYPE", "%s", out->c);
    say(w, "NPYTYPE", "%s", in->npy);
    say(w, "ORTTYPE", "%d", in->onnx);
    say(w, "OVTYPE", "%s", in->ov);
    say(w, "SHAPE", "%lld, %lld, %lld, %lld", (long long)x->shape.dims[0], (long long)x->shape.dims[1], (long long)x->shape.dims[2], (long long)x->shape.dims[3]);
    say(w, "INPUT", "%s", source->values[source->inputs[0]].name);
    say(w, "OUTPUT", "%s", source->values[source->outputs[0]].name);
    say(w, "TOLERANCE", "%s", quantised ? "5e-2" : half ? "3e-3" : "1e-4");
    say_preparation(w, c, raw, nhwc, img->channels);
    WHET_GOTO(save_program(j, "run.c", w, 2, (const char *const[]){bundle_c_common, r->c}));
    status = save_program(j, "run.py", w, 3, (const char *const[]){bundle_py_common, r->py, bundle_py_tail});
done:
    whet_free(w);
    return status;
}

whet_status whet_convert_bundle(convert_job *j)
{
    whet_graph *g = NULL;
    whet_contract c, given;
    whet_image img = {0};
    whet_tensor x = {0}, file = {0}, laid = {0}, *y = NULL;
    char *json = NULL;
    whet_status status = WHET_OK;
    whet_contract_init(&c);
    whet_contract_init(&given);
    j->bundle = json_pack("[s]", j->to);
    if (strcmp(whet_path_ext(j->to), ".xml") == 0) { /* the weights beside it */
        char *bin = whet_format("%.*s.bin", (int)(strlen(j->to) - 4), j->to);
        if (bin) json_array_append_new(j->bundle, json_string(bin));
        whet_free(bin);
    }
    WHET_GOTO(whet_convert_source(j, &g));
    const char *before = whet_graph_get_meta(g, WHET_CONTRACT_META), *after = whet_graph_get_meta(j->ready, WHET_CONTRACT_META);
    if (!before || !after) WHET_GOTO(WHET_FAIL(WHET_EINVAL, "a bundle needs the preprocessing contract"));
    if (g->n_inputs != 1 || g->n_outputs < 1) WHET_GOTO(WHET_FAIL(WHET_EUNSUPPORTED, "a bundle is made of models with one input, this one has %d", g->n_inputs));
    WHET_GOTO(whet_contract_from_json(&c, before));
    WHET_GOTO(whet_contract_from_json(&given, after));
    WHET_GOTO(whet_convert_inputs(j, g, &x, &file, &img));
    if (!img.data) WHET_GOTO(WHET_FAIL(WHET_EUNSUPPORTED, "a bundle needs a picture input of type f32 with 1 or 3 channels"));
    const whet_dim *d = &g->values[g->inputs[0]].dims.dims[c.nhwc ? 1 : 2];
    if (!j->how.bake && given.height == 0 && d[0] > 0 && d[1] > 0) { /* the model's, where the contract says none */
        given.height = img.height;
        given.width = img.width;
    }
    y = whet_calloc((size_t)g->n_outputs, sizeof(*y));
    if (!y) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(whet_convert_reference(g, &x, y));
    WHET_GOTO(whet_convert_lay(j, true, 0, g->values[g->outputs[0]].name, &y[0], &laid));
    WHET_GOTO(save_picture(j, &img));
    WHET_GOTO(save_tensor(j, "expected.npy", &laid));
    WHET_GOTO(whet_contract_to_json(&given, &json));
    WHET_GOTO(save(j, "contract.json", json, strlen(json)));
    WHET_GOTO(save_labels(j, &c));
    status = save_programs(j, g, &c, &img, &file, &laid);
done:
    for (int i = 0; y && i < g->n_outputs; i++) whet_tensor_dispose(&y[i]);
    whet_free(y);
    whet_free(json);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&file);
    whet_tensor_dispose(&laid);
    whet_image_dispose(&img);
    whet_contract_dispose(&c);
    whet_contract_dispose(&given);
    whet_graph_free(g);
    return status;
}
