/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles: the opcodes are walked (pickletools' table of arguments); one of them is removed, doubled, exchanged for another, or
 * its argument changed. */
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

typedef struct op { size_t at, n, arg; } op; /* arg: bytes of a fixed argument */
enum { MAX_OPS = 40000 };

static size_t line_end(const bytes *b, size_t i)
{
    while (i < b->n && b->p[i] != '\n') i++;
    return i + 1;
}

/* Length of the opcode at i with its argument; 0 if unknown or cut off. */
static size_t length_of(const bytes *b, size_t i, size_t *arg)
{
    static const struct { const char *codes; size_t fixed, counted; } table[] = {
        {"\x80KhqC", 1, 0}, {"M\x82", 2, 0}, {"Jjr\x83", 4, 0}, {"G\x95\x84", 8, 0}, {"U\x8c\x8a", 0, 1}, {"XTB\x8b", 0, 4}, {"\x8d\x8e\x96", 0, 8}};
    const uint8_t c = b->p[i];
    *arg = 0;
    if (c == 'c' || c == 'i') return line_end(b, line_end(b, i)) - i;
    if (strchr("IFLSVgpP", c) && c) return line_end(b, i) - i;
    for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
        if (!strchr(table[t].codes, c)) continue;
        size_t fixed = table[t].fixed, counted = table[t].counted;
        if (c == 'C') fixed = 0, counted = 1;
        if (c == 0x84) fixed = 4, counted = 0;
        *arg = fixed + counted;
        if (counted && i + 1 + counted <= b->n) fixed = counted + (size_t)load_le(b->p + i + 1, counted);
        return i + 1 + fixed <= b->n && fixed < b->n ? 1 + fixed : 0;
    }
    return 1;
}

bool mutate_pickle(bytes *b, whet_rng *r)
{
    static const uint8_t codes[] = "(.012FIJKLMNRSTUVXabcdeghijlopqrstuGBC}]){%\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x93\x94\x95\x97\x98";
    static const char *const globals[] = {"cos\nsystem\n", "cbuiltins\neval\n", "c__builtin__\nexec\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n"};
    op *o = malloc(MAX_OPS * sizeof *o);
    size_t n = 0;
    if (!o) abort();
    for (size_t i = 0; i < b->n && n < MAX_OPS; i += o[n - 1].n) {
        size_t arg = 0;
        const size_t length = length_of(b, i, &arg);
        if (length == 0 || length > b->n - i) break;
        o[n++] = (op){i, length, arg};
        if (b->p[i] == '.' && chance(r, 2)) break; /* the older form has several pickles */
    }
    if (n == 0) {
        free(o);
        return mutate_bytes(b, r);
    }
    const op x = o[pick(r, (uint32_t)n)], y = o[pick(r, (uint32_t)n)];
    const char *global = globals[pick(r, sizeof globals / sizeof globals[0])];
    switch (pick(r, 7)) {
    case 0: bytes_splice(b, x.at, x.n, NULL, 0); break;
    case 1: bytes_splice(b, x.at, 0, b->p + x.at, x.n); break;
    case 2: bytes_splice(b, x.at, x.n, b->p + y.at, y.n); break;
    case 3: b->p[x.at] = codes[pick(r, sizeof codes - 1)]; break;
    case 4: bytes_splice(b, x.at, chance(r, 2) ? x.n : 0, global, strlen(global)); break;
    default:
        if (x.arg > 0) store_le(b->p + x.at + 1, x.arg, odd_number(r, load_le(b->p + x.at + 1, x.arg), b->n));
        else if (x.n > 2) b->p[x.at + 1 + pick(r, (uint32_t)x.n - 1)] = (uint8_t)pick(r, 256);
        else return mutate_bytes(b, r);
    }
    free(o);
    return true;
}
