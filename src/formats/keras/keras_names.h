/* SPDX-License-Identifier: Apache-2.0 */
/* Names of layers in model.weights.h5, the same for reader and writer. */
#ifndef WHET_FORMATS_KERAS_NAMES_H
#define WHET_FORMATS_KERAS_NAMES_H

#include <jansson.h>

#include "base/status.h"

enum { KERAS_NAME = 256 };

/* "Conv2DTranspose" -> "conv2d_transpose". Cut off at size. */
void keras_snake(const char *name, char *out, size_t size);
/* "conv2d", then "conv2d_1", ...; `used` remembers. ENOMEM. */
whet_status keras_unique(json_t *used, const char *name, char *out, size_t size);

#endif
