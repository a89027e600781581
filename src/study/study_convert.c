// SPDX-License-Identifier: Apache-2.0
// A row's file in another format, or with its weights stored in another type: made by the one converter, read again, and
// remembered as a step. What the converter refuses is the row's reason.
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "convert/convert.h"
#include "data/contract.h"
#include "measure/facts.h"
#include "study/study_keys.h"
#include "study/study_run.h"
#include "wire/json.h"

enum { USUAL_OPSET = 17 };

static const char AS_IS[] = "as-is";

static const whet_model_format *format_named(const char *name)
{
    const whet_model_format *f = NULL;
    for (size_t i = 0; (f = whet_format_row(i)) != NULL; i++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

// The format of the row's file: the one that is asked for, else that of the model. NULL: nobody knows it.
static const whet_model_format *target_of(const study_cell *c)
{
    const char *asked = whet_study_text(c->set, "format"), *model = whet_study_text(c->set, "model");
    const char *path = c->model != NULL ? json_string_value(json_object_get(c->model, "path")) : study_is_file(model) ? model : NULL;
    const whet_model_format *f = NULL;
    if (strcmp(asked, AS_IS) != 0) return format_named(asked);
    if (path == NULL) return format_named("onnx"); // what an export will be
    if (whet_format_of_file(path, &f) != WHET_OK) whet_error_clear();
    return f;
}

bool study_is_converted(const study_cell *c)
{
    const char *model = whet_study_text(c->set, "model");
    const whet_model_format *f = NULL;
    if (strcmp(whet_study_text(c->set, "weights"), AS_IS) != 0) return true;
    if (strcmp(whet_study_text(c->set, "format"), AS_IS) == 0) return false;
    if (!study_is_file(model)) return strcmp(whet_study_text(c->set, "format"), "onnx") != 0;
    if (whet_format_of_file(model, &f) != WHET_OK) whet_error_clear();
    return f == NULL || strcmp(f->name, whet_study_text(c->set, "format")) != 0; // a file that is in it already is taken as it is
}

const char *study_cell_format(const study_cell *c)
{
    const whet_model_format *f = target_of(c);
    return f != NULL ? f->name : strcmp(whet_study_text(c->set, "format"), AS_IS) != 0 ? whet_study_text(c->set, "format") : NULL;
}

char *study_converted_name(const study_cell *c)
{
    const char *label = c->model != NULL ? json_string_value(json_object_get(c->model, "label")) : whet_path_base(whet_study_text(c->set, "model"));
    const char *weights = whet_study_text(c->set, "weights"), *ext = whet_path_ext(label);
    const whet_model_format *f = target_of(c);
    const bool kept = strcmp(weights, AS_IS) == 0, known = c->model != NULL || study_is_file(whet_study_text(c->set, "model"));
    const size_t n = strlen(label) - (known ? strlen(ext) : 0);
    if (f != NULL) return whet_format("%.*s%s%s%.*s", (int)n, label, kept ? "" : ".", kept ? "" : weights, (int)strcspn(f->ext, " "), f->ext);
    return whet_format("%.*s%s%s.%s", (int)n, label, kept ? "" : ".", kept ? "" : weights, whet_study_text(c->set, "format"));
}

// Paths are left out of the jobs so that a study's folder can be moved; the hash names the file.
const char *study_path_by_hash(const study_run *r, const json_t *sha256)
{
    for (int i = 0; i < r->n_cells; i++) {
        const json_t *m = r->c[i].model;
        if (m != NULL && json_equal(json_object_get(m, "sha256"), sha256)) return json_string_value(json_object_get(m, "path"));
        if (m != NULL && json_equal(json_object_get(m, "original_sha256"), sha256)) return json_string_value(json_object_get(m, "original"));
    }
    return NULL;
}

static whet_precision precision_of(const char *weights)
{
    static const struct { const char *name; whet_precision value; } known[] = {
        {"f32", WHET_PRECISION_F32}, {"f16", WHET_PRECISION_F16}, {"s8", WHET_PRECISION_S8}};
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (strcmp(known[i].name, weights) == 0) return known[i].value;
    return WHET_PRECISION_KEEP;
}

static whet_status put_contract(whet_graph *g, const json_t *contract)
{
    char *text = contract != NULL && !json_is_null(contract) ? whet_json_text(contract, 0) : NULL;
    whet_contract k;
    if (text == NULL) return WHET_OK;
    whet_contract_init(&k);
    const whet_status status = whet_contract_from_json(&k, text) == WHET_OK ? whet_graph_set_meta(g, WHET_CONTRACT_META, text) : WHET_EFORMAT;
    whet_contract_dispose(&k);
    whet_free(text);
    return status;
}

// The error names the first node that was refused; the others are added to it.
static whet_status all_refused(whet_status status, const json_t *nodes)
{
    const json_t *n = NULL;
    size_t i = 0, refused = 0;
    char first[500];
    json_array_foreach(nodes, i, n) refused += strcmp(whet_json_str(n, "what"), "refused") == 0;
    if (status != WHET_EUNSUPPORTED || refused < 2) return status;
    snprintf(first, sizeof first, "%s", whet_error_message());
    return WHET_FAIL(status, "%s; %zu nodes are refused, `whet convert` names them all", first, refused);
}

// Everything a file is made of: the file, the weights beside an IR, the graph of a SavedModel's folder.
static whet_status list_files(const study_run *r, const char *path, json_t *files)
{
    json_t *one = NULL;
    char *more = NULL;
    whet_status status = WHET_OK;
    if (whet_dir_exists(path)) {
        more = whet_path_join(path, "saved_model.pb");
        status = more != NULL ? study_file(r, more, &one) : WHET_ENOMEM;
        if (status == WHET_OK) json_array_append_new(files, one);
        whet_free(more);
        return status;
    }
    WHET_TRY(study_file(r, path, &one));
    json_array_append_new(files, one);
    if (strcmp(whet_path_ext(path), ".xml") != 0) return WHET_OK;
    more = whet_format("%.*s.bin", (int)(strlen(path) - 4), path);
    if (more == NULL) return WHET_ENOMEM;
    if (whet_file_exists(more)) status = study_file(r, more, &one);
    if (status == WHET_OK && whet_file_exists(more)) json_array_append_new(files, one);
    whet_free(more);
    return status;
}

// As written, and whether its pictures lie channels last now.
static whet_status write_model(const json_t *job, const whet_model_format *f, const char *from, const char *to, json_t **contract, bool *nhwc)
{
    whet_convert_graph_options opt;
    whet_format_options in;
    whet_convert_report report;
    whet_graph *g = NULL, *ready = NULL, *back = NULL;
    whet_status status = whet_convert_report_init(&report);
    if (status != WHET_OK) return status;
    whet_convert_graph_options_init(&opt);
    whet_format_options_init(&in);
    opt.opset = (int)json_integer_value(json_object_get(job, "opset"));
    opt.precision = precision_of(json_string_value(json_object_get(job, "weights")));
    in.keep_training = !(f->traits & WHET_FORMAT_FROZEN);
    WHET_GOTO(whet_format_read(&g, from, &in));
    WHET_GOTO(put_contract(g, json_object_get(job, "contract")));
    WHET_GOTO(whet_convert_prepare(&ready, g, f, &opt, &report));
    status = all_refused(whet_convert_write(ready, f, to, &opt, &report), report.nodes);
    if (status != WHET_OK) goto done;
    status = whet_format_read(&back, to, NULL);
    if (status != WHET_OK) remove(to); // what cannot be read again is no result
    if (status != WHET_OK) goto done;
    for (int i = 0; i < ready->n_inputs; i++) *nhwc = *nhwc || ready->values[ready->inputs[i]].layout == WHET_NHWC;
    const char *text = whet_graph_get_meta(ready, WHET_CONTRACT_META);
    if (text != NULL) status = whet_json_parse(contract, text, strlen(text), to);
done:
    whet_graph_free(g);
    whet_graph_free(ready);
    whet_graph_free(back);
    whet_convert_report_dispose(&report);
    return status;
}

static whet_status run_convert(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    const char *from = study_path_by_hash(r, json_object_get(job, "sha256"));
    const whet_model_format *f = format_named(json_string_value(json_object_get(job, "format")));
    char *rel = study_place(r, job, key, json_string_value(json_object_get(job, "file"))), *to = rel != NULL ? study_path(r, rel) : NULL, *dir = NULL;
    json_t *files = json_array(), *contract = NULL;
    bool nhwc = false;
    whet_status status = to != NULL && files != NULL ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK && (f == NULL || f->write == NULL))
        status = WHET_FAIL(WHET_EUNSUPPORTED, "models cannot be written as '%s' by this build", json_string_value(json_object_get(job, "format")));
    if (status != WHET_OK) goto done;
    dir = whet_strndup(to, (size_t)(whet_path_base(to) - to));
    status = dir != NULL ? whet_mkdirs(dir) : WHET_ENOMEM;
    if (status != WHET_OK) goto done;
    WHET_GOTO(write_model(job, f, from, to, &contract, &nhwc));
    WHET_GOTO(list_files(r, to, files));
    *outputs = json_pack("{s:O, s:s, s:O?, s:b}", "files", files, "model", rel, "contract", contract, "nhwc", nhwc);
    if (*outputs == NULL) status = WHET_FAIL(WHET_EINVAL, "file name '%s' is not UTF-8", rel);
done:
    json_decref(files);
    json_decref(contract);
    whet_free(rel);
    whet_free(to);
    whet_free(dir);
    return status;
}
const study_step_kind study_convert_step = {"convert", 1, run_convert};

// Two IRs of one network differ in their weights alone, which lie in a second file. Left as it is for a single file.
static void hash_of_files(const json_t *files, char out[65])
{
    const json_t *f = NULL;
    size_t i = 0;
    whet_sha256 h;
    if (json_array_size(files) < 2) return;
    whet_sha256_init(&h);
    json_array_foreach(files, i, f) whet_sha256_add(&h, whet_json_str(f, "sha256"), strlen(whet_json_str(f, "sha256")));
    whet_sha256_hex(&h, out);
}

// The converted file takes the model's place in the cell; what it was made from stays named.
static whet_status take_converted(const study_run *r, study_cell *c, const json_t *outputs)
{
    char sha256[65] = "";
    const char *rel = json_string_value(json_object_get(outputs, "model"));
    const json_t *contract = json_object_get(outputs, "contract");
    char *path = rel != NULL ? study_path(r, rel) : NULL;
    whet_facts f = {0};
    const whet_status status = path != NULL ? whet_facts_read(&f, path) : WHET_ENOMEM;
    if (status != WHET_OK) {
        whet_free(path);
        return status;
    }
    hash_of_files(json_object_get(outputs, "files"), sha256);
    json_t *m = json_pack("{s:s, s:s, s:s, s:s, s:O, s:O, s:O}", "path", path, "sha256", sha256[0] != '\0' ? sha256 : f.sha256, "label", f.name, "precision", f.precision, "original",
                          json_object_get(c->model, "path"), "original_sha256", json_object_get(c->model, "sha256"), "original_label",
                          json_object_get(c->model, "label"));
    if (m != NULL && json_is_object(contract)) {
        json_object_set(m, "contract", (json_t *)contract);
        json_object_set(m, "contract_source", json_object_get(c->model, "contract_source"));
        json_object_set(m, "original_contract", json_object_get(c->model, "contract"));
    }
    if (m != NULL && json_is_true(json_object_get(outputs, "nhwc"))) json_object_set_new(m, "nhwc", json_true());
    whet_facts_dispose(&f);
    whet_free(path);
    if (m == NULL) return WHET_FAIL(WHET_EINVAL, "file name '%s' is not UTF-8", rel);
    json_decref(c->model);
    c->model = m;
    return WHET_OK;
}

// What a plan knows of a file that is still to be converted: enough to tell which rows will be timed in turns.
static whet_status plan_only(study_cell *c, const char *label)
{
    const whet_model_format *f = target_of(c);
    const char *original = json_string_value(json_object_get(c->model, "sha256"));
    char *mark = whet_format("planned %s of %s", label, original);
    json_t *m = mark == NULL ? NULL : json_pack("{s:s, s:s, s:b, s:O, s:O, s:O?}", "label", label, "sha256", mark, "planned", 1, "original_sha256",
                                                json_object_get(c->model, "sha256"), "original_label", json_object_get(c->model, "label"), "contract",
                                                json_object_get(c->model, "contract"));
    whet_free(mark);
    if (m == NULL) return WHET_ENOMEM;
    if (f != NULL && (f->traits & WHET_FORMAT_NHWC)) json_object_set_new(m, "nhwc", json_true());
    json_decref(c->model);
    c->model = m;
    c->unknown = true;
    return WHET_OK;
}

whet_status study_convert(study_run *r, study_cell *c)
{
    char *label = study_converted_name(c);
    const char *format = study_cell_format(c);
    const whet_model_format *onnx = format_named("onnx");
    json_t *job = NULL, *outputs = NULL;
    whet_status status = label != NULL ? WHET_OK : WHET_ENOMEM;
    if (status != WHET_OK) return status;
    if (format == NULL) WHET_GOTO(WHET_FAIL(WHET_EUNSUPPORTED, "nobody here knows what format the file has, so it cannot be converted"));
    const int opset = (int)whet_study_number(c->set, "export.opset");
    const bool own_opset = onnx != NULL && strcmp(format, onnx->name) == 0 && opset != USUAL_OPSET; // else the converter's, which may rise
    job = json_pack("{s:s, s:O, s:s, s:s, s:i, s:O?, s:s}", "file", label, "sha256", json_object_get(c->model, "sha256"), "format", format, "weights",
                    whet_study_text(c->set, "weights"), "opset", own_opset ? opset : 0, "contract", json_object_get(c->model, "contract"), "program",
                    WHET_VERSION);
    const char *path = json_string_value(json_object_get(c->model, "path"));
    const double bytes = path != NULL && !whet_dir_exists(path) ? (double)whet_file_size(path) : 0;
    WHET_GOTO(study_step(r, &study_convert_step, label, job, 0.5 + bytes / 50e6, bytes, &outputs));
    if (outputs == NULL) {
        status = plan_only(c, label);
        goto done;
    }
    json_object_set(r->places, json_string_value(json_object_get(outputs, "model")), job);
    status = take_converted(r, c, outputs);
done:
    json_decref(job);
    json_decref(outputs);
    whet_free(label);
    return status;
}
