/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors as a format of named tensors; the bytes are wire/safetensors.h's. */
#include "formats/weights_file/weights_file.h"

bool whet_safetensors_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    uint64_t length = 0;
    (void)path;
    for (size_t i = 0; i < 8 && i < n; i++) length |= (uint64_t)head[i] << (8 * i);
    return n > 9 && head[8] == '{' && length >= 2 && length <= file_size - 8;
}
