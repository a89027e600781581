/* SPDX-License-Identifier: Apache-2.0 */
/* The operator table for reading, and what to say of operators that are not in it. */
#include "base/spelling.h"
#include "formats/tensorflow/tf_reader.h"

#define tf_read_none NULL
#define T(name, ir, read, write, outputs) {name, ir, tf_read_##read, outputs},
static const tf_op table[] = {
#include "formats/tensorflow/tf_ops.def"
};
#undef T

const tf_op *tf_op_find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].read && strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

const char *tf_op_near(const char *name)
{
    whet_spelling s = {.word = name};
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].read) whet_spelling_offer(&s, table[i].name);
    return s.distance <= 2 ? s.nearest : NULL;
}

const char *tf_op_advice(const char *name)
{
    static const struct { const char *part, *advice; } hints[] = {
        {"While", "export the network without loops"},
        {"If", "export the network without branches"},
        {"Case", "export the network without branches"},
        {"Switch", "freeze the graph for inference, so that no branch is left"},
        {"Merge", "freeze the graph for inference, so that no branch is left"},
        {"NextIteration", "export the network without loops"},
        {"NonMaxSuppression", "cut the graph in front of it (--cut-output)"},
        {"Decode", "cut the graph behind it (--cut-input) and hand decoded pictures over"},
        {"Parse", "cut the graph behind it (--cut-input)"},
        {"LookupTable", "cut the graph in front of it (--cut-output)"},
        {"HashTable", "cut the graph in front of it (--cut-output)"},
        {"Conv3D", "only two-dimensional convolutions are"},
        {"Quantized", "export with fake quantisation, or as TFLite"},
        {"Quantize", "export with FakeQuantWithMinMaxVars, or as TFLite"},
        {"Random", "freeze the graph for inference"},
        {"Grad", "export the inference graph"},
        {"Assign", "export the inference graph"}};
    for (size_t i = 0; i < WHET_COUNT(hints); i++)
        if (strstr(name, hints[i].part)) return hints[i].advice;
    return "cut the graph in front of it (--cut-output), or export without it";
}
