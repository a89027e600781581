/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX Runtime's own quantised operators. */
#ifndef WHET_FORMATS_ONNX_MICROSOFT_H
#define WHET_FORMATS_ONNX_MICROSOFT_H

#include "formats/onnx/onnx_reader.h"

onnx_upgrade_fn onnx_microsoft_find(const char *op); /* NULL: not handled */

#endif
