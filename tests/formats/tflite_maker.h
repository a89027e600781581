/* SPDX-License-Identifier: Apache-2.0 */
/* Writes small TFLite files for the reader's tests, right and wrong ones. Every field of a table takes eight bytes; parents come
 * before children, so all offsets lead forward. */
#ifndef WHET_TESTS_TFLITE_MAKER_H
#define WHET_TESTS_TFLITE_MAKER_H

#include "formats/tflite/tflite_schema.h"
#include "support.h"

typedef struct maker { uint8_t p[1 << 16]; size_t n; } maker;

typedef struct mk_tensor {
    const char *name;
    int type, rank;
    int32_t shape[6];
    const void *data; /* constants */
    size_t bytes;
    float scale;      /* 0: not quantised */
    int64_t zero;
    uint64_t outside; /* where the bytes stand, if behind the flatbuffer */
} mk_tensor;

typedef struct mk_field { int field; int64_t value; } mk_field;
typedef struct mk_op {
    int code, version, options; /* options: TFL_OPT_... */
    int n_in, in[6], n_out, out[3];
    int n_opt;
    mk_field opt[8];
    const char *custom;
} mk_op;

static inline size_t mk_bytes(maker *m, const void *data, size_t n)
{
    m->n = (m->n + 7) / 8 * 8;
    assert_true(m->n + n < sizeof(m->p));
    const size_t at = m->n;
    if (data) memcpy(m->p + at, data, n);
    m->n += n;
    return at;
}

static inline void mk_u32(maker *m, size_t at, uint32_t x) { memcpy(m->p + at, &x, 4); }
static inline void mk_link(maker *m, size_t from, size_t to) { mk_u32(m, from, (uint32_t)(to - from)); }

/* A table with the fields of the mask; field i's bytes are at mk_at(table, i). */
static inline size_t mk_table(maker *m, uint32_t mask)
{
    uint16_t vtable[40] = {4, 8};
    int n = 0;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1) n = i + 1;
    vtable[0] = (uint16_t)(4 + 2 * n);
    vtable[1] = (uint16_t)(8 + 8 * n);
    for (int i = 0; i < n; i++) vtable[2 + i] = mask >> i & 1 ? (uint16_t)(8 + 8 * i) : 0;
    const size_t v = mk_bytes(m, vtable, vtable[0]), t = mk_bytes(m, NULL, vtable[1]);
    mk_u32(m, t, (uint32_t)(t - v));
    return t;
}
static inline size_t mk_at(size_t table, int field) { return table + 8 + 8 * (size_t)field; }
static inline void mk_int(maker *m, size_t table, int field, int64_t x) { memcpy(m->p + mk_at(table, field), &x, 8); }

static inline size_t mk_list(maker *m, size_t n, size_t element, const void *data)
{
    const uint32_t count = (uint32_t)n;
    const size_t at = mk_bytes(m, &count, 4);
    m->n += n * element; /* element 8 is not aligned: readers copy */
    assert_true(m->n < sizeof(m->p));
    if (data) memcpy(m->p + at + 4, data, n * element);
    return at;
}
static inline void mk_text(maker *m, size_t table, int field, const char *text)
{
    mk_link(m, mk_at(table, field), mk_list(m, strlen(text), 1, text));
    m->n++;
}
static inline void mk_ints(maker *m, size_t table, int field, int n, const int32_t *x)
{
    mk_link(m, mk_at(table, field), mk_list(m, (size_t)n, 4, x));
}

static inline size_t mk_tables(maker *m, size_t table, int field, int n)
{
    const size_t v = mk_list(m, (size_t)n, 4, NULL);
    mk_link(m, mk_at(table, field), v);
    return v + 4;
}

static inline void mk_tensor_table(maker *m, const mk_tensor *t, int number, size_t from)
{
    const size_t at = mk_table(m, 0x1f);
    mk_link(m, from, at);
    mk_ints(m, at, TFL_TENSOR_SHAPE, t->rank, t->shape);
    mk_int(m, at, TFL_TENSOR_TYPE, t->type);
    mk_int(m, at, TFL_TENSOR_BUFFER, number + 1);
    mk_text(m, at, TFL_TENSOR_NAME, t->name);
    const size_t q = mk_table(m, 0xc);
    mk_link(m, mk_at(at, TFL_TENSOR_QUANTIZATION), q);
    mk_link(m, mk_at(q, TFL_QUANT_SCALE), mk_list(m, t->scale != 0, 4, &t->scale));
    mk_link(m, mk_at(q, TFL_QUANT_ZERO_POINT), mk_list(m, t->scale != 0, 8, &t->zero));
}

static inline void mk_op_table(maker *m, const mk_op *o, int number, size_t from)
{
    const size_t at = mk_table(m, 0x1f);
    int32_t list[6];
    uint32_t mask = 0;
    mk_link(m, from, at);
    mk_int(m, at, TFL_OPERATOR_OPCODE, number);
    for (int i = 0; i < o->n_in; i++) list[i] = o->in[i];
    mk_ints(m, at, TFL_OPERATOR_INPUTS, o->n_in, list);
    for (int i = 0; i < o->n_out; i++) list[i] = o->out[i];
    mk_ints(m, at, TFL_OPERATOR_OUTPUTS, o->n_out, list);
    mk_int(m, at, TFL_OPERATOR_OPTIONS_TYPE, o->options);
    for (int i = 0; i < o->n_opt; i++) mask |= 1u << o->opt[i].field;
    const size_t opt = mk_table(m, mask);
    mk_link(m, mk_at(at, TFL_OPERATOR_OPTIONS), opt);
    for (int i = 0; i < o->n_opt; i++) mk_int(m, opt, o->opt[i].field, o->opt[i].value);
}

static inline void mk_model(maker *m, int n_tensors, const mk_tensor *tensors, int n_ops, const mk_op *ops, int n_in, const int32_t *in,
                            int n_out, const int32_t *out)
{
    memset(m, 0, sizeof(*m));
    m->n = 8;
    memcpy(m->p + 4, TFL_IDENTIFIER, 4);
    const size_t model = mk_table(m, 0x17);
    mk_link(m, 0, model);
    mk_int(m, model, TFL_MODEL_VERSION, 3);
    size_t v = mk_tables(m, model, TFL_MODEL_OPERATOR_CODES, n_ops);
    for (int i = 0; i < n_ops; i++) {
        const size_t code = mk_table(m, ops[i].custom ? 0xf : 0xd);
        mk_link(m, v + 4 * (size_t)i, code);
        mk_int(m, code, TFL_OPCODE_DEPRECATED_BUILTIN, ops[i].code < 127 ? ops[i].code : 127);
        mk_int(m, code, TFL_OPCODE_BUILTIN, ops[i].code);
        mk_int(m, code, TFL_OPCODE_VERSION, ops[i].version);
        if (ops[i].custom) mk_text(m, code, TFL_OPCODE_CUSTOM, ops[i].custom);
    }
    v = mk_tables(m, model, TFL_MODEL_BUFFERS, n_tensors + 1);
    for (int i = 0; i <= n_tensors; i++) {
        const bool outside = i > 0 && tensors[i - 1].outside > 0;
        const size_t b = mk_table(m, outside ? 6 : i > 0 && tensors[i - 1].data ? 1 : 0);
        mk_link(m, v + 4 * (size_t)i, b);
        if (outside) {
            mk_int(m, b, TFL_BUFFER_OFFSET, (int64_t)tensors[i - 1].outside);
            mk_int(m, b, TFL_BUFFER_SIZE, (int64_t)tensors[i - 1].bytes);
        } else if (i > 0 && tensors[i - 1].data) mk_link(m, mk_at(b, 0), mk_list(m, tensors[i - 1].bytes, 1, tensors[i - 1].data));
    }
    v = mk_tables(m, model, TFL_MODEL_SUBGRAPHS, 1);
    const size_t graph = mk_table(m, 0xf);
    mk_link(m, v, graph);
    v = mk_tables(m, graph, TFL_SUBGRAPH_TENSORS, n_tensors);
    for (int i = 0; i < n_tensors; i++) mk_tensor_table(m, &tensors[i], i, v + 4 * (size_t)i);
    mk_ints(m, graph, TFL_SUBGRAPH_INPUTS, n_in, in);
    mk_ints(m, graph, TFL_SUBGRAPH_OUTPUTS, n_out, out);
    v = mk_tables(m, graph, TFL_SUBGRAPH_OPERATORS, n_ops);
    for (int i = 0; i < n_ops; i++) mk_op_table(m, &ops[i], i, v + 4 * (size_t)i);
    m->n = (m->n + 7) / 8 * 8;
}

#endif
