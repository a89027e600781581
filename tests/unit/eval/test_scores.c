/* SPDX-License-Identifier: Apache-2.0 */
/* Figures against numbers worked out by hand, and the evaluation driver with made-up predictors. */
#include <math.h>

#include "eval/find.h"
#include "eval/scores.h"
#include "support.h"

/* label 0: 3 of 4 right (one goes to 1); label 1: 1 of 2 (one to 2); label 2: none of 1 (goes to no class) */
static const int32_t label[7] = {0, 0, 0, 0, 1, 1, 2}, pred[7] = {0, 0, 0, 1, 1, 2, -1};

static void near(double a, double b)
{
    if (fabs(a - b) > 1e-9) {
        print_error("%.12f is not %.12f\n", a, b);
        fail();
    }
}

static void figures(void **state)
{
    whet_scores *s = NULL;
    whet_class_score c;
    whet_interval f1;
    json_t *doc = NULL;

    (void)state;
    assert_ok(whet_scores_create(&s, 3, 7, label, pred));
    near(whet_scores_top1(s), 4.0 / 7);
    whet_scores_class(s, 0, &c);
    near(c.precision, 1);
    near(c.recall, .75);
    near(c.f1, 6.0 / 7);
    whet_scores_class(s, 1, &c);
    near(c.precision, .5);
    near(c.f1, .5);
    whet_scores_class(s, 2, &c);
    near(c.f1, 0);
    assert_int_equal(c.support, 1);
    near(whet_scores_macro_f1(s), (6.0 / 7 + .5) / 3);
    assert_ok(whet_scores_macro_f1_interval(s, &f1));
    assert_true(f1.low <= f1.value && f1.value <= f1.high && f1.low < f1.high);
    near(f1.value, whet_scores_macro_f1(s));
    assert_ok(whet_scores_json(s, NULL, &doc));
    near(json_real_value(json_object_get(json_object_get(doc, "weighted"), "recall")), 4.0 / 7);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(json_object_get(doc, "confusion"), 1), 2)), 1);
    assert_true(json_is_null(json_object_get(doc, "top5")));
    json_decref(doc);
    whet_scores_free(s);
    assert_status(whet_scores_create(&s, 2, 7, label, pred), WHET_EINVAL);
    assert_null(s);
}

static void agreement(void **state)
{
    static const int32_t other[7] = {0, 0, 1, 0, 1, 1, 0};
    whet_scores *a = NULL, *b = NULL;
    whet_agreement g;

    (void)state;
    assert_ok(whet_scores_create(&a, 3, 7, label, pred));
    assert_ok(whet_scores_create(&b, 3, 7, label, other));
    assert_ok(whet_scores_agree(a, b, &g));
    assert_true(g.n == 7 && g.equal == 3 && g.only_a == 1 && g.only_b == 2);
    whet_scores_free(b);
    assert_ok(whet_scores_create(&b, 3, 6, label, other));
    assert_status(whet_scores_agree(a, b, &g), WHET_EINVAL);
    whet_scores_free(a);
    whet_scores_free(b);
}

/* Knows what a picture of the test set below looks like: all pixels 20 * label + 10 after x/255 * 255. Wrong preprocessing
 * gives other numbers, hence other classes. */
static whet_status by_level(void *arg, const float *x, int n, float *y)
{
    const whet_predictor *p = arg;

    for (int i = 0; i < n; i++)
        for (int k = 0; k < p->classes; k++) {
            float v = x[(size_t)i * 3 * 16] * 255;
            y[i * p->classes + k] = -fabsf(v - (float)(20 * k + 10));
        }
    return WHET_OK;
}

static whet_status gives_nan(void *arg, const float *x, int n, float *y)
{
    const whet_predictor *p = arg;

    (void)x;
    for (int i = 0; i < n * p->classes; i++) y[i] = NAN;
    return WHET_OK;
}

static char *make_set(void)
{
    char *dir = support_tmpdir();

    for (int c = 0; c < 6; c++)
        for (int i = 0; i < 20; i++) {
            char *folder = whet_format("%s/%s/%c", dir, i < 10 ? "train" : "test", 'a' + c),
                 *path = whet_format("%s/%02d.png", folder, i);
            whet_image img = {0};
            assert_ok(whet_mkdirs(folder));
            assert_ok(whet_image_alloc(&img, 4, 4, 3));
            memset(img.data, 20 * c + 10, 48);
            assert_ok(whet_image_write_png(path, &img));
            whet_image_dispose(&img);
            whet_free(folder);
            whet_free(path);
        }
    return dir;
}

static void driver_and_find(void **state)
{
    char *dir = make_set();
    whet_dataset *d = NULL;
    whet_predictor p = {by_level, &p, 3, 4, 4, false, 6, 7};
    whet_evaluate_options o;
    whet_find_options fo;
    whet_findings *f = whet_calloc(1, sizeof *f);
    whet_contract c;
    whet_scores *s = NULL;

    (void)state;
    whet_contract_init(&c);
    whet_evaluate_options_init(&o);
    whet_find_options_init(&fo);
    o.contract = &c;
    assert_ok(whet_dataset_open(&d, dir, NULL));
    assert_ok(whet_evaluate(&s, d, &p, &o));
    assert_int_equal(s->n, 60);
    near(whet_scores_top1(s), 1);
    near(whet_scores_top5(s), 1);
    assert_int_equal(whet_dataset_test_reads(d), 1);
    whet_scores_free(s);
    o.split = WHET_SPLIT_TRAIN;
    o.limit = 11;
    assert_ok(whet_evaluate(&s, d, &p, &o));
    assert_int_equal(s->n, 11);
    whet_scores_free(s);
    /* class names of the model in another order: outputs are matched by name */
    assert_ok(whet_contract_set(&c, "labels", "f,e,d,c,b,a"));
    assert_ok(whet_evaluate(&s, d, &p, &o));
    assert_true(whet_scores_top1(s) < .5);
    whet_scores_free(s);
    assert_ok(whet_contract_set(&c, "labels", "f,e,d,c,b,x"));
    assert_status(whet_evaluate(&s, d, &p, &o), WHET_EINVAL);
    assert_contains(whet_error_message(), "'a'");
    /* the contract that the predictor was made for is found, without the test split */
    assert_ok(whet_contract_find(f, d, &p, &fo));
    assert_true(strncmp(f->c[0].name, "unit", 4) == 0);
    assert_false(f->chance);
    assert_true(f->c[f->n_candidates - 1].loss > .5 && !f->c[f->n_candidates - 1].tie);
    assert_int_equal(whet_dataset_test_reads(d), 1);
    whet_findings_dispose(f);
    p.predict = gives_nan;
    c.n_labels = 0; /* the names go with dispose below */
    assert_status(whet_evaluate(&s, d, &p, &o), WHET_ENUMERIC);
    p.classes = 4;
    assert_status(whet_evaluate(&s, d, &p, &o), WHET_ESHAPE);
    c.n_labels = 6;
    whet_contract_dispose(&c);
    whet_dataset_close(d);
    whet_free(f);
    support_rmtree(dir);
}

/* Outputs that no class of the set is known for: an ImageNet model on a set of six classes gives a figure that means nothing. */
static void outputs_beyond_the_classes_are_told(void **state)
{
    char *dir = make_set();
    whet_dataset *d = NULL;
    whet_predictor p = {by_level, &p, 3, 4, 4, false, 6, 7};
    whet_evaluate_options o;
    whet_contract c;
    whet_scores *s = NULL;

    (void)state;
    whet_contract_init(&c);
    whet_evaluate_options_init(&o);
    o.contract = &c;
    assert_ok(whet_dataset_open(&d, dir, NULL));
    for (int round = 0; round < 3; round++) { /* as many as classes; three more; three more, all named */
        json_t *doc = NULL;
        const char *note = NULL;
        p.classes = round == 0 ? 6 : 9;
        if (round == 2) assert_ok(whet_contract_set(&c, "labels", "a,b,c,d,e,f,x,y,z"));
        assert_ok(whet_evaluate(&s, d, &p, &o));
        assert_ok(whet_scores_json(s, d, &doc));
        note = json_string_value(json_object_get(doc, "note"));
        assert_true((note != NULL) == (round == 1));
        if (note != NULL) {
            assert_contains(note, "9 outputs");
            assert_contains(note, "6 classes");
            assert_contains(note, "--labels");
        }
        json_decref(doc);
        whet_scores_free(s);
    }
    whet_contract_dispose(&c);
    whet_dataset_close(d);
    support_rmtree(dir);
}

static void unlabelled_is_refused(void **state)
{
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "x.png");
    whet_dataset *d = NULL;
    whet_predictor p = {by_level, &p, 3, 4, 4, false, 6, 7};
    whet_evaluate_options o;
    whet_contract c;
    whet_scores *s = NULL;

    (void)state;
    whet_contract_init(&c);
    whet_evaluate_options_init(&o);
    o.contract = &c;
    assert_ok(whet_image_write_png(path, &(whet_image){1, 1, 1, (uint8_t[1]){0}}));
    assert_ok(whet_dataset_open(&d, dir, NULL));
    assert_status(whet_evaluate(&s, d, &p, &o), WHET_EINVAL);
    assert_contains(whet_error_message(), "unlabelled");
    whet_dataset_close(d);
    whet_free(path);
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures),
        cmocka_unit_test(agreement),
        cmocka_unit_test(driver_and_find),
        cmocka_unit_test(outputs_beyond_the_classes_are_told),
        cmocka_unit_test(unlabelled_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
