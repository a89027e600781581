/* SPDX-License-Identifier: Apache-2.0 */
/* Study files: an accepted study can be checked and written, and what was written is accepted. */
#include "fuzz.h"
#include "study/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_study *s = NULL, *again = NULL;
    char *text = NULL;
    whet_status status = whet_study_parse_mem(&s, (const char *)data, size, "f.yaml");
    if (status != WHET_OK) {
        fuzz_clean_error(status, s, NULL);
        return 0;
    }
    if (whet_study_write(s, &text) == WHET_OK)
        FUZZ_CHECK(whet_study_parse_mem(&again, text, strlen(text), "again.yaml") == WHET_OK);
    whet_free(text);
    whet_study_free(again);
    whet_study_free(s);
    return 0;
}
