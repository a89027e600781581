/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts: an accepted contract is written and read back as itself. */
#include "data/contract.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_contract c, again;
    char *text = malloc(size + 1), *one = NULL, *two = NULL;
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    whet_contract_init(&c);
    whet_contract_init(&again);
    whet_status s = whet_contract_from_json(&c, text);
    if (s != WHET_OK) fuzz_clean_error(s, NULL, NULL);
    else if (whet_contract_to_json(&c, &one) == WHET_OK) {
        FUZZ_CHECK(whet_contract_from_json(&again, one) == WHET_OK);
        FUZZ_CHECK(whet_contract_to_json(&again, &two) == WHET_OK);
        FUZZ_CHECK(strcmp(one, two) == 0);
    }
    whet_contract_dispose(&c);
    whet_contract_dispose(&again);
    whet_free(one);
    whet_free(two);
    free(text);
    return 0;
}
