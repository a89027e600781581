/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles under PyTorch's table of names and under TorchScript's: every value of the tree is walked, within limits as a reader
 * must have them. */
#include "fuzz.h"
#include "wire/pickle.h"

static const whet_pickle_global globals[] = {
    {"collections", "OrderedDict", WHET_PICKLE_MAPPING}, {"torch", "FloatStorage", WHET_PICKLE_NAMED},
    {"torch._utils", "_rebuild_tensor_v2", WHET_PICKLE_CALLED}, {"__torch__*", "*", WHET_PICKLE_CALLED | WHET_PICKLE_BUILT}};

static long left;

static void walk(const whet_pickle_value *v, int level)
{
    char text[200];
    if (!v || level > WHET_PICKLE_MAX_DEPTH || --left < 0) return;
    FUZZ_CHECK(whet_pickle_text(v, text, sizeof(text))[0] != '\0');
    const size_t n = v->kind == WHET_PICKLE_DICT ? 2 * v->n : v->n;
    switch (v->kind) {
    case WHET_PICKLE_TEXT: FUZZ_CHECK(strlen(v->text) == v->n); break;
    case WHET_PICKLE_LONG:
    case WHET_PICKLE_BYTES:
        for (size_t i = 0; i < v->n; i++) fuzz_sink += (unsigned char)v->text[i];
        break;
    case WHET_PICKLE_DICT:
    case WHET_PICKLE_LIST:
    case WHET_PICKLE_TUPLE:
        for (size_t i = 0; i < n; i++) walk(v->items[i], level + 1);
        if (v->kind == WHET_PICKLE_DICT) walk(v->state, level + 1);
        break;
    case WHET_PICKLE_GLOBAL: FUZZ_CHECK(v->row >= 0 && v->row < (int)WHET_COUNT(globals)); break;
    case WHET_PICKLE_CALL:
        FUZZ_CHECK(v->callee->kind == WHET_PICKLE_GLOBAL && v->args->kind == WHET_PICKLE_TUPLE);
        walk(v->args, level + 1);
        walk(v->state, level + 1);
        break;
    case WHET_PICKLE_PERSISTENT: walk(v->args, level + 1); break;
    default: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const whet_pickle_options options = {globals, WHET_COUNT(globals), "tensors", 0, 0};
    whet_pickle *p = NULL;
    size_t used = 0;
    const whet_status status = whet_pickle_read(&p, data, size, "f.pkl", &options, &used);
    left = 20000;
    if (status != WHET_OK) {
        fuzz_clean_error(status, p, "f.pkl");
        return 0;
    }
    FUZZ_CHECK(used > 0 && used <= size);
    walk(whet_pickle_root(p), 0);
    for (size_t i = 0; i < whet_pickle_persistent_count(p); i++) walk(whet_pickle_persistent_at(p, i), 0);
    whet_pickle_free(p);
    return 0;
}
