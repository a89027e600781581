/* SPDX-License-Identifier: Apache-2.0 */
/* The option --size of the commands that run a model without a contract of their own. */
#include "api/api_size.h"

#include <stdio.h>
#include <string.h>

whet_status whet_api_size(const char *text, int sizes[2])
{
    char rest = 0;
    if (text == NULL) return WHET_OK;
    int n = sscanf(text, "%dx%d%c", &sizes[0], &sizes[1], &rest);
    if (n == 1 && strspn(text, "0123456789") == strlen(text)) {
        sizes[1] = sizes[0];
        n = 2;
    }
    if (n != 2 || sizes[0] < 1 || sizes[1] < 1 || sizes[0] > 32768 || sizes[1] > 32768)
        return WHET_FAIL(WHET_EINVAL, "size '%s' is neither a number nor of the form HxW", text);
    return WHET_OK;
}
