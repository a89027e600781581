/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for download checks, step keys and result identities. */
#ifndef WHET_BASE_HASH_H
#define WHET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct whet_sha256 { uint32_t h[8]; uint64_t len; uint8_t buf[64]; } whet_sha256;
void whet_sha256_init(whet_sha256 *s);
void whet_sha256_add(whet_sha256 *s, const void *data, size_t n);
void whet_sha256_hex(whet_sha256 *s, char out[65]); /* finishes */
whet_status whet_sha256_file(const char *path, char out[65]);

/* CRC-32C (Castagnoli), masked form for TensorBoard records is done by its writer. */
uint32_t whet_crc32c(uint32_t crc, const void *data, size_t n);

#endif
