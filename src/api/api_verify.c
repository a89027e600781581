/* SPDX-License-Identifier: Apache-2.0 */
/* Body of include/whet/verify.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_size.h"
#include "api/result.h"
#include "api/verify_layers.h"
#include "backend/backend.h"
#include "base/numbers.h"
#include "formats/formats.h"
#include "measure/runtime_reads.h"
#include "measure/runtimes.h"
#include "measure/verify.h"
#include "report/report_layers.h"
#include "wire/json.h"
#include "whet/verify.h"

void whet_verify_options_init(whet_verify_options *o) { *o = (whet_verify_options){.size = sizeof *o}; }

static const char *figure(const json_t *o, const char *key, const char *format, char *buf, size_t size)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_number(v))
        snprintf(buf, size, format, json_number_value(v));
    else
        snprintf(buf, size, "-");
    return buf;
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"output", "max", "cosine", "SNR dB", "top-1", "agrees"};
    enum { COLUMNS = 6, MAX_ROWS = 64 };
    const json_t *list = json_object_get(doc, "outputs"), *a = json_object_get(doc, "a");
    const char *cells[MAX_ROWS * COLUMNS];
    char text[MAX_ROWS][4][32];
    const size_t n = json_array_size(list) < MAX_ROWS ? json_array_size(list) : MAX_ROWS;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        const char *row[] = {whet_json_str(o, "name"),
                             figure(o, "max", "%.3g", text[i][0], 32),
                             figure(o, "cosine", "%.7f", text[i][1], 32),
                             figure(o, "snr_db", "%.1f", text[i][2], 32),
                             figure(o, "top1", "%.4f", text[i][3], 32),
                             json_is_true(json_object_get(o, "ok")) ? "yes" : "NO"};
        memcpy(&cells[i * COLUMNS], row, sizeof row);
    }
    whet_strbuf_printf(out, "%s on %s %s\nreference: %s\naccepted: %s\n\n", whet_json_str(a, "model"), whet_json_str(a, "title"), whet_json_str(a, "version"),
                       whet_json_str(doc, "reference"), whet_json_str(doc, "accept"));
    whet_render_table(out, width, color, COLUMNS, titles, "lrrrrl", (int)n, cells);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        if (json_is_number(json_object_get(o, "mask_iou")))
            whet_strbuf_printf(out, "%s: mean IoU of the two masks %.4f\n", whet_json_str(o, "name"), whet_json_real(o, "mask_iou"));
        const double inputs = whet_json_real(json_object_get(doc, "inputs"), "count");
        char which[64] = "";
        if (inputs > 1 && json_is_number(json_object_get(o, "worst_input")))
            snprintf(which, sizeof which, "the worst is input %.0f of %.0f: ", whet_json_real(o, "worst_input"), inputs);
        if (whet_json_str(o, "why")[0] != '\0') whet_render_wrapped(out, width, 2, "%s: %s%s", whet_json_str(o, "name"), which, whet_json_str(o, "why"));
    }
    verify_layers_render(doc, width, color, out);
    whet_strbuf_puts(out, json_is_true(json_object_get(doc, "ok")) ? "\nthey agree\n" : "\nTHEY DO NOT AGREE\n");
    if (whet_json_str(doc, "hint")[0] != '\0') whet_render_wrapped(out, width, 0, "%s", whet_json_str(doc, "hint"));
}

static whet_status parse_split(const char *text, whet_split *out)
{
    for (int s = 0; text != NULL && s < WHET_SPLIT_COUNT; s++)
        if (strcmp(text, whet_split_name((whet_split)s)) == 0) {
            *out = (whet_split)s;
            return WHET_OK;
        }
    if (text == NULL) return WHET_OK;
    return WHET_FAIL(WHET_EINVAL, "'%s' is no split; they are train, val, test", text);
}

/* The other side of one file: the runtime of its format's tool chain, and native for that. */
static whet_status lone_reference(whet_verify_side *side, const char *model, const char *runtime, const char *wanted)
{
    const whet_model_format *f = NULL;
    if (wanted == NULL) {
        WHET_TRY(whet_format_of_file(model, &f));
        const char *own = whet_runtime_of_format(f->name);
        const bool native = strcmp(runtime, "native") == 0;
        if (own == NULL && native)
            return WHET_FAIL(WHET_EINVAL, "'%s' has nothing to be compared with: no runtime but native reads %s; give a second file, or --input and --expect",
                             model, f->title);
        wanted = own != NULL && (native || strncmp(runtime, own, strcspn(runtime, "@")) != 0) ? own : "native";
    }
    *side = (whet_verify_side){model, wanted, "off"};
    return WHET_OK;
}

whet_status whet_verify(whet_result **out, const char *model, const char *other, const whet_verify_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_verify_options o;
    bool ok = false;
    json_t *doc = NULL;
    whet_verify_options_init(&o);
    if (opt != NULL) o = *opt;
    *out = NULL;
    if (model == NULL) return WHET_FAIL(WHET_EINVAL, "no model is given");
    const char *runtime = o.runtime != NULL ? o.runtime : "native";
    whet_verify_spec s = {.a = {model, runtime, "all"}, .accept = o.accept, .n_inputs = o.n_inputs, .n_expected = o.n_expected,
                          .inputs = o.inputs, .expected = o.expected, .data = o.data, .contract = o.contract, .split = WHET_SPLIT_VAL,
                          .samples = (int)o.samples, .seed = o.seed, .program = o.program, .progress = o.progress,
                          .progress_arg = o.progress_arg, .layers = o.layers != 0};
    if (o.picture != NULL && !s.layers) return WHET_FAIL(WHET_EINVAL, "a picture shows inner tensors: ask for layers too");
    WHET_TRY(whet_api_size(o.picture_size, s.sizes));
    WHET_TRY(parse_split(o.split, &s.split));
    if (other != NULL)
        s.b = (whet_verify_side){other, o.reference_runtime != NULL ? o.reference_runtime : runtime, "off"};
    else if (o.n_expected == 0)
        WHET_TRY(lone_reference(&s.b, model, runtime, o.reference_runtime));
    WHET_TRY(whet_verify_run(&doc, &ok, &s));
    const whet_status status = o.picture != NULL ? whet_report_layers_write(doc, o.picture) : WHET_OK;
    if (status != WHET_OK) {
        json_decref(doc);
        return status;
    }
    return whet_result_make(out, "verify", doc, !ok, render);
}
