/* SPDX-License-Identifier: Apache-2.0 */
/* Model files: looking into them, converting them, running them on raw tensors. */
#ifndef WHET_MODEL_H
#define WHET_MODEL_H

#include <stddef.h>

#include "whet/result.h"
#include "whet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_model whet_model;

/* Reads and verifies a model file of any format. On failure *out is NULL; the error names file and node or byte offset. */
whet_status whet_model_open(whet_model **out, const char *path);
void whet_model_close(whet_model *m); /* accepts NULL */

typedef struct whet_model_inspect_options {
    size_t size;        /* sizeof(whet_model_inspect_options) */
    int nodes;          /* list the nodes */
    int kernels;        /* bind the model and list each node's kernel, with why better ones were refused */
    int batch;          /* size of free dimensions for plan, MACs and kernels; 0: 1 */
    const char *isa;    /* highest instruction set level ("ref", "avx2", ...); NULL: the machine's */
    int threads;        /* 0: all that may be used */
    int tune;           /* kernels as `run` with `tune` would choose them from the user's cache; nothing is measured */
    const char *target; /* "ort@1.16", "litert@2.3", "openvino@2024", "edgetpu": what that would refuse, by tables; NULL: none */
} whet_model_inspect_options;
void whet_model_inspect_options_init(whet_model_inspect_options *o);
/* Inputs, outputs, operators, parameters, MACs, memory by region, quantisation, contract, metadata. Kind "inspect". opt may be NULL. */
whet_status whet_model_inspect(const whet_model *m, const whet_model_inspect_options *opt, whet_result **out);
/* The same for a file of any format, a file of weights alone (its tensors are listed), or a network of the zoo by its name. */
whet_status whet_inspect(whet_result **out, const char *path, const whet_model_inspect_options *opt);

typedef struct whet_convert_options {
    size_t size;           /* sizeof(whet_convert_options) */
    const char *format;    /* name; NULL: by the extension of the output */
    int opset;             /* of ONNX, 13 to 21; 0: 17 */
    int deploy;            /* fold batch normalisation and constants: smaller and faster, no longer trainable */
    const char *model;     /* `from` holds weights alone: of this network of the zoo */
    const char *weights;   /* tensors that take the place of those in `from` */
    const char *precision; /* "f16": weights stand in 16 bits, what is computed stays f32; "f32"; NULL: as they are in `from` */
    int bake;              /* the preprocessing contract becomes nodes; the input is uint8 pixels, NHWC */
    int n_cut_inputs;
    const char *const *cut_inputs;  /* "NAME" or "NAME:1x3x224x224": this value becomes an input */
    int n_cut_outputs;
    const char *const *cut_outputs; /* these values are the outputs */
    int check;             /* run the result on every runtime present and compare; gate 1 where one differs */
    const char *bundle;    /* folder for the model, labels, contract, a picture with its expected output and two programs; `to`
                              must be NULL then, and format says what */
    const char *program;   /* the whet program for worker processes; NULL: this one */
} whet_convert_options;
void whet_convert_options_init(whet_convert_options *o);
/* Writes the model, atomically, in opt->format, else in the format of path's extension. opt may be NULL; model, weights, check and bundle
 * are whet_convert's alone. EUNSUPPORTED where the format lacks an operator; on failure path is as it was. */
whet_status whet_model_save(const whet_model *m, const char *path, const whet_convert_options *opt);
/* Reads `from`, writes `to`, reads it again. The result (kind "convert") lists every node that was folded, fused, expanded,
 * dropped or changed, and the contract written. Files of weights alone go to such files, or with opt->model to any. Where the
 * format refuses nodes the status says so and the result, which names them all, is there too. opt may be NULL. */
whet_status whet_convert(whet_result **out, const char *from, const char *to, const whet_convert_options *opt);

typedef struct whet_run_options {
    size_t size;            /* sizeof(whet_run_options) */
    const char *runtime;    /* NULL: "native" */
    int threads;            /* 0: all that may be used */
    int tune;               /* native: measure which kernels are the fastest here, keep that in the user's cache and use it */
    int apart;              /* 1: a runtime other than native runs in a worker process ($WHET_PROGRAM, else the running program), so
                               that its crash is an error */
} whet_run_options;
void whet_run_options_init(whet_run_options *o);
/* Runs the model on raw tensors: inputs[i] is the .npy of input i, with exactly its type; outputs[i] gets output i. Fewer
 * outputs than the model has are allowed. Kind "run". opt may be NULL. */
whet_status whet_run_npy(whet_result **out, const char *model, int n_inputs, const char *const *inputs, int n_outputs,
                         const char *const *outputs, const whet_run_options *opt);

#ifdef __cplusplus
}
#endif
#endif
