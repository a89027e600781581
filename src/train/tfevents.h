/* SPDX-License-Identifier: Apache-2.0 */
/* TensorBoard event files: length-prefixed records with masked CRC-32C around Event messages. */
#ifndef WHET_TRAIN_TFEVENTS_H
#define WHET_TRAIN_TFEVENTS_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

typedef struct whet_tfscalar { const char *tag; double value; } whet_tfscalar;
/* The record every file begins with; `path` stands in errors. */
whet_status whet_tfevents_start(FILE *f, const char *path);
whet_status whet_tfevents_scalars(FILE *f, const char *path, int64_t step, int n, const whet_tfscalar *scalars);

#endif
