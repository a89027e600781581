/* SPDX-License-Identifier: Apache-2.0 */
/* What reader and writer share: the operator table and the names of element types. */
#ifndef WHET_FORMATS_OPENVINO_TYPES_H
#define WHET_FORMATS_OPENVINO_TYPES_H

#include "formats/openvino/openvino_reader.h"
#include "formats/openvino/openvino_writer.h"

typedef struct ov_row {
    const char *type;  /* as the XML spells it */
    int first, last;   /* opsets in which this definition holds */
    const char *op;    /* of the graph; "" where there is no single one */
    ov_read_fn read;   /* NULL: only written */
    ov_write_fn write; /* NULL: only read */
} ov_row;

const ov_row *ov_row_for_reading(const char *type, int opset); /* NULL if there is none */
const ov_row *ov_row_for_writing(const char *op);
const char *ov_row_near(const char *type); /* nearest spelling, or NULL */

enum { OV_MAX_OPSET = 16 };

whet_dtype ov_dtype_parse(const char *element_type); /* "f32", "i64", "boolean" and "FP32", "I64", "BOOL"; NONE */
const char *ov_dtype_element(whet_dtype t);          /* "f32"; NULL if the format has it not */
const char *ov_dtype_precision(whet_dtype t);        /* "FP32" */

#define OV_META_PREFIX "openvino." /* graph metadata made of what the rt_info says; not written back */
#define OV_OWN_META "whet_metadata" /* the element of rt_info that holds the graph's metadata */
/* The two files are renamed one after the other: the .bin ends in a mark and a fingerprint of its contents, which the .xml's rt_info
 * repeats under OV_PAIR, so that a half of another pair is noticed. Other programs read over both. */
#define OV_PAIR "whet_weights"
#define OV_PAIR_MARK "whetpair"
enum { OV_PAIR_HEX = 16, OV_PAIR_BYTES = sizeof(OV_PAIR_MARK) - 1 + OV_PAIR_HEX };

#endif
