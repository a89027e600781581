/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch state dicts as named tensors: what torch.save writes, in the zip form (1.6 and later) and the older form of pickles
 * with storages behind them. The pickle is read by wire/pickle.h: it can build tensors and containers and nothing else. */
#ifndef WHET_FORMATS_STATE_DICT_H
#define WHET_FORMATS_STATE_DICT_H

#include "formats/formats.h"

bool whet_state_dict_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
/* Checkpoints that hold the state dict beside other things ("state_dict", "model", "net", ...) give that alone; what else is
 * nested gets names with dots. Entries that are no tensors are left out. Large tensors are views of the mapped file. */
whet_status whet_state_dict_read_weights(whet_weights **out, const char *path);
/* Of memory, all copied; `name` stands in errors. */
whet_status whet_state_dict_read_mem(whet_weights **out, const void *data, size_t size, const char *name);
/* The zip form, loadable by torch.load(weights_only=True) from 1.13 on; metadata goes to "metadata.json" beside the pickle. */
whet_status whet_state_dict_write_weights(const whet_weights *w, const char *path);

#endif
