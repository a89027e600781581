/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet/eval.h: data, contract, model on a runtime, scores, document. */
#include "whet/eval.h"

#include <string.h>

#include "api/contract_fields.h"
#include "api/result.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/threads.h"
#include "eval/find.h"
#include "measure/model_contract.h"
#include "measure/model_predictor.h"

void whet_eval_options_init(whet_eval_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

struct eval_job {
    const char *model;
    const whet_eval_options *o;
    whet_dataset *d;
    whet_split split;
    whet_contract contract;
    char origin[120];       /* of the contract */
    whet_backends *backends;
    whet_runner *m;
    json_t *findings;
};

/* File, then what the user says. False in c.given: nobody knows. */
static whet_status known_contract(struct eval_job *j)
{
    const whet_contract_fields *f = j->o->contract;
    bool from_file = false;

    WHET_TRY(whet_model_contract_read(j->model, &j->contract));
    from_file = j->contract.given;
    WHET_TRY(whet_contract_fields_apply(&j->contract, f));
    j->contract.given = from_file || whet_contract_fields_scale(f);
    snprintf(j->origin, sizeof j->origin, "%s", whet_contract_fields_scale(f) ? "given" : "the model's file");
    return WHET_OK;
}

static whet_status find_contract(struct eval_job *j)
{
    whet_find_options fo;
    whet_findings *f = whet_calloc(1, sizeof *f);
    whet_status status = WHET_OK;

    if (!f) return WHET_ENOMEM;
    whet_find_options_init(&fo);
    fo.base = &j->contract;
    fo.seed = j->o->seed;
    fo.progress = j->o->progress;
    fo.progress_arg = j->o->progress_arg;
    if (!whet_dataset_count(j->d, WHET_SPLIT_VAL) && !whet_dataset_count(j->d, WHET_SPLIT_TRAIN)) {
        status = WHET_FAIL(WHET_EINVAL, "'%s' carries no preprocessing contract and there are no pictures to find it with (the test "
                                        "split is not used for that), give --contract unit, pm1, imagenet, caffe, raw or FILE", j->model);
        goto done;
    }
    WHET_GOTO(whet_contract_find(f, j->d, whet_runner_predictor(j->m), &fo));
    if (f->chance) {
        status = WHET_FAIL(WHET_EINVAL, "'%s' carries no preprocessing contract and none of the usual ones gives more than guessing, "
                                        "give --contract", j->model);
        goto done;
    }
    WHET_GOTO(whet_contract_copy(&j->contract, &f->c[0].contract));
    snprintf(j->origin, sizeof j->origin, "found on %d pictures of the %s split", f->n_pictures, whet_split_name(f->split));
    j->findings = whet_findings_json(f);
    if (f->n_candidates > 1 && f->c[1].tie)
        whet_log(WHET_LOG_INFO, "no contract in the file; %s is taken, but %s cannot be told from it (%s): say which with --contract", f->c[0].formula,
                 f->c[1].formula, j->origin);
    else whet_log(WHET_LOG_INFO, "no contract in the file, %s fits best (%s)", f->c[0].formula, j->origin);
done:
    whet_findings_dispose(f);
    whet_free(f);
    return status;
}

/* What the model is at fault for names its file. */
static whet_status at_model(const struct eval_job *j, whet_status status)
{
    const bool model = status == WHET_EUNSUPPORTED || status == WHET_ENOMEM || status == WHET_ESHAPE;

    if (model && whet_error_last()->status != status) WHET_FAIL(status, "there is not enough memory to run the model");
    if (model && !strstr(whet_error_last()->text, j->model)) whet_error_at_file(j->model);
    return status;
}

static whet_status open_all(struct eval_job *j)
{
    whet_dataset_options d;
    whet_runner_options m;

    whet_dataset_options_init(&d);
    whet_runner_options_init(&m);
    d.own_model = true;
    d.val = j->o->val;
    d.seed = j->o->seed;
    d.strict = j->o->strict != 0;
    if (j->o->split) WHET_TRY(whet_split_parse(j->o->split, &j->split));
    WHET_TRY(whet_dataset_open(&j->d, j->o->data, &d));
    if (whet_dataset_classes(j->d) == 0)
        return WHET_FAIL(WHET_EINVAL, "data set '%s' is unlabelled (pictures without class folders), accuracy needs labels: use "
                                      "train/<class>/..., test/<class>/... or <class>/...", whet_dataset_name(j->d));
    WHET_TRY(known_contract(j));
    WHET_TRY(whet_backends_create(&j->backends));
    m.runtime = j->o->runtime;
    m.threads = j->o->threads;
    m.batch = j->o->batch;
    m.contract = &j->contract;
    m.apart = j->o->size > offsetof(whet_eval_options, apart) && j->o->apart && j->o->runtime != NULL && strcmp(j->o->runtime, "native") != 0;
    return at_model(j, whet_runner_open(&j->m, j->backends, j->model, &m));
}

static whet_status describe(const struct eval_job *j, const whet_scores *s, double seconds, json_t **out)
{
    json_t *doc = json_object(), *scores = NULL, *contract = NULL;
    char hash[65] = "", text[300];
    const char *first = NULL;

    *out = doc;
    WHET_TRY(whet_sha256_file(j->model, hash));
    json_object_set_new(doc, "model", json_string(j->model));
    json_object_set_new(doc, "model_sha256", json_string(hash));
    json_object_set_new(doc, "runtime", json_string(whet_runner_runtime(j->m)));
    json_object_set_new(doc, "data", json_string(whet_dataset_name(j->d)));
    json_object_set_new(doc, "data_source", json_string(whet_dataset_source(j->d)));
    json_object_set_new(doc, "split", json_string(whet_split_name(j->split)));
    json_object_set_new(doc, "split_origin", json_string(whet_dataset_split_text(j->d, j->split)));
    WHET_TRY(whet_dataset_hash(j->d, j->split, hash));
    json_object_set_new(doc, "split_sha256", json_string(hash));
    WHET_TRY(whet_contract_to_json_value(&j->contract, &contract));
    json_object_set_new(doc, "contract", contract);
    json_object_set_new(doc, "contract_text", json_string(whet_contract_text(&j->contract, text, sizeof text)));
    json_object_set_new(doc, "contract_origin", json_string(j->origin));
    if (j->findings) json_object_set(doc, "contract_find", j->findings);
    json_object_set_new(doc, "seconds", json_real(seconds));
    json_object_set_new(doc, "test_reads", json_integer(whet_dataset_test_reads(j->d)));
    WHET_TRY(whet_scores_json(s, j->d, &scores));
    json_object_update(doc, scores);
    json_decref(scores);
    whet_dataset_broken(j->d, &first);
    if (s->broken) json_object_set_new(doc, "broken_first", json_string(first));
    return WHET_OK;
}

static void render_share(whet_strbuf *out, bool color, const char *name, const json_t *v)
{
    char text[64];

    if (!json_is_object(v)) return;
    snprintf(text, sizeof text, "%.2f %%", json_real_value(json_object_get(v, "value")) * 100);
    whet_strbuf_printf(out, "%-10s", name);
    whet_render_bold(out, color, text);
    whet_strbuf_printf(out, "  (95 %% interval %.2f..%.2f)\n", json_real_value(json_object_get(v, "low")) * 100,
                       json_real_value(json_object_get(v, "high")) * 100);
}

static void render_classes(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"class", "precision", "recall", "F1", "pictures"};
    const json_t *list = json_object_get(doc, "per_class");
    size_t n = json_array_size(list);
    char (*text)[4][24] = NULL;
    const char **cells = NULL;

    n = WHET_MIN(n, (size_t)50);
    text = whet_calloc(n, sizeof *text);
    cells = whet_calloc(n * 5, sizeof *cells);
    for (size_t i = 0; text && cells && i < n; i++) {
        static const char *const keys[] = {"precision", "recall", "f1"};
        const json_t *o = json_array_get(list, i);
        for (int k = 0; k < 3; k++) {
            snprintf(text[i][k], 24, "%.2f", json_real_value(json_object_get(o, keys[k])) * 100);
            cells[5 * i + 1 + (size_t)k] = text[i][k];
        }
        whet_render_count(text[i][3], 24, json_integer_value(json_object_get(o, "support")));
        cells[5 * i] = json_string_value(json_object_get(o, "class"));
        cells[5 * i + 4] = text[i][3];
    }
    if (text && cells) whet_render_table(out, width, color, 5, titles, "lrrrr", (int)n, cells);
    whet_free(text);
    whet_free(cells);
}

static void render_eval(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    char count[32];
    const json_t *find = json_object_get(doc, "contract_find");

    whet_render_bold(out, color, json_string_value(json_object_get(doc, "model")));
    whet_strbuf_printf(out, " on %s, %s split of %s: %s pictures\n", json_string_value(json_object_get(doc, "runtime")),
                       json_string_value(json_object_get(doc, "split")), json_string_value(json_object_get(doc, "data")),
                       whet_render_count(count, sizeof count, json_integer_value(json_object_get(doc, "n"))));
    whet_strbuf_printf(out, "contract  %s (%s)\n", json_string_value(json_object_get(doc, "contract_text")),
                       json_string_value(json_object_get(doc, "contract_origin")));
    if (find && json_array_size(json_object_get(find, "candidates")) > 1) {
        const json_t *next = json_array_get(json_object_get(find, "candidates"), 1);
        whet_strbuf_printf(out, "          next best: %s, %.2f points less\n", json_string_value(json_object_get(next, "formula")),
                           json_real_value(json_object_get(next, "loss")) * 100);
    }
    render_share(out, color, "top-1", json_object_get(doc, "top1"));
    render_share(out, color, "top-5", json_object_get(doc, "top5"));
    render_share(out, color, "macro F1", json_object_get(doc, "macro_f1"));
    if (json_integer_value(json_object_get(doc, "broken")) > 0)
        whet_strbuf_printf(out, "broken    %lld pictures left out, first %s\n",
                           (long long)json_integer_value(json_object_get(doc, "broken")),
                           json_string_value(json_object_get(doc, "broken_first")));
    if (json_object_get(doc, "note"))
        whet_render_wrapped(out, width, 10, "%-9s %s", "note", json_string_value(json_object_get(doc, "note")));
    if (json_integer_value(json_object_get(doc, "test_reads")) > 0)
        whet_strbuf_printf(out, "test split read %lld time%s\n", (long long)json_integer_value(json_object_get(doc, "test_reads")),
                           json_integer_value(json_object_get(doc, "test_reads")) == 1 ? "" : "s");
    whet_strbuf_puts(out, "\n");
    render_classes(doc, width, color, out);
}

whet_status whet_eval(whet_result **out, const char *model, const whet_eval_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    struct eval_job j = {.model = model, .o = opt, .split = WHET_SPLIT_TEST};
    whet_evaluate_options eo;
    whet_scores *s = NULL;
    json_t *doc = NULL;
    uint64_t start = 0;
    whet_status status = WHET_OK;

    *out = NULL;
    whet_contract_init(&j.contract);
    whet_evaluate_options_init(&eo);
    WHET_GOTO(open_all(&j));
    if (!j.contract.given) WHET_GOTO(find_contract(&j));
    eo.contract = &j.contract;
    eo.split = j.split;
    eo.limit = (int)WHET_MIN(opt->limit, (int64_t)1 << 30);
    eo.workers = opt->load_threads > 0 ? opt->load_threads : opt->threads > 0 ? opt->threads : whet_cpu_count();
    eo.seed = opt->seed;
    eo.progress = opt->progress;
    eo.progress_arg = opt->progress_arg;
    WHET_GOTO(whet_contract_fields_fit(whet_runner_predictor(j.m)->channels == 1, opt->contract));
    start = whet_now_ns();
    WHET_GOTO(at_model(&j, whet_evaluate(&s, j.d, whet_runner_predictor(j.m), &eo)));
    j.contract.height = whet_runner_predictor(j.m)->height;
    j.contract.width = whet_runner_predictor(j.m)->width;
    j.contract.nhwc = whet_runner_predictor(j.m)->nhwc;
    if (whet_runner_predictor(j.m)->channels == 1) j.contract.color = WHET_COLOR_GRAY;
    status = describe(&j, s, (double)(whet_now_ns() - start) * 1e-9, &doc);
    if (status != WHET_OK) {
        json_decref(doc);
        goto done;
    }
    status = whet_result_make(out, "eval", doc, 0, render_eval);
done:
    whet_scores_free(s);
    json_decref(j.findings);
    whet_runner_close(j.m);
    whet_backends_free(j.backends);
    whet_dataset_close(j.d);
    whet_contract_dispose(&j.contract);
    return status;
}
