/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives: what the writer writes is read back as views, and archives made by hand that break a rule each. */
#include "support.h"

#ifdef WHET_MINIMAL
static void without_libzip(void **state)
{
    (void)state;
    support_skip("libzip", "minimal builds have none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_libzip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <zlib.h>

#include "wire/zip.h"
#include "wire/zip_write.h"

/* An archive under construction, every field open to lies. */
typedef struct made { uint8_t b[1 << 20]; size_t n; uint8_t dir[1 << 18]; size_t n_dir; int entries; } made;
typedef struct lie { int method; uint32_t size, crc; int flags; } lie;

static void put(uint8_t *b, size_t *n, unsigned width, uint64_t x)
{
    for (unsigned i = 0; i < width; i++) b[(*n)++] = (uint8_t)(x >> (8 * i));
}

static void put_header(uint8_t *b, size_t *n, const lie *l, uint32_t packed, const char *name)
{
    put(b, n, 2, 20);
    put(b, n, 2, (uint64_t)l->flags);
    put(b, n, 2, (uint64_t)l->method);
    put(b, n, 4, 0);
    put(b, n, 4, l->crc);
    put(b, n, 4, packed);
    put(b, n, 4, l->size);
    put(b, n, 2, strlen(name));
    put(b, n, 2, 0);
}

static void add_with(made *m, const char *name, const void *data, size_t size, lie l)
{
    const size_t at = m->n;
    put(m->b, &m->n, 4, 0x04034b50);
    put_header(m->b, &m->n, &l, (uint32_t)size, name);
    memcpy(m->b + m->n, name, strlen(name));
    m->n += strlen(name);
    memcpy(m->b + m->n, data, size);
    m->n += size;
    put(m->dir, &m->n_dir, 4, 0x02014b50);
    put(m->dir, &m->n_dir, 2, 20);
    put_header(m->dir, &m->n_dir, &l, (uint32_t)size, name);
    put(m->dir, &m->n_dir, 8, 0); /* comment length, disk and attributes */
    put(m->dir, &m->n_dir, 2, 0);
    put(m->dir, &m->n_dir, 4, at);
    memcpy(m->dir + m->n_dir, name, strlen(name));
    m->n_dir += strlen(name);
    m->entries++;
}

static void add_stored(made *m, const char *name, const char *text)
{
    add_with(m, name, text, strlen(text), (lie){0, (uint32_t)strlen(text), (uint32_t)crc32(0, (const uint8_t *)text, (uInt)strlen(text)), 0});
}

static size_t deflate_zeros(uint8_t *out, size_t room, size_t zeros)
{
    z_stream z = {.next_out = out, .avail_out = (uInt)room};
    uint8_t *in = whet_calloc(zeros, 1);
    assert_non_null(in);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = in;
    z.avail_in = (uInt)zeros;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t n = z.total_out;
    deflateEnd(&z);
    whet_free(in);
    return n;
}

static void finish(made *m)
{
    const size_t at = m->n;
    memcpy(m->b + m->n, m->dir, m->n_dir);
    m->n += m->n_dir;
    put(m->b, &m->n, 4, 0x06054b50);
    put(m->b, &m->n, 4, 0);
    put(m->b, &m->n, 2, (uint64_t)m->entries);
    put(m->b, &m->n, 2, (uint64_t)m->entries);
    put(m->b, &m->n, 4, m->n_dir);
    put(m->b, &m->n, 4, at);
    put(m->b, &m->n, 2, 0);
}

static made *start(void)
{
    made *m = whet_calloc(1, sizeof(*m));
    assert_non_null(m);
    return m;
}

static void refused(made *m, whet_status status, const char *message)
{
    whet_zip *z = NULL;
    finish(m);
    assert_status(whet_zip_open_mem(&z, m->b, m->n, "m.zip"), status);
    assert_null(z);
    assert_contains(whet_error_message(), message);
    assert_string_equal(whet_error_last()->file, "m.zip");
    whet_free(m);
}

static void names(void **state)
{
    (void)state;
    static const char *const bad[] = {"../evil", "a/../../evil", "/etc/passwd", "a\\..\\b", "C:/x"};
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        made *m = start();
        add_stored(m, bad[i], "x");
        refused(m, WHET_EFORMAT, "leads out of the archive: path traversal");
    }
    made *m = start();
    add_stored(m, "a/b", "x");
    add_stored(m, "a/c", "x");
    add_stored(m, "a/b", "y");
    refused(m, WHET_EFORMAT, "the entry 'a/b' stands twice");
    m = start();
    add_stored(m, "a\xff", "x");
    refused(m, WHET_EFORMAT, "is not UTF-8");
    m = start();
    add_stored(m, "a\x1b[31m", "x");
    refused(m, WHET_EFORMAT, "has a control character");
}

static void packing(void **state)
{
    (void)state;
    made *m = start();
    add_with(m, "a/b", "xyz", 3, (lie){12, 3, 1, 0});
    refused(m, WHET_EUNSUPPORTED, "packed by method 12");
    m = start();
    add_with(m, "a/b", "xyz", 3, (lie){0, 3, 1, 1});
    refused(m, WHET_EUNSUPPORTED, "is encrypted");
    m = start();
    add_with(m, "a/b", "xyz", 3, (lie){0, 99, 1, 0});
    refused(m, WHET_EFORMAT, "has two sizes, 99 and 3");
}

static void bombs(void **state)
{
    (void)state;
    const size_t one = (size_t)40 << 20;
    uint8_t *packed = whet_alloc(one / 500);
    assert_non_null(packed);
    const size_t n = deflate_zeros(packed, one / 500, one);
    made *m = start();
    add_with(m, "a/b", packed, n, (lie){8, (uint32_t)one, 0, 0});
    add_with(m, "a/c", packed, n, (lie){8, (uint32_t)one, 0, 0});
    refused(m, WHET_EFORMAT, "the entries would unpack to 83886080 bytes, allowed for this file are");
    m = start();
    add_with(m, "a/b", packed, 10, (lie){8, 4000000000u, 0, 0});
    refused(m, WHET_EFORMAT, "of 10 bytes would unpack to 4000000000: a bomb, or damaged");
    m = start(); /* unpacks to more than it says */
    add_with(m, "a/b", packed, n, (lie){8, 1000000, 0, 0});
    whet_zip *z = NULL;
    whet_zip_bytes b;
    finish(m);
    assert_ok(whet_zip_open_mem(&z, m->b, m->n, "m.zip"));
    assert_status(whet_zip_read(z, 0, &b), WHET_EFORMAT);
    assert_contains(whet_error_message(), "cannot be unpacked to the size that the directory says");
    whet_zip_close(z);
    whet_free(m);
    whet_free(packed);
}

static void damage(void **state)
{
    (void)state;
    made *m = start();
    whet_zip *z = NULL;
    whet_zip_bytes b;
    add_with(m, "a/b", "xyz", 3, (lie){0, 3, 77, 0});
    finish(m);
    assert_ok(whet_zip_open_mem(&z, m->b, m->n, "m.zip"));
    assert_status(whet_zip_read(z, 0, &b), WHET_EFORMAT);
    assert_contains(whet_error_message(), "the entry 'a/b' has another checksum");
    assert_null(b.data);
    whet_zip_close(z);
    for (size_t i = 0; i < m->n; i++) {
        uint8_t *part = malloc(i ? i : 1);
        assert_non_null(part);
        memcpy(part, m->b, i);
        assert_status(whet_zip_open_mem(&z, part, i, "m.zip"), WHET_EFORMAT);
        free(part);
    }
    whet_free(m);
    m = start();
    add_stored(m, "a/b", "x");
    m->entries = 60000; /* more than the directory holds */
    refused(m, WHET_EFORMAT, "cannot be opened");
}

static void written_and_read(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *a = whet_path_join(dir, "a.zip"), *c = whet_path_join(dir, "b.zip"), big[5000];
    uint8_t *x = NULL, *y = NULL;
    size_t nx = 0, ny = 0;
    whet_zip *z = NULL;
    for (size_t i = 0; i < sizeof(big); i++) big[i] = (char)(i * 7);
    for (int i = 0; i < 2; i++) {
        whet_zip_writer *w = NULL;
        assert_ok(whet_zip_writer_open(&w, i ? c : a));
        assert_ok(whet_zip_writer_add(w, "top/one", "hello", 5));
        assert_ok(whet_zip_writer_add(w, "top/empty", NULL, 0));
        assert_ok(whet_zip_writer_add(w, "top/data/big", big, sizeof(big)));
        assert_false(whet_file_exists(i ? c : a)); /* not before the commit */
        assert_ok(whet_zip_writer_commit(w));
    }
    assert_ok(whet_file_read(&x, &nx, a, 1 << 20));
    assert_ok(whet_file_read(&y, &ny, c, 1 << 20));
    assert_int_equal(nx, ny);
    assert_memory_equal(x, y, nx);
    assert_ok(whet_zip_open(&z, a));
    assert_int_equal(whet_zip_count(z), 3);
    assert_string_equal(whet_zip_top(z), "top");
    assert_int_equal(whet_zip_find(z, "top/data/big"), 2);
    assert_int_equal(whet_zip_find_in(z, "top", "data/big"), 2);
    assert_int_equal(whet_zip_find_in(z, "to", "p/one"), -1);
    assert_int_equal(whet_zip_find_in(z, "top", "nothing"), -1);
    for (int i = 0; i < 3; i++) {
        whet_zip_bytes b;
        assert_ok(whet_zip_read(z, i, &b));
        assert_true(b.view);
        assert_int_equal(b.offset % 64, 0);
        assert_int_equal(b.size, whet_zip_at(z, i)->size);
        if (i == 2) assert_memory_equal(b.data, big, sizeof(big));
        if (b.size) assert_memory_equal(b.data, x + b.offset, b.size);
        whet_zip_bytes_free(&b);
    }
    whet_zip_close(z);
    whet_free(x);
    whet_free(y);
    whet_free(a);
    whet_free(c);
    support_rmtree(dir);
}

static void writer_refuses(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *a = whet_path_join(dir, "a.zip");
    whet_zip_writer *w = NULL;
    assert_ok(whet_zip_writer_open(&w, a));
    assert_status(whet_zip_writer_add(w, "../x", "y", 1), WHET_EINVAL);
    assert_status(whet_zip_writer_add(w, "x", "y", 1), WHET_EINVAL); /* the first error sticks */
    assert_status(whet_zip_writer_commit(w), WHET_EINVAL);
    assert_false(whet_file_exists(a));
    whet_free(a);
    support_rmtree(dir);
}

/* As many entries as need zip64's count. */
static void many_entries(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *a = whet_path_join(dir, "a.zip"), name[32];
    whet_zip_writer *w = NULL;
    whet_zip *z = NULL;
    assert_ok(whet_zip_writer_open(&w, a));
    for (int i = 0; i < 66000; i++) {
        snprintf(name, sizeof(name), "d/%d", i);
        assert_ok(whet_zip_writer_add(w, name, name, strlen(name)));
    }
    assert_ok(whet_zip_writer_commit(w));
    assert_ok(whet_zip_open(&z, a));
    assert_int_equal(whet_zip_count(z), 66000);
    whet_zip_bytes b;
    assert_ok(whet_zip_read(z, whet_zip_find(z, "d/65999"), &b));
    assert_memory_equal(b.data, "d/65999", 7);
    whet_zip_close(z);
    whet_free(a);
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names), cmocka_unit_test(packing), cmocka_unit_test(bombs), cmocka_unit_test(damage),
        cmocka_unit_test(written_and_read), cmocka_unit_test(writer_refuses), cmocka_unit_test(many_entries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
