/* SPDX-License-Identifier: Apache-2.0 */
/* The restricted pickle reader: every kind of value in the forms of each protocol, every attack with its own message, cutting
 * at every byte, and the writer's own output. */
#include "support.h"
#include "wire/pickle.h"
#include "wire/pickle_write.h"

static const whet_pickle_global globals[] = {
    {"collections", "OrderedDict", WHET_PICKLE_MAPPING}, {"torch", "FloatStorage", WHET_PICKLE_NAMED},
    {"torch._utils", "_rebuild_tensor_v2", WHET_PICKLE_CALLED}, {"__torch__*", "*", WHET_PICKLE_CALLED | WHET_PICKLE_BUILT}};
static const whet_pickle_options options = {globals, WHET_COUNT(globals), "tensors and containers", 0, 0};

#define BYTES(text) (text), sizeof(text) - 1

static whet_pickle *read_pickle(const void *data, size_t n)
{
    whet_pickle *p = NULL;
    assert_ok(whet_pickle_read(&p, data, n, "p.pkl", &options, NULL));
    return p;
}

static void refused(const void *data, size_t n, whet_status status, const char *message, int64_t offset)
{
    whet_pickle *p = NULL;
    assert_status(whet_pickle_read(&p, data, n, "p.pkl", &options, NULL), status);
    assert_null(p);
    assert_contains(whet_error_message(), message);
    assert_string_equal(whet_error_last()->file, "p.pkl");
    if (offset >= 0) assert_int_equal(whet_error_last()->offset, offset);
}

static void expect_int(const void *data, size_t n, int64_t want)
{
    whet_pickle *p = read_pickle(data, n);
    assert_int_equal(whet_pickle_root(p)->kind, WHET_PICKLE_INT);
    assert_int_equal(whet_pickle_root(p)->i, want);
    whet_pickle_free(p);
}

static void numbers(void **state)
{
    (void)state;
    expect_int(BYTES("K\xff."), 255);
    expect_int(BYTES("\x80\x02M\x34\x12."), 0x1234);
    expect_int(BYTES("J\xfe\xff\xff\xff."), -2);
    expect_int(BYTES("I-17\n."), -17);
    expect_int(BYTES("L9223372036854775807L\n."), INT64_MAX);
    expect_int(BYTES("\x8a\x00."), 0);
    expect_int(BYTES("\x8a\x02\xff\x7f."), 32767);
    expect_int(BYTES("\x8a\x01\x80."), -128);
    expect_int(BYTES("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\xff."), -1);
    expect_int(BYTES("\x8b\x03\0\0\0\x00\x00\x80."), -8388608);
    whet_pickle *p = read_pickle(BYTES("\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19."));
    assert_int_equal(whet_pickle_root(p)->kind, WHET_PICKLE_LONG);
    assert_int_equal(whet_pickle_root(p)->n, 10);
    whet_pickle_free(p);
    p = read_pickle(BYTES("(G@\x09\x21\xfbTD-\x18" "F-2.5e3\nI01\nI00\n\x88\x89Nt."));
    const whet_pickle_value *t = whet_pickle_root(p);
    assert_int_equal(t->kind, WHET_PICKLE_TUPLE);
    assert_int_equal(t->n, 7);
    assert_true(t->items[0]->f > 3.14159 && t->items[0]->f < 3.1416);
    assert_true(t->items[1]->f == -2500);
    for (int i = 2; i < 6; i++) {
        assert_int_equal(t->items[i]->kind, WHET_PICKLE_BOOL);
        assert_int_equal(t->items[i]->i, i % 2 == 0);
    }
    assert_int_equal(t->items[6]->kind, WHET_PICKLE_NONE);
    whet_pickle_free(p);
}

static void expect_text(const void *data, size_t n, whet_pickle_kind kind, const char *want)
{
    whet_pickle *p = read_pickle(data, n);
    assert_int_equal(whet_pickle_root(p)->kind, kind);
    assert_int_equal(whet_pickle_root(p)->n, strlen(want));
    assert_memory_equal(whet_pickle_root(p)->text, want, strlen(want) + 1);
    whet_pickle_free(p);
}

static void texts(void **state)
{
    (void)state;
    expect_text(BYTES("X\x03\0\0\0a\xc3\xa9."), WHET_PICKLE_TEXT, "a\xc3\xa9");
    expect_text(BYTES("\x8c\x02hi."), WHET_PICKLE_TEXT, "hi");
    expect_text(BYTES("\x8d\x02\0\0\0\0\0\0\0hi."), WHET_PICKLE_TEXT, "hi");
    expect_text(BYTES("U\x02hi."), WHET_PICKLE_TEXT, "hi");
    expect_text(BYTES("U\x02\xff\xfe."), WHET_PICKLE_BYTES, "\xff\xfe");
    expect_text(BYTES("T\x02\0\0\0hi."), WHET_PICKLE_TEXT, "hi");
    expect_text(BYTES("C\x02hi."), WHET_PICKLE_BYTES, "hi");
    expect_text(BYTES("B\x02\0\0\0hi."), WHET_PICKLE_BYTES, "hi");
    expect_text(BYTES("\x8e\x02\0\0\0\0\0\0\0hi."), WHET_PICKLE_BYTES, "hi");
    expect_text(BYTES("S'it\\'s\\n\\x41'\n."), WHET_PICKLE_TEXT, "it's\nA");
    expect_text(BYTES("S\"q\"\n."), WHET_PICKLE_TEXT, "q");
    expect_text(BYTES("V\\u00e9\xe9\\U0001f600\n."), WHET_PICKLE_TEXT, "\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80");
    refused(BYTES("X\x01\0\0\0\xff."), WHET_EFORMAT, "not UTF-8", 0);
    refused(BYTES("S'open\n."), WHET_EFORMAT, "without quotes", 0);
    refused(BYTES("S'\\q'\n."), WHET_EFORMAT, "unknown escape", 0);
    refused(BYTES("V\\u00g0\n."), WHET_EFORMAT, "damaged \\u escape", 0);
}

static void containers(void **state)
{
    (void)state;
    whet_pickle *p = read_pickle(BYTES("\x80\x02}q\0(U\x01" "a]q\x01(K\x01K\x02" "eU\x01" "bh\x01U\x01" "aK\x07u."));
    const whet_pickle_value *d = whet_pickle_root(p);
    assert_int_equal(d->kind, WHET_PICKLE_DICT);
    assert_int_equal(d->n, 3);
    assert_int_equal(whet_pickle_get(d, "a")->i, 7); /* the last one counts */
    assert_int_equal(whet_pickle_get(d, "b")->n, 2);
    assert_ptr_equal(whet_pickle_get(d, "b"), d->items[1]);
    assert_null(whet_pickle_get(d, "c"));
    whet_pickle_free(p);
    p = read_pickle(BYTES("(lp0\nI1\naI2\na(dp1\nS'k'\nI3\nsg0\n\x87."));
    assert_int_equal(whet_pickle_root(p)->items[1]->kind, WHET_PICKLE_DICT);
    assert_int_equal(whet_pickle_root(p)->items[0]->n, 2);
    assert_ptr_equal(whet_pickle_root(p)->items[0], whet_pickle_root(p)->items[2]);
    whet_pickle_free(p);
    p = read_pickle(BYTES("\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94h\0a.")); /* a list in itself */
    assert_ptr_equal(whet_pickle_root(p)->items[0], whet_pickle_root(p));
    whet_pickle_free(p);
}

static void calls_are_written_down(void **state)
{
    (void)state;
    whet_pickle *p = read_pickle(BYTES("\x80\x02" "ccollections\nOrderedDict\n)R(U\x01" "wctorch._utils\n_rebuild_tensor_v2\n((U\x07storage"
                                       "ctorch\nFloatStorage\nU\x01" "0tQK\x05tRu}U\x09_metadataNsb."));
    const whet_pickle_value *d = whet_pickle_root(p), *t = whet_pickle_get(d, "w");
    assert_int_equal(d->kind, WHET_PICKLE_DICT);
    assert_non_null(d->state);
    assert_true(whet_pickle_is(t, "torch._utils", "_rebuild_tensor_v2"));
    assert_int_equal(t->args->n, 2);
    assert_int_equal(t->args->items[0]->kind, WHET_PICKLE_PERSISTENT);
    assert_int_equal(whet_pickle_persistent_count(p), 1);
    assert_true(whet_pickle_is(whet_pickle_persistent_at(p, 0)->args->items[1], "torch", "FloatStorage"));
    whet_pickle_free(p);
    p = read_pickle(BYTES("ccollections\nOrderedDict\n(]]U\x01" "aaK\x01" "aatR.")); /* as protocol 0 and 1 make it: pairs */
    assert_int_equal(whet_pickle_root(p)->n, 0 + 1);
    whet_pickle_free(p);
    p = read_pickle(BYTES("\x80\x04\x8c\x11__torch__.a.b.Net\x8c\x03Net\x93)\x81}\x8c\x01xK\x03sb."));
    assert_int_equal(whet_pickle_get(whet_pickle_root(p)->state, "x")->i, 3);
    whet_pickle_free(p);
}

/* Each attack, where it is found, and what is said of it. */
static void attacks(void **state)
{
    (void)state;
    refused(BYTES("cos\nsystem\n(S'rm -rf /'\ntR."), WHET_EUNSUPPORTED,
            "'os.system' is refused: this file may build tensors and containers only; nothing was executed", 0);
    refused(BYTES("\x80\x04\x8c\x08" "builtins\x8c\x04" "eval\x93\x8c\x01" "1\x85R."), WHET_EUNSUPPORTED, "'builtins.eval' is refused", 18);
    refused(BYTES("\x80\x02}U\x01" "a](cposix\nsystem\n(U\x02idtRes."), WHET_EUNSUPPORTED, "'posix.system' is refused", 8);
    refused(BYTES("(S'id'\nios\nsystem\n."), WHET_EUNSUPPORTED, "'os.system' is refused", 7);
    refused(BYTES("(cos\npopen\nS'id'\no."), WHET_EUNSUPPORTED, "'os.popen' is refused", 1);
    refused(BYTES("ctorch._utils\n_rebuild_tensor\n."), WHET_EUNSUPPORTED, "'torch._utils._rebuild_tensor' is refused", 0);
    refused(BYTES("ctorch\nFloatStorage\n)R."), WHET_EUNSUPPORTED, "the call of 'torch.FloatStorage' is refused: it may only be named", 21);
    refused(BYTES("U\x02os)R."), WHET_EUNSUPPORTED, "the call of a text is refused", 5);
    refused(BYTES("ctorch._utils\n_rebuild_tensor_v2\n)R)R."), WHET_EUNSUPPORTED, "the call of a 'torch._utils._rebuild_tensor_v2' is refused", -1);
    refused(BYTES("ctorch._utils\n_rebuild_tensor_v2\n)R}b."), WHET_EUNSUPPORTED, "setting the state of a 'torch._utils._rebuild_tensor_v2'", -1);
    refused(BYTES("]}b."), WHET_EUNSUPPORTED, "setting the state of a list", 2);
    refused(BYTES("ctorch._utils\n_rebuild_tensor_v2\n)}U\x01" "aNs\x92."), WHET_EUNSUPPORTED, "named arguments", -1);
    refused(BYTES("\x82\x01."), WHET_EUNSUPPORTED, "an extension code", 0);
    refused(BYTES("\x8f."), WHET_EUNSUPPORTED, "a set is refused", 0);
    refused(BYTES("\x97."), WHET_EUNSUPPORTED, "a buffer outside of the pickle", 0);
    refused(BYTES("\x80\x06."), WHET_EUNSUPPORTED, "protocol 6", 0);
    refused(BYTES("Nr\xff\xff\xff\x7f."), WHET_EFORMAT, "memo entry 2147483647 in a pickle of 7 bytes: a bomb", 1);
    refused(BYTES("Np-1\n."), WHET_EFORMAT, "memo entry 18446744073709551615", 1);
    refused(BYTES("h\x05."), WHET_EFORMAT, "memo entry 5 is read, but was never written", 0);
    refused(BYTES("\x8b\xff\xff\xff\x7f."), WHET_EFORMAT, "an integer of 2147483647 bytes; the limit is 16", 0);
    refused(BYTES("\x8a\x11" "12345678901234567."), WHET_EFORMAT, "an integer of 17 bytes; the limit is 16", 0);
    refused(BYTES("L999999999999999999999L\n."), WHET_EFORMAT, "no whole number of 64 bits", 0);
    refused(BYTES("I1111111111111111111111111111111111111111111111111111111111111111111111111\n."), WHET_EFORMAT, "a number of 73 digits", 0);
    refused(BYTES("X\xff\xff\xff\xff" "a."), WHET_EFORMAT, "cut off: 4294967295 bytes belong to this opcode, 2 are there", 0);
    refused(BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "a."), WHET_EFORMAT, "cut off: 18446744073709551615 bytes", 0);
    refused(BYTES("\x95\xff\0\0\0\0\0\0\0N."), WHET_EFORMAT, "a frame of 255 bytes passes the end", 0);
    refused(BYTES("\xfe."), WHET_EFORMAT, "0xfe is no opcode", 0);
    refused(BYTES("."), WHET_EFORMAT, "ends with 0 values", 0);
    refused(BYTES("NN."), WHET_EFORMAT, "ends with 2 values", 2);
    refused(BYTES("N.x"), WHET_EFORMAT, "1 bytes behind the end", 2);
    refused(BYTES("R."), WHET_EFORMAT, "opcode 0x52 needs 2 values on the stack, there are 0", 0);
    refused(BYTES("NN(\x86."), WHET_EFORMAT, "opcode 0x86 needs 2 values on the stack, there are 0", 3);
    refused(BYTES("t."), WHET_EFORMAT, "opcode 0x74 finds no mark", 0);
    refused(BYTES("}(Nu."), WHET_EFORMAT, "a key without a value", 3);
    refused(BYTES("NNa."), WHET_EFORMAT, "an item is appended to a None", 2);
    refused(BYTES("]NNs."), WHET_EFORMAT, "an item of a list is set", 3);
    refused(BYTES("ccollections\nOrderedDict\n]NaR."), WHET_EFORMAT, "called with a list", -1);
    refused(BYTES("ccollections\nOrderedDict\n]Na\x85R."), WHET_EFORMAT, "neither nothing nor pairs", -1);
}

/* Levels, width and growth: what must not cost stack, time or memory. */
static void bombs(void **state)
{
    (void)state;
    const size_t n = 400000;
    char *deep = whet_alloc(2 * n + 1);
    assert_non_null(deep);
    memset(deep, ']', n); /* [[[[...]]]] */
    memset(deep + n, 'a', n - 1);
    deep[2 * n - 1] = '.';
    refused(deep, 2 * n, WHET_EFORMAT, "nested deeper than 200 levels", -1);
    memset(deep, ')', 1);
    memset(deep + 1, '\x85', n);
    deep[n + 1] = '.';
    refused(deep, n + 2, WHET_EFORMAT, "nested deeper than 200 levels", -1);
    memset(deep, '(', n);
    refused(deep, n, WHET_EFORMAT, "cut off: no end", -1);
    whet_free(deep);
    const size_t wide = (size_t)3 << 20; /* three million lists of one byte each would be 200 MB */
    char *many = whet_alloc(wide);
    assert_non_null(many);
    memset(many, ']', wide);
    refused(many, wide, WHET_EFORMAT, "bytes of memory would be needed, which a pickle of this size may not: a bomb", -1);
    whet_free(many);
}

/* No prefix of a pickle is one. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const char whole[] = "\x80\x04\x95\x30\0\0\0\0\0\0\0}\x94(\x8c\x01" "a]\x94(K\x01M\x01\x02J\1\2\3\4\x8a\x02\1\2G@\x09\x21\xfbTD-\x18" "e\x8c\x01" "bU\x02hiX\1\0\0\0yNu.";
    whet_pickle *p = NULL;
    size_t n = sizeof(whole) - 1;
    char copy[sizeof(whole)];
    memcpy(copy, whole, sizeof(whole));
    copy[3] = (char)(n - 11);
    assert_ok(whet_pickle_read(&p, copy, n, "p", &options, NULL));
    whet_pickle_free(p);
    for (size_t i = 0; i < n; i++) {
        char *part = malloc(i ? i : 1);
        assert_non_null(part);
        memcpy(part, copy, i);
        assert_status(whet_pickle_read(&p, part, i, "p", &options, NULL), WHET_EFORMAT);
        free(part);
    }
}

static void several_in_a_row(void **state)
{
    (void)state;
    whet_pickle *p = NULL;
    size_t used = 0;
    whet_pickle_options o = options;
    o.base = 100;
    assert_ok(whet_pickle_read(&p, "K\x05.K\x06.", 6, "p", &o, &used));
    assert_int_equal(used, 3);
    whet_pickle_free(p);
    assert_status(whet_pickle_read(&p, "N\xfe", 2, "p", &o, &used), WHET_EFORMAT);
    assert_int_equal(whet_error_last()->offset, 101);
}

static void written_and_read(void **state)
{
    (void)state;
    static const int64_t ints[] = {0, 255, 256, 65535, 65536, -1, INT32_MAX, INT32_MIN, (int64_t)1 << 40, INT64_MIN};
    whet_pickle_writer w;
    whet_strbuf out;
    whet_strbuf_init(&out);
    whet_pickle_begin(&w, &out);
    whet_pickle_empty_dict(&w);
    whet_pickle_mark(&w);
    whet_pickle_put_word(&w, "ints");
    whet_pickle_put_ints(&w, (int)WHET_COUNT(ints), ints);
    whet_pickle_put_text(&w, "few");
    whet_pickle_put_ints(&w, 2, ints);
    whet_pickle_put_word(&w, "ints"); /* from the memo, as a key again */
    whet_pickle_put_ints(&w, (int)WHET_COUNT(ints), ints);
    whet_pickle_put_text(&w, "real");
    whet_pickle_put_float(&w, 0.1);
    whet_pickle_put_text(&w, "made");
    for (int i = 0; i < 2; i++) {
        whet_pickle_put_global(&w, "torch._utils", "_rebuild_tensor_v2");
        whet_pickle_empty_tuple(&w);
        whet_pickle_reduce(&w);
        if (i == 0) whet_pickle_put_bool(&w, true);
    }
    whet_pickle_setitems(&w);
    whet_pickle_end(&w);
    assert_false(out.failed);
    whet_pickle *p = read_pickle(out.data, out.len);
    const whet_pickle_value *d = whet_pickle_root(p), *t = whet_pickle_get(d, "ints");
    assert_int_equal(t->n, WHET_COUNT(ints));
    for (size_t i = 0; i < t->n; i++) assert_int_equal(t->items[i]->i, ints[i]);
    assert_true(whet_pickle_get(d, "real")->f == 0.1);
    assert_int_equal(whet_pickle_get(d, "few")->n, 2);
    assert_true(whet_pickle_is(whet_pickle_get(d, "made"), "torch._utils", "_rebuild_tensor_v2"));
    whet_pickle_free(p);
    whet_strbuf_dispose(&out);
}

static whet_status read_once(void *arg)
{
    whet_pickle *p = NULL;
    const char *text = arg;
    const whet_status status = whet_pickle_read(&p, text, strlen(text), "p", &options, NULL);
    whet_pickle_free(p);
    return status;
}

static void no_memory(void **state)
{
    char text[] = "(lp1\nccollections\nOrderedDict\n(tRp2\nS'a'\nI1\nsaS'id'\nQ.";
    (void)state;
    text[sizeof(text) - 3] = 'a'; /* the text goes into the list */
    assert_true(support_fail_each_allocation(read_once, text) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(texts), cmocka_unit_test(containers), cmocka_unit_test(calls_are_written_down),
        cmocka_unit_test(attacks), cmocka_unit_test(bombs), cmocka_unit_test(cut_anywhere), cmocka_unit_test(several_in_a_row),
        cmocka_unit_test(written_and_read), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
