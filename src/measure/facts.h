/* SPDX-License-Identifier: Apache-2.0 */
/* What a model file is, without running it. */
#ifndef WHET_MEASURE_FACTS_H
#define WHET_MEASURE_FACTS_H

#include <jansson.h>
#include <stdbool.h>

#include "ir/graph.h"

enum { WHET_FACTS_OUTPUTS = 16 };

typedef struct whet_facts {
    char *path, *name;       /* as given; file name */
    char sha256[65];
    const char *format;      /* name of its row: "onnx" */
    const char *precision;   /* "f32", "fp16", "int8", "mixed" by the file's own types; "" if it cannot be read here */
    int64_t size;            /* all files that are needed */
    int64_t gzip_size;       /* the same, deflated; 0: not asked for */
    bool deflate;            /* it is asked for */
    json_t *files;           /* their names */
    int64_t params, macs;    /* of one sample; -1: unknown */
    int output_zero[WHET_FACTS_OUTPUTS]; /* zero points of quantised outputs; 0: none, or not known */
    char *contract;          /* JSON out of the metadata, or NULL */
    char *unreadable;        /* why whet itself cannot read it, or NULL */
    double read_ms;          /* of the bytes, once they are cached */
} whet_facts;

/* Multiply-accumulates of one node, of one sample; 0 for those that are left out by custom. */
int64_t whet_facts_node_macs(const whet_graph *g, const whet_node *n);
/* params, macs, precision. */
void whet_facts_count(whet_facts *f, const whet_graph *g);
/* Fails only if the file cannot be opened. */
whet_status whet_facts_read(whet_facts *f, const char *path);
/* With gzip_size, which takes by far the longest: seconds for 100 MB. */
whet_status whet_facts_read_deflated(whet_facts *f, const char *path);
void whet_facts_dispose(whet_facts *f);

#endif
