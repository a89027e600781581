/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the bodies of whet_convert: the job, its options, --check and --bundle. */
#ifndef WHET_API_CONVERT_JOB_H
#define WHET_API_CONVERT_JOB_H

#include <jansson.h>

#include "convert/convert.h"
#include "whet/model.h"

typedef struct convert_job {
    whet_convert_options o;
    whet_convert_graph_options how;
    const char *from, *to;
    const whet_model_format *source, *target;
    whet_graph *g;       /* the source's, weights put in; NULL: weights alone */
    whet_graph *ready;   /* as it was written */
    whet_graph *back;    /* as it is read again; NULL: weights, or not readable */
    whet_weights *w;
    whet_convert_report report;
    json_t *checks;      /* of --check: [{"runtime", "version", "verdict", "why", "outputs", "accept"}] */
    json_t *bundle;      /* files of --bundle */
    bool agree;
} convert_job;

void whet_convert_options_settle(whet_convert_options *o, const whet_convert_options *given);
whet_status whet_convert_how(const whet_convert_options *o, whet_convert_graph_options *how);

/* Runs the file on every runtime that reads its format, and compares with the source. Differences are an answer, not an error. */
whet_status whet_convert_check(convert_job *j);
/* Fills the folder around the model j->to, which lies in it. */
whet_status whet_convert_bundle(convert_job *j);

/* The source with its cuts: what the result must compute. */
whet_status whet_convert_source(const convert_job *j, whet_graph **out);
/* Input i as the file wants it, and as the source does, from one seed; picture (may be NULL) gets the picture where input 0 is
 * one and there is a contract. */
whet_status whet_convert_inputs(const convert_job *j, const whet_graph *source, whet_tensor *of_source, whet_tensor *of_file,
                                whet_image *picture);
/* Input or output `name`, number i of its side, as the file has it: channels last where the report says so, and in the file's
 * float type. */
whet_status whet_convert_lay(const convert_job *j, bool output, int i, const char *name, const whet_tensor *in, whet_tensor *out);

#endif
