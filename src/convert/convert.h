/* SPDX-License-Identifier: Apache-2.0 */
/* The one converter: a graph is brought to what a format wants, then written, with a report of what became of its nodes. */
#ifndef WHET_CONVERT_CONVERT_H
#define WHET_CONVERT_CONVERT_H

#include <jansson.h>

#include "formats/formats.h"
#include "image/image.h"

/* 16-bit floats stand for weights in the file only: a Cast behind each constant; what is computed stays f32. */
typedef enum whet_precision {
    WHET_PRECISION_KEEP, /* weights that the source held in 16 bits stay so */
    WHET_PRECISION_F32,
    WHET_PRECISION_F16,
    WHET_PRECISION_S8    /* large weights in 8 bits with a scale for each channel (dynamic range): TFLite alone */
} whet_precision;

typedef struct whet_convert_graph_options {
    size_t size;
    int opset;                /* of ONNX; 0: 17 */
    bool deploy;              /* freeze and fold, whatever the format asks for */
    bool bake;                /* the contract becomes nodes, the input uint8 pixels, NHWC */
    whet_precision precision;
    int n_cut_inputs, n_cut_outputs;
    const char *const *cut_inputs;  /* "NAME" or "NAME:1x3x224x224" */
    const char *const *cut_outputs; /* "NAME" */
} whet_convert_graph_options;
void whet_convert_graph_options_init(whet_convert_graph_options *o);

typedef struct whet_convert_report {
    json_t *nodes;   /* [{"what": "folded" | "fused" | "changed" | "dropped" | "expanded" | "refused", "node", "op", "by"}] */
    json_t *remarks; /* [text]: what else became of the model */
    json_t *nhwc;    /* names of inputs and outputs that lie channels-last in the file and did not in the graph */
} whet_convert_report;
whet_status whet_convert_report_init(whet_convert_report *r);
void whet_convert_report_dispose(whet_convert_report *r);

/* The graph as the format's writer wants it. g is not changed. report may be NULL. */
whet_status whet_convert_prepare(whet_graph **out, const whet_graph *g, const whet_model_format *target,
                                 const whet_convert_graph_options *opt, whet_convert_report *report);
/* Writes a prepared graph, atomically. Where the writer refuses a node, the report names all that it refuses. opt and report may
 * be NULL. Formats of weights alone get the graph's variables and constants. */
whet_status whet_convert_write(const whet_graph *g, const whet_model_format *target, const char *path,
                               const whet_convert_graph_options *opt, whet_convert_report *report);
/* Both. */
whet_status whet_convert_graph(const whet_graph *g, const whet_model_format *target, const char *path,
                               const whet_convert_graph_options *opt, whet_convert_report *report);

/* --- single steps; each changes g */
/* Inputs and outputs by names of values; what no output needs is dropped, and so are inputs that nothing reads any more.
 * EINVAL with the nearest name. A contract whose input is cut away goes. */
whet_status whet_convert_cut(whet_graph *g, int n_inputs, const char *const *inputs, int n_outputs, const char *const *outputs,
                             whet_convert_report *report);
/* EINVAL if the model carries no contract or has no picture input. The contract becomes "raw". */
whet_status whet_convert_bake(whet_graph *g, bool free_shapes, int opset, whet_convert_report *report);
/* Shapes that inference knows but for the batch become constants; ESHAPE naming the input that has another free dimension. */
whet_status whet_convert_static(whet_graph *g, whet_convert_report *report);
/* f32 constants (and variables) of rank >= 1 go to 16 bits with a Cast behind; lossless_only: those that lose nothing. */
whet_status whet_convert_half(whet_graph *g, bool lossless_only, whet_convert_report *report);
/* QuantizeLinear and DequantizeLinear whose scale is computed are written out. */
whet_status whet_convert_dynamic(whet_graph *g, whet_convert_report *report);
/* Computations in 16 bits become f32; inputs and outputs keep their types. */
whet_status whet_convert_widen(whet_graph *g, whet_convert_report *report);

/* Scale and zero point of the DequantizeLinear that reads the first input: what its integers stand for. False if there is none. */
bool whet_convert_border(const whet_graph *g, double *scale, int *zero_point);
/* For formats without WHET_FORMAT_BORDER: the contract says the integers themselves, as their scale stays in the arithmetic only. */
whet_status whet_convert_contract(whet_graph *g, whet_convert_report *report);

/* --- what a graph computes, for comparisons */
/* A picture of seeded patches and grain. *out is made. */
whet_status whet_convert_picture(whet_image *out, int width, int height, int channels, uint64_t seed);
/* Seeded contents for input i. */
whet_status whet_convert_sample(const whet_graph *g, int i, const whet_shape *shape, uint64_t seed, whet_tensor *out);
/* Every node as it stands, on all threads; outputs must be initialised tensors. */
whet_status whet_convert_reference(const whet_graph *g, const whet_tensor *inputs, whet_tensor *outputs);

#endif
