/* SPDX-License-Identifier: Apache-2.0 */
/* Prototypes of the functions that the operator table names, made from the table; for the files that define them. */
#ifndef WHET_FORMATS_OPENVINO_READERS_H
#define WHET_FORMATS_OPENVINO_READERS_H

#include <math.h>
#include <strings.h>

#include "formats/openvino/openvino_types.h"

#define ov_read_none ov_read_nothing
#define ov_write_none ov_write_nothing
#define O(type, first, last, op, r, w) void ov_read_##r(ov_work *k); void ov_write_##w(ov_writer *k, const whet_node *n);
#include "formats/openvino/openvino_ops.def"
#undef O
#undef ov_read_none
#undef ov_write_none

#endif
