/* SPDX-License-Identifier: Apache-2.0 */
/* The public contract fields applied to a contract. */
#ifndef WHET_API_CONTRACT_FIELDS_H
#define WHET_API_CONTRACT_FIELDS_H

#include "data/contract.h"
#include "eval/find.h"
#include "whet/contract.h"

/* c starts from f->base (if given), then the single fields; f may be NULL. */
whet_status whet_contract_fields_apply(whet_contract *c, const whet_contract_fields *f);
/* EINVAL if numbers were given for several channels and the model's input is grey. */
whet_status whet_contract_fields_fit(bool grey, const whet_contract_fields *f);
json_t *whet_findings_json(const whet_findings *f);
/* True if anything beyond size, fit, filter and labels is said, i.e. how the numbers are scaled. */
bool whet_contract_fields_scale(const whet_contract_fields *f);

#endif
