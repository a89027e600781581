/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all ONNX operators (onnx_ops.def) and spelling help. */
#include "base/spelling.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/onnx_upgrade.h"
#include "ir/op.h"

#define onnx_upgrade_none NULL
static const onnx_op_line lines[] = {
#define O(name, first, upgrade) {#name, first, onnx_upgrade_##upgrade},
#include "formats/onnx/onnx_ops.def"
#undef O
};

static int compare(const void *key, const void *line) { return strcmp(key, ((const onnx_op_line *)line)->name); }

const onnx_op_line *onnx_op_find(const char *name)
{
    return bsearch(name, lines, WHET_COUNT(lines), sizeof(lines[0]), compare);
}

int whet_onnx_op_since(const char *op)
{
    const onnx_op_line *line = onnx_op_find(op);
    return line ? line->first : 0;
}

const char *onnx_op_near(const char *name)
{
    whet_spelling s = {.word = name};
    for (int i = 0; i < whet_op_count(); i++)
        if (whet_op_at(i)->domain[0] == '\0') whet_spelling_offer(&s, whet_op_at(i)->name);
    return s.nearest;
}

static const char *const type_names[] = {"nothing", "an integer", "a number", "text", "a tensor", "integers", "numbers", "texts"};

whet_status onnx_op_check_attrs(const whet_op *op, const onnx_work *w)
{
    for (int i = 0; i < w->n_attr; i++) {
        const whet_attr *a = &w->attr[i];
        const whet_attr_def *d = op->attrs;
        while (d && d->name && strcmp(d->name, a->name) != 0) d++;
        if (!d || !d->name)
            return onnx_fail(w, WHET_EUNSUPPORTED, "%s: attribute '%s' is not handled (opset %d)", w->op, a->name, w->opset);
        if (d->type != a->type)
            return onnx_fail(w, WHET_EFORMAT, "%s: attribute '%s' must be %s, not %s", w->op, a->name, type_names[d->type],
                             type_names[a->type]);
    }
    for (const whet_attr_def *d = op->attrs; d && d->name; d++)
        if (d->required && !onnx_work_attr((onnx_work *)(uintptr_t)w, d->name))
            return onnx_fail(w, WHET_EFORMAT, "%s: attribute '%s' is missing", w->op, d->name);
    return WHET_OK;
}
