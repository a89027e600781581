/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for libFuzzer with any compiler: runs a target on each file of the given folders as it is, cut at every offset,
 * and with single bits flipped (every bit of small files, a seeded choice of larger ones). Files *.hex hold two digits a
 * byte; blanks and lines from '#' on are skipped. */
#include <dirent.h>
#include <sys/resource.h>

#include "base/io.h"
#include "base/rng.h"
#include "fuzz.h"

enum { SMALL = 1500, MANY = 4000 };

static long cases;

static void one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* exact, so that address checkers see an overrun */
    if (!copy) abort();
    if (size) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    cases++;
}

static void flip(uint8_t *data, size_t size, size_t bit)
{
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    one(data, size);
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void damage(uint8_t *data, size_t size, int whole)
{
    whet_rng r = whet_rng_at(1, size);
    one(data, size);
    if (!whole) return;
    for (size_t i = 0; i < size; i += size > SMALL && i > 256 ? 37 : 1) one(data, i);
    if (size <= SMALL)
        for (size_t bit = 0; bit < 8 * size; bit++) flip(data, size, bit);
    else
        for (int i = 0; i < MANY; i++) flip(data, size, whet_rng_below(&r, (uint32_t)(8 * size)));
}

static size_t decode_hex(uint8_t *data, size_t size)
{
    size_t n = 0, digits = 0;
    uint8_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '#')
            while (i < size && data[i] != '\n') i++;
        const char *at = i < size && data[i] ? strchr("0123456789abcdef", data[i]) : NULL;
        if (!at) continue;
        value = (uint8_t)(value << 4 | (at - "0123456789abcdef"));
        if (++digits % 2 == 0) data[n++] = value; /* never ahead of what was read */
    }
    return n;
}

static int file(const char *path, int whole)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (whet_file_read(&data, &size, path, 1 << 20) != WHET_OK) {
        fprintf(stderr, "%s\n", whet_error_message());
        return 1;
    }
    if (strcmp(whet_path_ext(path), ".hex") == 0) size = decode_hex(data, size);
    fprintf(stderr, "%s: %zu bytes\n", path, size); /* the last line before a crash names the file */
    damage(data, size, whole);
    whet_free(data);
    return 0;
}

static int folder(const char *path)
{
    struct dirent **list = NULL;
    int n = scandir(path, &list, NULL, alphasort), failed = 0;
    for (int i = 0; i < n; i++) {
        char *full = whet_path_join(path, list[i]->d_name);
        if (full && list[i]->d_name[0] != '.') failed |= file(full, 1);
        whet_free(full);
        free(list[i]);
    }
    free(list);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
#if !defined(__SANITIZE_ADDRESS__)
    struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
    setrlimit(RLIMIT_AS, &limit);
#endif
    for (int i = 1; i < argc; i++) {
        if (whet_dir_exists(argv[i])) failed |= folder(argv[i]);
        else if (whet_file_exists(argv[i])) failed |= file(argv[i], 0);
    }
    printf("%ld passed, %d failed\n", cases, failed);
    return failed || cases == 0;
}
