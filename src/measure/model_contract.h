/* SPDX-License-Identifier: Apache-2.0 */
/* The preprocessing contract in a model file's own metadata. */
#ifndef WHET_MEASURE_MODEL_CONTRACT_H
#define WHET_MEASURE_MODEL_CONTRACT_H

#include "data/contract.h"

/* c->given is false (and c the default) if the file carries none. c must be initialised. */
whet_status whet_model_contract_read(const char *path, whet_contract *c);
/* Takes from the model's input what nobody said: whether pictures are grey (`color`), the layout (`layout`),
 * the size where it is fixed (`size`). */
whet_status whet_model_contract_settle(const char *path, whet_contract *c, bool color, bool layout, bool size);
/* Rewrites the file with the contract in its metadata, atomically; out may equal path. EINVAL if the contract's size,
 * colours or class names do not fit what the file fixes. */
whet_status whet_model_contract_write(const char *path, const whet_contract *c, const char *out);

#endif
