/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program over the installed library: opens a model, writes it to another file, prints what that is as JSON;
 * tests/e2e/install.py builds it. */
#include <stdio.h>

#include <whet/whet.h>

int main(int argc, char **argv)
{
    whet_model *model = NULL;
    whet_result *result = NULL;
    whet_status status = argc == 3 ? whet_model_open(&model, argv[1]) : WHET_EINVAL;
    if (status == WHET_OK) status = whet_model_save(model, argv[2], NULL);
    whet_model_close(model);
    model = NULL;
    if (status == WHET_OK) status = whet_model_open(&model, argv[2]);
    if (status == WHET_OK) status = whet_model_inspect(model, NULL, &result);
    if (status == WHET_OK) {
        puts(whet_result_json(result));
    } else {
        fprintf(stderr, "%s: %s\n", whet_status_name(status), whet_error_message());
    }
    whet_result_free(result);
    whet_model_close(model);
    return status == WHET_OK ? 0 : 1;
}
