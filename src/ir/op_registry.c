/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operators, made from ops.def, and lookup in it. The table is short, so lookup compares names in order. */
#include <stdio.h>
#include <string.h>

#include "ir/ops.h"

const whet_attr_def attrs_none[] = {ATTR_END};
#define grad_none NULL

static const whet_op ops[] = {
#define OP3(d, n, s, mi, xi, mo, xo, f, at, in, gr)                                                                 \
    {.domain = d, .name = n, .since = s, .min_in = mi, .max_in = xi, .min_out = mo, .max_out = xo,                  \
     .flags = (uint32_t)(f), .attrs = attrs_##at, .infer = infer_##in, .grad = grad_##gr},
#include "ir/ops.def"
#undef OP3
};

int whet_op_count(void) { return (int)WHET_COUNT(ops); }

const whet_op *whet_op_at(int i) { return &ops[i]; }

const whet_op *whet_op_find_in(const char *domain, const char *name)
{
    if (strcmp(domain, "ai.onnx") == 0) domain = "";
    for (size_t i = 0; i < WHET_COUNT(ops); i++)
        if (strcmp(ops[i].name, name) == 0 && strcmp(ops[i].domain, domain) == 0) return &ops[i];
    return NULL;
}

const whet_op *whet_op_find(const char *op_name)
{
    if (strncmp(op_name, "whet.", 5) == 0) return whet_op_find_in("whet", op_name + 5);
    return whet_op_find_in("", op_name);
}

const char *whet_op_text(const whet_op *op, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s%s", op->domain, op->domain[0] == '\0' ? "" : ".", op->name);
    return buf;
}
