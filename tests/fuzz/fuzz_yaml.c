/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: every node of an accepted tree can be visited. */
#include "fuzz.h"
#include "wire/yaml.h"

static int visit(const whet_yaml_node *n)
{
    int count = 1;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    FUZZ_CHECK(n->line >= 1 && n->column >= 1);
    if (n->kind == WHET_YAML_SCALAR) return (int)strlen(n->text) + whet_yaml_int(n, &i) + whet_yaml_real(n, &d) + whet_yaml_bool(n, &b);
    for (int k = 0; k < n->n; k++) {
        if (n->kind == WHET_YAML_MAP) FUZZ_CHECK(whet_yaml_get(n, n->keys[k]) == n->items[k]);
        count += visit(n->items[k]);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_yaml *y = NULL;
    whet_status s = whet_yaml_parse(&y, (const char *)data, size, "f.yaml");
    if (s == WHET_OK) visit(whet_yaml_root(y));
    else fuzz_clean_error(s, y, "f.yaml");
    whet_yaml_free(y);
    return 0;
}
