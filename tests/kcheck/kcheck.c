/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every row of every kernel table against its reference: tails, strides, unaligned pointers, guard pages on both
 * sides, extreme values. A crash is a failed case. Each failure prints the line that repeats it.
 *
 *   kcheck [--seed N] [--cases N] [--only FAMILY[:ROW]]
 *   kcheck --bench SHAPES.txt...      percent of measured peak over a list of problems
 *   kcheck --bench vec                the vector rows that are no products, against memcpy
 *   kcheck --bench layers             batch normalisation, pools, Resize and attention against their floors */
#include "kcheck.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cpu.h"

static const kc_family *const families[] = {&kc_rows, &kc_outer, &kc_conv, &kc_wgrad, &kc_winograd, &kc_dw, &kc_dw_grad, &kc_norm, &kc_pool, &kc_attention,
                                          &kc_unary, &kc_halves, &kc_quantize, &kc_binary, &kc_softmax, &kc_layer, &kc_transpose, &kc_reduce, &kc_optim, &kc_planes, &kc_resize};
static sigjmp_buf crash;

static void on_crash(int sig) { siglongjmp(crash, sig); }

int kc_int(kc_case *c, int lo, int hi) { return lo + (int)whet_rng_below(&c->rng, (uint32_t)(hi - lo + 1)); }
bool kc_chance(kc_case *c, int one_in) { return whet_rng_below(&c->rng, (uint32_t)one_in) == 0; }

float *kc_floats(kc_case *c, size_t n, bool low)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = n * sizeof(float);
    const size_t body = (bytes + page - 1) / page * page;
    char *base = mmap(NULL, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || c->n_blocks == (int)(sizeof c->blocks / sizeof c->blocks[0])) {
        fprintf(stderr, "kcheck: out of memory\n");
        exit(3);
    }
    c->blocks[c->n_blocks++] = (struct kc_block){base, body + 2 * page};
    if (body > 0 && mprotect(base + page, body, PROT_READ | PROT_WRITE) != 0) {
        perror("kcheck: mprotect");
        exit(3);
    }
    return (float *)(void *)(low ? base + page : base + page + body - bytes);
}

void kc_release(kc_case *c, int mark)
{
    while (c->n_blocks > mark) {
        c->n_blocks--;
        munmap(c->blocks[c->n_blocks].base, c->blocks[c->n_blocks].size);
    }
}

void kc_fill(kc_case *c, float *p, size_t n, bool wild)
{
    static const float odd[] = {0.0f, -0.0f, 1e30f, -1e30f, 1e-40f, INFINITY, -INFINITY, NAN, 3e38f};
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)(whet_rng_uniform(&c->rng) * 2.0 - 1.0);
        if (wild && kc_chance(c, 64)) p[i] = odd[kc_int(c, 0, 8)];
    }
}

bool kc_same(kc_case *c, const float *got, const float *want, size_t n)
{
    (void)c;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof(float)) == 0 || (isnan(got[i]) && isnan(want[i]))) continue;
        printf("element %zu of %zu is %.9g, not %.9g\n", i, n, (double)got[i], (double)want[i]);
        return false;
    }
    return true;
}

bool kc_near(kc_case *c, const float *got, const double *want, const double *bound, size_t n)
{
    (void)c;
    for (size_t i = 0; i < n; i++) {
        if (fabs((double)got[i] - want[i]) <= bound[i]) continue;
        printf("element %zu of %zu is %.9g, not %.9g (bound %.3g)\n", i, n, (double)got[i], want[i], bound[i]);
        return false;
    }
    return true;
}

static bool run_case(const kc_family *f, int row, uint64_t seed)
{
    static kc_case c; /* outlives the jump */
    volatile bool ok = false;
    memset(&c, 0, sizeof c);
    c.family = f->name;
    c.row = f->row_name(row);
    c.seed = seed;
    c.rng = whet_rng_at(seed, 1);
    const int sig = sigsetjmp(crash, 1);
    if (sig == 0) ok = f->check(&c, row);
    else printf("crashed with signal %d\n", sig);
    if (!ok) {
        printf("FAILED %s %s: %s\n  repeat: kcheck --only %s:%s --cases 1 --seed %llu\n", c.family, c.row, c.text, c.family,
               c.row, (unsigned long long)seed);
    }
    kc_release(&c, 0);
    return ok;
}

static bool selected(const char *only, const char *family, const char *row)
{
    const char *colon = only ? strchr(only, ':') : NULL;
    const size_t n = !only ? 0 : colon ? (size_t)(colon - only) : strlen(only);
    if (!only) return true;
    if (strlen(family) != n || strncmp(family, only, n) != 0) return false;
    return !colon || strcmp(colon + 1, row) == 0;
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    uint64_t seed = 1;
    int cases = 0, failed = 0, run = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) return kc_bench(argc - i - 1, argv + i + 1);
        if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--cases") == 0) cases = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) only = argv[++i];
        else {
            fprintf(stderr, "usage: kcheck [--seed N] [--cases N] [--only FAMILY[:ROW]] | kcheck --bench SHAPES.txt...\n");
            return 2;
        }
    }
    struct sigaction act = {.sa_handler = on_crash};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    sigaction(SIGILL, &act, NULL);
    sigaction(SIGFPE, &act, NULL);
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        for (int row = 0; row < families[f]->rows; row++) {
            const char *name = families[f]->row_name(row);
            int bad = 0, n = cases > 0 ? cases : families[f]->cases;
            if (!selected(only, families[f]->name, name)) continue;
            if (families[f]->row_isa(row) & ~whet_isa()) {
                printf("%-8s %-8s SKIP: this CPU or WHET_ISA has no %s\n", families[f]->name, name,
                       whet_isa_name(families[f]->row_isa(row)));
                continue;
            }
            for (int k = 0; k < n && bad < 3; k++, run++) bad += !run_case(families[f], row, seed + (uint64_t)k);
            printf("%-8s %-8s %d cases, %d failed\n", families[f]->name, name, n, bad);
            failed += bad;
        }
    }
    if (run == 0) printf("nothing was run\n");
    return failed || run == 0 ? 1 : 0;
}
