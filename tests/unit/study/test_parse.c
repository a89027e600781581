// SPDX-License-Identifier: Apache-2.0
// Reading studies: values, axes, exclusions, shorthands, --set, --quick, and the errors with their lines.
#include "support.h"

#include <jansson.h>

#include "study/study.h"

#ifndef WHET_MINIMAL
#define YAML_ONLY
#else
#define YAML_ONLY __attribute__((unused))
#endif

static whet_study *parse(const char *text)
{
    whet_study *s = NULL;
    assert_ok(whet_study_parse_mem(&s, text, strlen(text), "s.yaml"));
    return s;
}

YAML_ONLY static void values_and_defaults(void **state)
{
    (void)state;
    whet_study *s = parse("model: lenet\ndata: mnist\ntrain:\n  epochs: 3\n  lr: 1e-2\ncontract:\n  mean: [0.1, 0.2]\n");
    assert_string_equal(whet_study_text(s->set, "model"), "lenet");
    assert_string_equal(whet_study_text(s->set, "data.name"), "mnist"); // shorthand
    assert_int_equal((int)whet_study_number(s->set, "train.epochs"), 3);
    assert_true(whet_study_number(s->set, "train.lr") == 0.01);
    assert_int_equal(json_array_size(json_object_get(s->set, "contract.mean")), 2);
    assert_int_equal((int)whet_study_number(s->set, "eval.batch"), 64); // default
    assert_true(whet_study_flag(s->set, "eval.enabled"));
    assert_true(json_is_null(json_object_get(s->set, "train.batch")));
    assert_int_equal(json_integer_value(json_object_get(s->lines, "train.lr")), 5);
    assert_ok(whet_study_check(s));
    whet_study_free(s);
}

static void json_is_read_too(void **state)
{
    (void)state;
    whet_study *s = parse("{\"model\": \"a.onnx\", \"eval\": false, \"threads\": [1, 2]}");
    assert_false(whet_study_flag(s->set, "eval.enabled"));
    whet_study_free(s);
}

YAML_ONLY static void axes_multiply_and_exclude(void **state)
{
    (void)state;
    json_t *cells = NULL;
    int excluded = 0;
    whet_study *s = parse("models: [a.onnx, b.onnx]\nbatch: [1, 8, 32]\nexclude:\n  - {runtime: ort, batch: [8, 32]}\n  - {model: b.onnx, runtime: native}\n");
    assert_ok(whet_study_cells(s, &cells, &excluded));
    assert_int_equal(excluded, 7); // ort: 2 models x 2 batches; b on native: 3
    assert_int_equal(json_array_size(cells), 12 - 7);
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *c = json_array_get(cells, i);
        assert_true(json_is_string(json_object_get(c, "model")));
        assert_true(json_is_integer(json_object_get(c, "batch")));
        if (strcmp(whet_study_text(c, "runtime"), "ort") == 0) assert_int_equal((int)whet_study_number(c, "batch"), 1);
    }
    json_decref(cells);
    json_t *axes = whet_study_axes(s);
    assert_int_equal(json_array_size(axes), 3); // model, runtime, batch
    json_decref(axes);
    whet_study_free(s);
}

YAML_ONLY static void all_excluded_is_an_error(void **state)
{
    (void)state;
    json_t *cells = NULL;
    int excluded = 0;
    whet_study *s = parse("model: a.onnx\nexclude: [{model: a.onnx}]\n");
    assert_status(whet_study_cells(s, &cells, &excluded), WHET_EINVAL);
    assert_null(cells);
    whet_study_free(s);
}

YAML_ONLY static void quick_and_set(void **state)
{
    (void)state;
    whet_study *s = parse("model: lenet\nbench: {min_time: 9}\nquick:\n  train: {epochs: 1}\n  verify: {accept: cosine=0.9}\n");
    assert_ok(whet_study_set(s, "bench.iterations=33"));
    assert_ok(whet_study_set(s, "runtimes=[native]"));
    assert_ok(whet_study_set(s, "data=digits"));
    assert_ok(whet_study_apply_quick(s));
    assert_int_equal((int)whet_study_number(s->set, "train.epochs"), 1);
    assert_string_equal(whet_study_text(s->set, "verify.accept"), "cosine=0.9");
    assert_true(json_is_null(json_object_get(s->set, "bench.min_time"))); // the mode's own
    assert_int_equal((int)whet_study_number(s->set, "bench.iterations"), 33); // --set wins
    assert_string_equal(whet_study_text(s->set, "data.name"), "digits");
    assert_status(whet_study_set(s, "bench.min_tme=2"), WHET_EINVAL);
    assert_contains(whet_error_message(), "did you mean 'bench.min_time'?");
    assert_status(whet_study_set(s, "bench.min_time=none"), WHET_EINVAL);
    assert_status(whet_study_set(s, "bench.min_time"), WHET_EINVAL);
    whet_study_free(s);
}

// Each bad file: the code, the line, and what the message must say.
YAML_ONLY static void errors_say_where_and_what(void **state)
{
    (void)state;
    static const struct { const char *text; whet_status status; int line; const char *says; } cases[] = {
        {"model: lenet\nepocs: 3\n", WHET_EINVAL, 2, "unknown key 'epocs'"},
        {"model: lenet\ntrain:\n  epocs: 3\n", WHET_EINVAL, 3, "unknown key 'epocs' in 'train': did you mean 'epochs'?"},
        {"modle: lenet\n", WHET_EINVAL, 1, "did you mean 'model'?"},
        {"exlude: []\n", WHET_EINVAL, 1, "did you mean 'exclude'?"},
        {"model: lenet\ntrain: {epochs: many}\n", WHET_EINVAL, 2, "'many' is not a value for 'train.epochs'"},
        {"train: {epochs: 0}\n", WHET_EINVAL, 1, "1 to 100000"},
        {"train: {schedule: cosin}\n", WHET_EINVAL, 1, "constant, step, cosine, onecycle"},
        {"batch: [1, 1]\n", WHET_EINVAL, 1, "stands twice"},
        {"batch: []\n", WHET_EINVAL, 1, "empty list"},
        {"name: [a, b]\n", WHET_EINVAL, 1, "cannot be a list"},
        {"train: 3\n", WHET_EINVAL, 1, "wants keys below it"},
        {"exclude: {a: 1}\n", WHET_EINVAL, 1, "wants a list of maps"},
        {"exclude:\n  - {runtimee: ort}\n", WHET_EINVAL, 2, "did you mean 'runtime'?"},
        {"quick:\n  train: {epoch: 1}\n", WHET_EINVAL, 2, "did you mean 'epochs'?"},
        {"model: a\nmodels: [b]\n", WHET_EINVAL, 2, "given twice"},
        {"model: a\nmodel: b\n", WHET_EFORMAT, 2, "twice"},
        {"model: [a\n", WHET_EFORMAT, 0, ""},
        {"model:\n  - conv: 3\n", WHET_EUNSUPPORTED, 2, "layer by layer"},
        {"- a\n", WHET_EINVAL, 1, "map of keys"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        whet_study *s = NULL;
        whet_status status = whet_study_parse_mem(&s, cases[i].text, strlen(cases[i].text), "s.yaml");
        if (status != cases[i].status || s != NULL || (cases[i].line > 0 && whet_error_last()->line != cases[i].line)) {
            print_error("case %zu <%s> gave %s: %s\n", i, cases[i].text, whet_status_name(status), whet_error_message());
            fail();
        }
        assert_contains(whet_error_message(), cases[i].says);
        assert_contains(whet_error_message(), "s.yaml");
    }
}

YAML_ONLY static void truncation_never_crashes(void **state)
{
    (void)state;
    static const char text[] = "model: [lenet, a.onnx]\ndata: {name: mnist, val: '0.1'}\nexclude:\n  - {runtime: ort}\nquick: {train: {epochs: 1}}\n";
    for (size_t n = 0; n < sizeof text; n++) {
        whet_study *s = NULL;
        whet_status status = whet_study_parse_mem(&s, text, n, "t.yaml");
        assert_true((status == WHET_OK) == (s != NULL));
        whet_study_free(s);
    }
}

YAML_ONLY static void written_file_reads_back(void **state)
{
    (void)state;
    char *yaml = NULL;
    whet_study *s = parse("model: [lenet, 'net 1.onnx']\nseed: [0, 1]\ncontract: {mean: [0.5], preset: pm1}\ndata: {val: \"0.1\"}\noptimisation: off\nexclude: [{seed: 1, model: lenet}]\nquick: {train: {epochs: 1}}\n");
    assert_ok(whet_study_write(s, &yaml));
    whet_study *again = parse(yaml);
    assert_true(json_equal(s->set, again->set));
    assert_true(json_equal(s->quick, again->quick));
    assert_true(json_equal(s->exclude, again->exclude));
    whet_free(yaml);
    whet_study_free(s);
    whet_study_free(again);
}

// What this build writes, this build reads.
static void written_files_read_back_in_every_build(void **state)
{
    (void)state;
    char *text = NULL;
    whet_study *s = parse("{\"model\": [\"lenet\", \"net 1.onnx\"], \"seed\": [0, 1], \"contract\": {\"mean\": [0.5], \"preset\": \"pm1\"}, "
                          "\"data\": {\"val\": \"0.1\"}, \"exclude\": [{\"seed\": 1}], \"quick\": {\"train\": {\"epochs\": 1}}}");
    assert_ok(whet_study_write(s, &text));
    whet_study *again = parse(text);
    assert_true(json_equal(s->set, again->set));
    assert_true(json_equal(s->quick, again->quick));
    assert_true(json_equal(s->exclude, again->exclude));
#ifdef WHET_MINIMAL // a list of bare words is not taken for a name
    assert_status(whet_study_set(again, "runtimes=[native]"), WHET_EINVAL);
#endif
    assert_ok(whet_study_set(again, "runtimes=[\"native\"]"));
    whet_free(text);
    whet_study_free(s);
    whet_study_free(again);
    assert_ok(whet_study_template(&text, "resnet20"));
    s = parse(text);
    again = parse("{\"model\": \"resnet20\", \"data\": \"mnist\"}");
    assert_true(json_equal(s->set, again->set));
    assert_ok(whet_study_check(s));
    whet_free(text);
    whet_study_free(s);
    whet_study_free(again);
}

YAML_ONLY static void template_is_a_study_at_its_defaults(void **state)
{
    (void)state;
    char *yaml = NULL;
    assert_ok(whet_study_template(&yaml, NULL));
    whet_study *s = parse(yaml), *want = parse("model: lenet\ndata: mnist\n");
    assert_true(json_equal(s->set, want->set));
    whet_study_free(s);
    // and with every commented default uncommented it is still the same study
    for (char *p = yaml; *p != '\0'; p++)
        if (*p == '#' && p[1] != ' ') memmove(p, p + 1, strlen(p));
    char *cut = strstr(yaml, "exclude:");
    assert_non_null(cut);
    *cut = '\0';
    s = parse(yaml);
    assert_true(json_equal(s->set, want->set));
    whet_study_free(s);
    whet_study_free(want);
    whet_free(yaml);
}

// docs/study.md ends with the tables made from the table of keys, and its example is a study.
YAML_ONLY static void manual_is_in_the_docs(void **state)
{
    (void)state;
    char *manual = NULL;
    uint8_t *page = NULL;
    size_t size = 0;
    assert_ok(whet_study_manual(&manual));
    assert_ok(whet_file_read(&page, &size, WHET_SOURCE_DIR "/docs/study.md", 1 << 20));
    if (strstr((const char *)page, manual) == NULL) {
        print_error("docs/study.md does not hold the output of 'whet study keys': put it in place of the old tables\n");
        fail();
    }
    char *example = strstr((char *)page, "```yaml\n");
    assert_non_null(example);
    example += 8;
    *strstr(example, "```") = '\0';
    whet_study_free(parse(example));
    whet_free(manual);
    whet_free(page);
}

// Every key of the table stands in the schema under its section, and only there.
static void schema_has_every_key(void **state)
{
    (void)state;
    json_t *schema = NULL;
    assert_ok(whet_study_schema(&schema));
    const json_t *props = json_object_get(schema, "properties");
    const json_t *train = json_array_get(json_object_get(json_object_get(props, "train"), "anyOf"), 0);
    assert_non_null(json_object_get(json_object_get(train, "properties"), "epochs"));
    assert_non_null(json_object_get(props, "runtimes"));
    assert_non_null(json_object_get(props, "exclude"));
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    json_decref(schema);
}

YAML_ONLY static void shipped_studies_are_read(void **state)
{
    (void)state;
    whet_study *s = NULL;
    json_t *cells = NULL;
    int excluded = 0;
    assert_ok(whet_study_read(&s, WHET_SOURCE_DIR "/studies/demo.yaml"));
    assert_ok(whet_study_check(s));
    assert_ok(whet_study_cells(s, &cells, &excluded));
    assert_int_equal(json_array_size(cells), 2);
    json_decref(cells);
    whet_study_free(s);
}

static whet_status read_and_spread(void *arg)
{
    (void)arg;
    static const char text[] = "{\"model\": [\"lenet\", \"a.onnx\"], \"batch\": [1, 2], \"exclude\": [{\"batch\": 2}],"
                               " \"train\": {\"epochs\": 3}, \"quick\": {\"train\": {\"epochs\": 1}}}";
    whet_study *s = NULL;
    json_t *cells = NULL;
    char *written = NULL;
    int excluded = 0;
    whet_status status = whet_study_parse_mem(&s, text, sizeof text - 1, "s.json");
    if (status == WHET_OK) status = whet_study_set(s, "seed=3");
    if (status == WHET_OK) status = whet_study_apply_quick(s);
    if (status == WHET_OK) status = whet_study_cells(s, &cells, &excluded);
    if (status == WHET_OK) status = whet_study_write(s, &written);
    whet_free(written);
    json_decref(cells);
    whet_study_free(s);
    return status;
}

static void allocation_may_fail_anywhere(void **state)
{
    (void)state;
    support_fail_each_allocation(read_and_spread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_too), cmocka_unit_test(written_files_read_back_in_every_build),
        cmocka_unit_test(schema_has_every_key), cmocka_unit_test(allocation_may_fail_anywhere),
#ifndef WHET_MINIMAL // reads JSON only
        cmocka_unit_test(values_and_defaults), cmocka_unit_test(axes_multiply_and_exclude),
        cmocka_unit_test(all_excluded_is_an_error), cmocka_unit_test(quick_and_set), cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(truncation_never_crashes), cmocka_unit_test(written_file_reads_back),
        cmocka_unit_test(template_is_a_study_at_its_defaults), cmocka_unit_test(manual_is_in_the_docs),
        cmocka_unit_test(shipped_studies_are_read),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
