/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the state dict reader: containers of the file (state_dict_read.c) and what the pickle says (state_dict_walk.c). */
#ifndef WHET_FORMATS_STATE_DICT_PRIVATE_H
#define WHET_FORMATS_STATE_DICT_PRIVATE_H

#include "formats/pytorch/torch_tensor.h"
#include "formats/weights.h"

#define STATE_DICT_ALLOWS "tensors and containers"
#define STATE_DICT_META "metadata.json"

/* Adds all tensors below root. EUNSUPPORTED if there is none. */
whet_status state_dict_walk(whet_weights *w, torch_source *src, const whet_pickle_value *root);

#endif
