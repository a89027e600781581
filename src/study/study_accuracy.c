// SPDX-License-Identifier: Apache-2.0
// What the accuracy of a row lost against its f32 row, picture by picture: the difference with its interval, the flips both
// ways, and MLPerf's word on it (at least 99 % of the f32 accuracy is acceptable). And the alarm: rows that parity calls equal
// while their accuracies say otherwise, as when a file lost its preprocessing.
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "measure/compare.h"
#include "study/study_run.h"
#include "wire/json.h"

static const double acceptable_share = 0.99, suspect_points = 0.05;

// In the file and in what ran: weights that were cut to 16 bits have lost something, whatever computes with them.
static bool is_f32(const json_t *row)
{
    const char *ran = whet_json_str(row, "precision"), *in_file = whet_json_str(row, "precision_in_file");
    return (strcmp(ran, "f32") == 0 || strcmp(ran, "f32-winograd") == 0) && (in_file[0] == '\0' || strcmp(in_file, "f32") == 0);
}

static bool has_accuracy(const study_cell *c)
{
    return json_is_object(json_object_get(c->row, "accuracy")) && json_is_object(json_object_get(c->row, "eval"));
}

static bool same_model(const study_cell *a, const study_cell *b)
{
    return json_equal(json_object_get(a->set, "model"), json_object_get(b->set, "model"));
}

// How much two rows have in common: the model first, then the runtime, then whatever else the study varies.
static int likeness(const study_run *r, const study_cell *a, const study_cell *b)
{
    const json_t *axis = NULL;
    size_t i = 0;
    int n = 1000 * same_model(a, b) + 100 * json_equal(json_object_get(a->set, "runtime"), json_object_get(b->set, "runtime"));
    json_array_foreach(r->axes, i, axis)
        n += json_equal(json_object_get(a->set, json_string_value(axis)), json_object_get(b->set, json_string_value(axis)));
    return n;
}

// The f32 row most like c; without one of its own model that of the only f32 model of the study.
static const study_cell *original_of(const study_run *r, const study_cell *c, const char **why)
{
    const study_cell *best = NULL;
    bool several = false;
    int most = -1;
    for (int i = 0; i < r->n_cells; i++) {
        const study_cell *o = &r->c[i];
        if (o == c || o->data != c->data || !has_accuracy(o) || !is_f32(o->row)) continue;
        several = several || (best != NULL && !same_model(best, o));
        const int n = likeness(r, c, o);
        if (n <= most) continue;
        most = n;
        best = o;
    }
    *why = best == NULL ? "no row of an f32 file has an accuracy on the same pictures" : "several f32 models: which one this was made of is not known";
    return best != NULL && (!several || same_model(best, c)) ? best : NULL;
}

static void put(study_cell *c, const study_cell *base)
{
    json_t *a = json_object_get(c->row, "accuracy");
    const double was = whet_json_real(json_object_get(base->row, "accuracy"), "value"), now = whet_json_real(a, "value");
    int64_t fixed = 0, broken = 0, n = 0;
    if (!whet_pair_flips(base->row, c->row, &fixed, &broken, &n)) {
        json_object_set_new(a, "delta_na", json_string("the f32 row scored other pictures"));
        return;
    }
    const whet_interval d = whet_difference_paired(fixed, broken, n);
    json_object_update_new(a, json_pack("{s:f, s:f, s:f, s:O, s:I, s:I}", "delta", d.value, "delta_low", d.low, "delta_high", d.high, "delta_base",
                                        json_object_get(base->row, "id"), "fixed", (json_int_t)fixed, "broken", (json_int_t)broken));
    if (was > 0) json_object_update_new(a, json_pack("{s:f, s:b}", "share_of_f32", now / was, "acceptable", now >= acceptable_share * was));
}

void study_accuracy_losses(study_run *r)
{
    for (int i = 0; i < r->n_cells; i++) {
        study_cell *c = &r->c[i];
        const char *why = NULL;
        if (!has_accuracy(c) || is_f32(c->row)) continue;
        const study_cell *base = original_of(r, c, &why);
        if (base != NULL)
            put(c, base);
        else
            json_object_set_new(json_object_get(c->row, "accuracy"), "delta_na", json_string(why));
    }
}

// Points that c is below o where both passed parity and neither chance nor 5 points explain it; else 0.
static double contradiction(const study_cell *c, const study_cell *o)
{
    const json_t *a = json_object_get(c->row, "accuracy"), *b = json_object_get(o->row, "accuracy");
    const double below = whet_json_real(b, "value") - whet_json_real(a, "value");
    int64_t fixed = 0, broken = 0, n = 0;
    if (o == c || o->data != c->data || !same_model(c, o) || !json_is_true(json_object_get(json_object_get(o->row, "parity"), "ok")) || below <= suspect_points) return 0;
    if (!whet_pair_flips(o->row, c->row, &fixed, &broken, &n)) return whet_json_real(a, "high") < whet_json_real(b, "low") ? below : 0;
    return whet_difference_paired(fixed, broken, n).high < 0 ? below : 0;
}

void study_accuracy_alarm(study_run *r)
{
    json_t *warnings = json_object_get(json_object_get(r->bench_head, "context"), "warnings");
    for (int i = 0; i < r->n_cells; i++) {
        study_cell *c = &r->c[i];
        const study_cell *best = NULL;
        double most = 0;
        if (!has_accuracy(c) || !json_is_true(json_object_get(json_object_get(c->row, "parity"), "ok"))) continue;
        for (int k = 0; k < r->n_cells; k++) {
            const double below = has_accuracy(&r->c[k]) ? contradiction(c, &r->c[k]) : 0;
            if (below <= most) continue;
            most = below;
            best = &r->c[k];
        }
        if (best == NULL) continue;
        json_object_set(json_object_get(c->row, "accuracy"), "contradicts", json_object_get(best->row, "id"));
        json_array_append_new(warnings, json_sprintf("%s on %s gets %.2f %% right and %s on %s %.2f %%, though their outputs were found equal: its preprocessing "
                                                     "contract or its labels are not the model's",
                                                     whet_json_str(c->row, "model"), whet_json_str(c->row, "runtime"), 100 * whet_json_real(json_object_get(c->row, "accuracy"), "value"),
                                                     whet_json_str(best->row, "model"), whet_json_str(best->row, "runtime"),
                                                     100 * whet_json_real(json_object_get(best->row, "accuracy"), "value")));
        whet_log(WHET_LOG_WARN, "%s on %s: equal outputs but %.1f points below %s: its preprocessing contract is not the model's", whet_json_str(c->row, "model"),
                 whet_json_str(c->row, "runtime"), 100 * most, whet_json_str(best->row, "model"));
    }
}
