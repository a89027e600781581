/* SPDX-License-Identifier: Apache-2.0 */
/* Files of named tensors without a graph: safetensors. */
#ifndef WHET_FORMATS_WEIGHTS_FILE_H
#define WHET_FORMATS_WEIGHTS_FILE_H

#include "formats/formats.h"

bool whet_safetensors_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_safetensors_read_weights(whet_weights **out, const char *path);
/* Tensors of larger elements first, then in the order of w; "format": "pt" joins the metadata. */
whet_status whet_safetensors_write_weights(const whet_weights *w, const char *path);

#endif
