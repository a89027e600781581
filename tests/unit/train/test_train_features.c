/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs on drawn digits: accumulated batches equal the large one, every feature gives the same bits on one and two
 * threads and when resumed, averages become the model, class weights, what is refused; and a segmentation graph. */
#include "support.h"

#include <jansson.h>
#include <math.h>

#include "base/io.h"
#include "formats/onnx/onnx.h"
#include "train/optimizer.h"
#include "wire/safetensors.h"

static char *dir;

static whet_train_settings small_run(const char *out)
{
    whet_train_settings s;
    whet_train_settings_init(&s);
    s.model = "lenet", s.data = "digits:256,32", s.val = "none", s.out = out, s.threads = 1;
    s.epochs = 2, s.batch = 16, s.no_test = 1, s.save_seconds = 0;
    return s;
}

static json_t *train(const whet_train_settings *s)
{
    json_t *doc = NULL;
    assert_ok(whet_train_run(&doc, s));
    return doc;
}

static char *in_dir(const char *name)
{
    char *path = whet_path_join(dir, name);
    assert_non_null(path);
    return path;
}

/* Largest difference of all tensors of the two folders' checkpoints, -1 if one lacks a tensor; bits: 0 only if all are equal. */
static double difference(const char *a, const char *b, bool bits)
{
    whet_safetensors *f[2] = {NULL, NULL};
    double most = 0;
    for (int k = 0; k < 2; k++) {
        char *path = whet_path_join(k == 0 ? a : b, "last.safetensors");
        assert_ok(whet_safetensors_open(&f[k], path));
        whet_free(path);
    }
    assert_true(whet_safetensors_count(f[0]) > 0);
    for (int i = 0; i < whet_safetensors_count(f[0]); i++) {
        const whet_safetensors_entry *x = whet_safetensors_at(f[0], i), *y = whet_safetensors_find(f[1], x->name);
        if (strstr(x->name, ".grad_sum") != NULL && !bits) continue;
        if (y == NULL || y->bytes != x->bytes) most = -1;
        else if (bits) most = memcmp(x->data, y->data, x->bytes) != 0 ? 1 : most;
        else
            for (size_t n = 0; n < x->bytes / sizeof(float); n++) most = fmax(most, fabs((double)((const float *)x->data)[n] - (double)((const float *)y->data)[n]));
    }
    for (int k = 0; k < 2; k++) whet_safetensors_close(f[k]);
    return most;
}

static void accumulated_batches_are_the_large_one(void **state)
{
    char *one = in_dir("large"), *four = in_dir("four");
    whet_train_settings s = small_run(one);
    (void)state;
    s.batch = 60; /* 256 = 4 x 60 + 16: the epoch's last step is a short one */
    s.drop_last = 0;
    s.clip_norm = 5;
    json_t *large = train(&s);
    s.out = four, s.batch = 15, s.accumulate = 4;
    json_t *parts = train(&s);
    assert_int_equal(json_integer_value(json_object_get(large, "steps")), 10);
    assert_int_equal(json_integer_value(json_object_get(parts, "steps")), 10);
    const double d = difference(one, four, false);
    if (!(d >= 0 && d < 2e-5)) {
        print_error("the weights differ by %g\n", d);
        fail();
    }
    json_decref(large);
    json_decref(parts);
    whet_free(one);
    whet_free(four);
}

/* The features, as a checkpoint's settings would hold them. */
static const char *const features[] = {
    "{\"optimizer\": \"rmsprop\", \"centered\": 1, \"momentum\": 0.9, \"schedule\": \"polynomial\", \"power\": 0.9}",
    "{\"optimizer\": \"rmsprop\", \"epsilon_inside\": 1, \"clip_value\": 0.1}",
    "{\"optimizer\": \"adamw\", \"ema_decay\": 0.99, \"clip_norm\": 0.5}",
    "{\"accumulate\": 3, \"ema_decay\": 0.9, \"ema_warmup\": 0, \"clip_norm\": 1.0, \"class_weights\": \"balanced\", \"label_smoothing\": 0.1}",
    "{\"optimizer\": \"adam\", \"accumulate\": 2, \"loss\": \"ce+dice\", \"dice_weight\": 0.5, \"drop_last\": 0, \"batch\": 15}",
    "{\"loss\": \"dice\", \"class_weights\": \"none\", \"lr\": 0.02}",
};

static void bits_are_the_same_however_it_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(features); i++) {
        char name[32];
        char *out[3];
        json_t *given = json_loads(features[i], 0, NULL);
        assert_non_null(given);
        for (int k = 0; k < 3; k++) { /* one thread, two threads, resumed on two */
            snprintf(name, sizeof name, "f%zu_%d", i, k);
            out[k] = in_dir(name);
            whet_train_settings s = small_run(out[k]);
            s.batch = WHET_TRAIN_UNSET;
            assert_ok(whet_train_settings_adopt(&s, given));
            if (s.batch == WHET_TRAIN_UNSET) s.batch = 16;
            s.threads = k == 0 ? 1 : 2;
            s.max_steps = k == 2 ? 5 : 0;
            json_decref(train(&s));
            if (k < 2) continue;
            whet_train_settings again = small_run(out[k]);
            again.epochs = again.batch = WHET_TRAIN_UNSET;
            again.resume = true;
            json_decref(train(&again));
        }
        for (int k = 1; k < 3; k++)
            if (difference(out[0], out[k], true) != 0 || difference(out[k], out[0], true) != 0) {
                print_error("%s: %s differs from one thread\n", features[i], k == 1 ? "a run on two threads" : "a resumed run");
                fail();
            }
        for (int k = 0; k < 3; k++) whet_free(out[k]);
        json_decref(given);
    }
}

static void averages_become_the_model(void **state)
{
    char *out = in_dir("ema"), *model = NULL, *last = NULL;
    whet_train_settings s = small_run(out);
    whet_safetensors *f = NULL;
    whet_graph *g = NULL;
    whet_onnx_read_options opt;
    int n = 0;
    (void)state;
    s.ema_decay = 0.95;
    json_t *doc = train(&s);
    assert_true(json_is_true(json_object_get(json_object_get(doc, "weights"), "averaged")));
    model = whet_path_join(out, "model.onnx"), last = whet_path_join(out, "last.safetensors");
    assert_ok(whet_safetensors_open(&f, last));
    whet_onnx_read_options_init(&opt);
    opt.parameters_as_variables = true;
    assert_ok(whet_onnx_read(&g, model, &opt));
    for (whet_vid v = 0; v < g->n_values; v++) {
        char name[200];
        if (g->values[v].kind != WHET_VALUE_VARIABLE) continue;
        snprintf(name, sizeof name, "%s.ema", g->values[v].name);
        const whet_safetensors_entry *average = whet_safetensors_find(f, name), *weight = whet_safetensors_find(f, g->values[v].name);
        assert_non_null(average);
        assert_non_null(weight);
        assert_memory_equal(average->data, g->values[v].data.data, average->bytes);
        assert_memory_not_equal(weight->data, average->data, average->bytes);
        n++;
    }
    assert_true(n >= 8);
    json_decref(doc);
    whet_graph_free(g);
    whet_safetensors_close(f);
    whet_free(out);
    whet_free(model);
    whet_free(last);
}

static void class_weights_are_by_the_training_split(void **state)
{
    whet_train_settings s = small_run(NULL);
    (void)state;
    s.epochs = 1, s.max_steps = 1, s.class_weights = "balanced";
    json_t *doc = train(&s);
    const json_t *list = json_object_get(doc, "class_weights"), *v = NULL;
    double sum = 0;
    size_t i = 0;
    assert_int_equal(json_array_size(list), 10);
    json_array_foreach(list, i, v) sum += 1 / json_number_value(v); /* = classes * sum of the counts / n */
    assert_true(fabs(sum - 10) < 1e-4);
    json_decref(doc);
    s.class_weights = "1,2,1,1,1,0.5,1,1,1,0";
    doc = train(&s);
    assert_true(json_number_value(json_array_get(json_object_get(doc, "class_weights"), 5)) == 0.5);
    json_decref(doc);
    static const char *const wrong[] = {"1,2", "1,2,3,4,5,6,7,8,9,10,11", "0,0,0,0,0,0,0,0,0,0", "1e-50,0,0,0,0,0,0,0,0,0", "balance",
                                        "1,1,1,1,1,1,1,1,1,-1", ""};
    for (i = 0; i < WHET_COUNT(wrong); i++) {
        s.class_weights = wrong[i];
        doc = NULL;
        assert_status(whet_train_run(&doc, &s), WHET_EINVAL);
        assert_contains(whet_error_message(), "class_weights");
        json_decref(doc);
    }
}

static void what_has_no_meaning_is_refused(void **state)
{
    static const struct { const char *given, *told; } cases[] = {
        {"{\"alpha\": 0.9}", "'alpha' has no meaning with optimizer 'sgd'"},
        {"{\"optimizer\": \"adam\", \"momentum\": 0.5}", "'momentum' has no meaning with optimizer 'adam'"},
        {"{\"optimizer\": \"adam\", \"centered\": 1}", "it is for rmsprop"},
        {"{\"beta1\": 0.5}", "it is for adam|adamw"},
        {"{\"schedule\": \"cosine\", \"power\": 2.0}", "'power' has no meaning with schedule 'cosine'"},
        {"{\"schedule\": \"polynomial\", \"power\": 0.0}", "'power' is 0"},
        {"{\"schedule\": \"polynomial\", \"lr\": 0.01, \"lr_min\": 0.1}", "lr_min 0.1 is above the learning rate"},
        {"{\"loss\": \"dice\", \"class_weights\": \"balanced\"}", "'class_weights' has no meaning with loss 'dice'"},
        {"{\"dice_weight\": 2.0}", "it is for ce+dice"},
        {"{\"loss\": \"mse\"}", "unknown loss 'mse': choose ce, dice or ce+dice"},
        {"{\"clip_norm\": 1.0, \"clip_value\": 1.0}", "choose one of them"},
        {"{\"ema_decay\": 1.0}", "'ema_decay' is 1, allowed is 0 to 0.9999999"},
        {"{\"accumulate\": 0}", "'accumulate' is 0"},
    };
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        whet_train_settings s = small_run(NULL);
        json_t *given = json_loads(cases[i].given, 0, NULL);
        assert_ok(whet_train_settings_adopt(&s, given));
        assert_status(whet_train_settings_resolve(&s), WHET_EINVAL);
        assert_contains(whet_error_message(), cases[i].told);
        json_decref(given);
    }
    whet_train_settings s = small_run(NULL); /* what is the default anyway, or nothing, may be said */
    s.optimizer = "adam", s.momentum = 0.9, s.centered = 0;
    assert_ok(whet_train_settings_resolve(&s));
}

static void recomputing_stays_on_resume(void **state)
{
    char *out = in_dir("recomputing");
    whet_train_settings s = small_run(out);
    (void)state;
    s.max_steps = 3, s.recompute = 1;
    json_decref(train(&s));
    s = small_run(out);
    s.epochs = s.batch = s.no_test = WHET_TRAIN_UNSET;
    s.resume = true;
    json_t *doc = train(&s);
    assert_true(json_integer_value(json_object_get(json_object_get(doc, "settings"), "recompute")) == 1);
    json_decref(doc);
    whet_free(out);
}

static void no_test_stays_on_resume(void **state)
{
    char *out = in_dir("no_test"), *result = whet_path_join(out, "train.json");
    whet_train_settings s = small_run(out);
    (void)state;
    s.max_steps = 3;
    json_decref(train(&s));
    s = small_run(out);
    s.epochs = s.batch = s.no_test = WHET_TRAIN_UNSET;
    s.resume = true;
    json_t *doc = train(&s);
    assert_null(json_object_get(doc, "test"));
    json_decref(doc);
    remove(result);
    s.no_test = 0; /* unless it is wanted now */
    doc = train(&s);
    assert_non_null(json_object_get(doc, "test"));
    json_decref(doc);
    whet_free(out);
    whet_free(result);
}

/* A run that keeps nothing is tested with what it learnt. */
static void without_a_folder_the_trained_weights_are_tested(void **state)
{
    char *out = in_dir("kept");
    whet_train_settings s = small_run(out);
    (void)state;
    s.no_test = 0, s.ema_decay = 0.5, s.epochs = 12;
    json_t *kept = train(&s);
    s.out = NULL;
    json_t *nothing = train(&s);
    const json_t *a = json_object_get(json_object_get(kept, "test"), "top1"), *b = json_object_get(json_object_get(nothing, "test"), "top1");
    assert_true(json_number_value(json_object_get(a, "value")) > 0.3);
    assert_true(json_equal(a, b));
    json_decref(kept);
    json_decref(nothing);
    whet_free(out);
}

/* logits = 1x1 convolution of the picture: three colours, three classes. */
static whet_graph *segmenter(void)
{
    whet_graph *g = NULL;
    whet_vid x, w, y;
    whet_tensor t = {0};
    const whet_shape shape = WHET_SHAPE(3, 3, 1, 1);
    assert_ok(whet_graph_create(&g, "segmenter"));
    const whet_dims d = {.rank = 4, .dims = {whet_graph_symbol(g, "N"), 3, 6, 5}};
    assert_ok(whet_graph_input(g, "input", WHET_F32, &d, &x));
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    assert_ok(whet_graph_variable(g, "w", &t, true, &w));
    whet_tensor_dispose(&t);
    assert_ok(whet_graph_op1(g, "Conv", WHET_IN(x, w), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    return g;
}

static void masks_are_learnt_by_every_loss(void **state)
{
    static const char *const losses[] = {"ce", "dice", "ce+dice"};
    (void)state;
    for (size_t k = 0; k < WHET_COUNT(losses); k++) {
        whet_train_settings s = small_run(NULL);
        whet_graph *model = segmenter(), *g = NULL;
        whet_exec *e = NULL;
        whet_plan *p = NULL;
        const whet_shape shapes[WHET_TRAIN_MOST_INPUTS] = {WHET_SHAPE(2, 3, 6, 5), WHET_SHAPE(2, 6, 5)};
        float first = 0, last = 0;
        s.loss = losses[k];
        assert_ok(whet_train_settings_resolve(&s));
        assert_ok(whet_train_graph_create(&g, model, &s));
        assert_ok(whet_exec_create(&e, g, NULL));
        assert_ok(whet_exec_plan(e, g->n_inputs, shapes, &p));
        float *x = whet_plan_input(p, WHET_TRAIN_IN_X)->data;
        int64_t *y = whet_plan_input(p, WHET_TRAIN_IN_Y)->data;
        for (int i = 0; i < 60; i++) { /* the mask is the brightest colour; every seventh place has no label */
            const int at = i / 30 * 90 + i % 30, colour = i * 5 % 3;
            for (int c = 0; c < 3; c++) x[at + 30 * c] = c == colour ? 1.0f : 0.25f;
            y[i] = i % 7 == 0 ? -100 : colour;
        }
        whet_step_set(p, "learning_rate", 0.5);
        for (int step = 0; step < 60; step++) {
            assert_ok(whet_plan_run(p));
            last = *(const float *)whet_plan_output(p, WHET_TRAIN_OUT_LOSS)->data;
            if (step == 0) first = last;
        }
        if (!(last < 0.35f * first) || *(const float *)whet_plan_output(p, WHET_TRAIN_OUT_CORRECT)->data != 51) {
            print_error("%s: the loss went from %g to %g\n", losses[k], (double)first, (double)last);
            fail();
        }
        whet_exec_free(e);
        whet_graph_free(g);
        whet_graph_free(model);
    }
}

static int make_dir(void **state)
{
    (void)state;
    dir = support_tmpdir();
    return dir != NULL ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    support_rmtree(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accumulated_batches_are_the_large_one), cmocka_unit_test(bits_are_the_same_however_it_runs),
        cmocka_unit_test(averages_become_the_model),             cmocka_unit_test(class_weights_are_by_the_training_split),
        cmocka_unit_test(what_has_no_meaning_is_refused),
        cmocka_unit_test(recomputing_stays_on_resume),
        cmocka_unit_test(no_test_stays_on_resume),
        cmocka_unit_test(without_a_folder_the_trained_weights_are_tested),
        cmocka_unit_test(masks_are_learnt_by_every_loss),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
