/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a runtime reads files of a format, by what its plug-in says of itself: told before anything is loaded.
 * And whose format it is. */
#ifndef WHET_MEASURE_RUNTIME_READS_H
#define WHET_MEASURE_RUNTIME_READS_H

#include <jansson.h>

#include "base/status.h"

/* EUNSUPPORTED "ort does not read TFLite, it reads onnx". OK too where the plug-in tells no formats (exec:) or one that
 * is not known here, or nobody knows what the file is. caps: of the plug-in. */
whet_status whet_runtime_reads(const json_t *caps, const char *runtime, const char *path);
whet_status whet_runtime_reads_format(const json_t *caps, const char *runtime, const char *format);

/* The runtime of a format's own tool chain, which is the first choice of a reference (R17); NULL: it has none. Static. */
const char *whet_runtime_of_format(const char *format);

#endif
