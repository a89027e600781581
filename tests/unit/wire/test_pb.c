/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers: known bytes, round trip of every kind, damage at every offset, limits. */
#include "support.h"
#include "wire/pb.h"

typedef struct leaf { whet_pb_head head; int64_t value; const char *name; } leaf;
typedef struct tree {
    whet_pb_head head;
    int64_t number;
    float f;
    double d;
    const char *text;
    whet_pb_bytes blob;
    const leaf *one;
    whet_pb_ints ints;
    whet_pb_floats floats;
    whet_pb_doubles doubles;
    whet_pb_strings texts;
    whet_pb_bytes_list blobs;
    WHET_PB_LIST(leaf) leaves;
} tree;

static const whet_pb_field leaf_fields[] = {
    WHET_PB_ONE(1, INT, leaf, value), WHET_PB_ONE(2, STRING, leaf, name), WHET_PB_END};
static const whet_pb_message leaf_message = {"Leaf", sizeof(leaf), leaf_fields};
static const whet_pb_field tree_fields[] = {
    WHET_PB_ONE(1, INT, tree, number), WHET_PB_ONE(2, FLOAT, tree, f), WHET_PB_ONE(3, DOUBLE, tree, d),
    WHET_PB_ONE(4, STRING, tree, text), WHET_PB_ONE(5, BYTES, tree, blob), WHET_PB_SUB(6, tree, one, leaf_message),
    WHET_PB_MANY(7, INT, tree, ints), WHET_PB_MANY(8, FLOAT, tree, floats), WHET_PB_MANY(9, DOUBLE, tree, doubles),
    WHET_PB_MANY(10, STRING, tree, texts), WHET_PB_MANY(11, BYTES, tree, blobs), WHET_PB_SUBS(200, tree, leaves, leaf_message),
    WHET_PB_END};
static const whet_pb_message tree_message = {"Tree", sizeof(tree), tree_fields};

static whet_status decode(const void *data, size_t size, whet_arena *a, tree *t)
{
    memset(t, 0, sizeof(*t));
    return whet_pb_decode(&tree_message, data, size, "t.pb", a, t);
}

static void known_bytes(void **state)
{
    (void)state;
    /* from the encoding page of the format: field 1 = 150; field 4 = "testing" */
    static const uint8_t bytes[] = {0x08, 0x96, 0x01, 0x22, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g'};
    whet_arena *a = whet_arena_create();
    tree t;
    uint8_t *again = NULL;
    size_t n = 0;
    assert_ok(decode(bytes, sizeof(bytes), a, &t));
    assert_int_equal(t.number, 150);
    assert_string_equal(t.text, "testing");
    assert_ok(whet_pb_encode_mem(&tree_message, &t, &again, &n));
    assert_int_equal(n, sizeof(bytes));
    assert_memory_equal(again, bytes, n);
    whet_free(again);
    whet_arena_free(a);
}

static void packed_and_unpacked_are_alike(void **state)
{
    (void)state;
    /* field 7: packed {3, 270, 86942}, then unpacked -1 */
    static const uint8_t bytes[] = {0x3a, 6, 3, 0x8e, 2, 0x9e, 0xa7, 5, 0x38, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const int64_t want[] = {3, 270, 86942, -1};
    whet_arena *a = whet_arena_create();
    tree t;
    assert_ok(decode(bytes, sizeof(bytes), a, &t));
    assert_int_equal(t.ints.n, 4);
    assert_memory_equal(t.ints.v, want, sizeof(want));
    whet_arena_free(a);
}

static void fill(tree *t)
{
    static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, 300};
    static const float floats[] = {0, 1.5f, -3e38f};
    static const double doubles[] = {1e300};
    static const char *const texts[] = {"", "\xc3\xa4", "abc"};
    static const whet_pb_bytes blobs[] = {{(const uint8_t *)"\0\1", 2}, {(const uint8_t *)"", 0}};
    static const leaf leaves[] = {{{0, 0}, 5, NULL}, {{0, 0}, 0, "x"}, {{0, 1}, 0, NULL}};
    static const leaf one = {{0, 0}, -7, "one"};
    *t = (tree){.number = -5, .f = 0.25f, .d = -2.5, .text = "t", .blob = {(const uint8_t *)"\0\0", 2}, .one = &one,
                .ints = {6, ints}, .floats = {3, floats}, .doubles = {1, doubles}, .texts = {3, texts}, .blobs = {2, blobs},
                .leaves = {3, leaves}};
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    tree t, back;
    uint8_t *bytes = NULL, *again = NULL;
    size_t n = 0, m = 0;
    whet_arena *a = whet_arena_create();
    fill(&t);
    assert_ok(whet_pb_encode_mem(&tree_message, &t, &bytes, &n));
    assert_int_equal(n, whet_pb_size(&tree_message, &t));
    assert_ok(decode(bytes, n, a, &back));
    assert_int_equal(back.number, -5);
    assert_true(back.f == 0.25f && back.d == -2.5);
    assert_int_equal(back.one->value, -7);
    assert_int_equal(back.ints.n, 6);
    assert_memory_equal(back.ints.v, t.ints.v, 48);
    assert_memory_equal(back.floats.v, t.floats.v, 12);
    assert_string_equal(back.texts.v[1], "\xc3\xa4");
    assert_int_equal(back.blobs.v[0].size, 2);
    assert_int_equal(back.leaves.n, 3);
    assert_string_equal(back.leaves.v[1].name, "x");
    assert_int_equal(back.leaves.v[2].head.has, 1);
    assert_true(back.leaves.v[0].head.offset > back.one->head.offset);
    assert_ok(whet_pb_encode_mem(&tree_message, &back, &again, &m));
    assert_int_equal(n, m);
    assert_memory_equal(bytes, again, n);
    whet_free(bytes);
    whet_free(again);
    whet_arena_free(a);
}

static void damage_is_an_error_with_a_place(void **state)
{
    (void)state;
    static const struct { uint8_t bytes[12]; size_t n; int64_t offset; const char *what; } bad[] = {
        {{0x08, 1, 0x08, 0xff}, 4, 2, "truncated integer"},
        {{0x22, 5, 'a'}, 3, 0, "length passes the end"},
        {{0x00, 1}, 2, 0, "field number"},
        {{0x0b}, 1, 0, "group"},
        {{0x0d, 1, 2, 3, 4}, 5, 0, "wrong wire type"},
        {{0x22, 1, 0}, 3, 0, "UTF-8"},
        {{0x22, 2, 0xc3, 0x28}, 4, 0, "UTF-8"},
        {{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 11, 0, "truncated integer"},
        {{0x42, 3, 1, 2, 3}, 5, 0, "multiple"},
        {{0x3a, 1, 0x80}, 3, 0, "packed"}};
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        whet_arena *a = whet_arena_create();
        tree t;
        assert_status(decode(bad[i].bytes, bad[i].n, a, &t), WHET_EFORMAT);
        assert_contains(whet_error_message(), bad[i].what);
        assert_string_equal(whet_error_last()->file, "t.pb");
        assert_int_equal(whet_error_last()->offset, bad[i].offset);
        whet_arena_free(a);
    }
}

static void truncation_never_crashes(void **state)
{
    (void)state;
    tree t, back;
    uint8_t *bytes = NULL;
    size_t n = 0, refused = 0;
    fill(&t);
    assert_ok(whet_pb_encode_mem(&tree_message, &t, &bytes, &n));
    for (size_t cut = 0; cut < n; cut++) {
        whet_arena *a = whet_arena_create();
        uint8_t *copy = malloc(cut + 1); /* exact, so that address checkers see an overrun */
        copy = realloc(copy, cut ? cut : 1);
        memcpy(copy, bytes, cut);
        whet_status s = decode(copy, cut, a, &back);
        assert_true(s == WHET_OK || s == WHET_EFORMAT);
        refused += s != WHET_OK;
        free(copy);
        whet_arena_free(a);
    }
    assert_true(refused > n / 2);
    whet_free(bytes);
}

typedef struct nest { whet_pb_head head; const struct nest *sub; } nest;
extern const whet_pb_message nest_message;
static const whet_pb_field nest_fields[] = {{1, WHET_PB_MESSAGE, false, offsetof(nest, sub), &nest_message}, WHET_PB_END};
const whet_pb_message nest_message = {"Nest", sizeof(nest), nest_fields};

static void nesting_is_limited(void **state)
{
    (void)state;
    uint8_t bytes[2 * 60];
    nest n = {{0, 0}, NULL};
    whet_arena *a = whet_arena_create();
    for (int i = 0; i < 60; i++) {
        bytes[2 * i] = 0x0a;
        bytes[2 * i + 1] = (uint8_t)(118 - 2 * i);
    }
    assert_status(whet_pb_decode(&nest_message, bytes, sizeof(bytes), "n", a, &n), WHET_EFORMAT);
    assert_contains(whet_error_message(), "nested too deeply");
    assert_ok(whet_pb_decode(&nest_message, bytes + 2 * 40, 40, "n", a, &n));
    whet_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes), cmocka_unit_test(packed_and_unpacked_are_alike), cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(damage_is_an_error_with_a_place), cmocka_unit_test(truncation_never_crashes),
        cmocka_unit_test(nesting_is_limited)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
