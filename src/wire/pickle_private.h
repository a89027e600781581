/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the pickle reader: the tree (pickle.c) and the machine that builds it (pickle_read.c). */
#ifndef WHET_WIRE_PICKLE_PRIVATE_H
#define WHET_WIRE_PICKLE_PRIVATE_H

#include "base/mem.h"
#include "wire/pickle.h"

struct whet_pickle {
    whet_arena *arena;
    size_t spent, limit;
    whet_pickle_value none, no, yes; /* shared by all that are the same */
    const whet_pickle_value *root;
    const whet_pickle_value **persistent;
    size_t n_persistent, cap_persistent;
};

/* Memory is counted: EFORMAT where a pickle of its size may have no more. */
whet_status whet_pickle_alloc(whet_pickle *p, size_t bytes, void **out);
whet_status whet_pickle_spend(whet_pickle *p, size_t bytes);
whet_status whet_pickle_value_create(whet_pickle *p, whet_pickle_kind kind, int64_t offset, whet_pickle_value **out);
/* A copy of the bytes; TEXT if they are UTF-8 without NUL, else BYTES (EFORMAT if it must be a text). */
whet_status whet_pickle_string(whet_pickle *p, const void *bytes, size_t n, bool must_be_text, int64_t offset, whet_pickle_value **out);
whet_status whet_pickle_tuple_create(whet_pickle *p, whet_pickle_value *const *items, size_t n, int64_t offset, whet_pickle_value **out);
whet_status whet_pickle_append(whet_pickle *p, whet_pickle_value *list, whet_pickle_value *item);
whet_status whet_pickle_set(whet_pickle *p, whet_pickle_value *dict, whet_pickle_value *key, whet_pickle_value *value);
/* The module and name as a GLOBAL, or the refusal. */
whet_status whet_pickle_global_create(whet_pickle *p, const whet_pickle_options *opt, const char *module, size_t n_module,
                                      const char *name, size_t n_name, int64_t offset, whet_pickle_value **out);
/* What stands for callee(*args). */
whet_status whet_pickle_call(whet_pickle *p, const whet_pickle_options *opt, whet_pickle_value *callee, whet_pickle_value *args,
                             int64_t offset, whet_pickle_value **out);
/* Of the lines of protocol 0: 'it\\'s' without its quotes; Latin-1 with \\uXXXX and \\UXXXXXXXX as UTF-8. out has 2 n + 4 bytes. */
whet_status whet_pickle_unquote(const char *line, size_t n, char *out, size_t *length);
whet_status whet_pickle_unescape(const char *line, size_t n, char *out, size_t *length);

#endif
