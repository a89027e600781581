/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target on mutants of real files that keep their structure (mutate.h), each with its own limits: five seconds of
 * processor time (a minute by the clock, as machines are shared),
 * and four times the file and 64 MB of memory, measured as the growth of the resident peak. The first that breaks one, or
 * crashes, ends the run with the line that repeats it.
 *
 *   fuzz_<target>_mutants [--cases N] [--seed S] [--from K] FILE...      N cases from number K on (2000, 1, 0) */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/io.h"
#include "fuzz.h"
#include "mutate.h"

enum { SECONDS = 5, WALL_SECONDS = 60, LARGEST = 2 << 20, MAX_FILES = 400 };

static char repro[600];

static void on_end(int sig)
{
    const char *what = sig == SIGALRM || sig == SIGPROF ? "took over 5 s: " : "crashed: ";
    if (write(2, what, strlen(what)) < 0 || write(2, repro, strlen(repro)) < 0) _exit(3);
    _exit(1);
}

/* VmHWM in KB; 0 where the system does not tell. */
static long peak_kb(void)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && kb == 0 && fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %ld", &kb);
    if (f) fclose(f);
    return kb;
}

static void reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

/* Of processor time and by the clock; 0: none. */
static void set_limits(int cpu, int wall)
{
    const struct itimerval t = {.it_value.tv_sec = cpu};
    setitimer(ITIMER_PROF, &t, NULL);
    alarm((unsigned)wall);
}

int main(int argc, char **argv)
{
    static bytes files[MAX_FILES];
    const char *names[MAX_FILES];
    long cases = 2000, seed = 1, from = 0, n = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && i + 1 < argc) {
            long *to = strcmp(argv[i], "--cases") == 0 ? &cases : strcmp(argv[i], "--seed") == 0 ? &seed : strcmp(argv[i], "--from") == 0 ? &from : NULL;
            if (!to) return 2;
            *to = atol(argv[++i]);
        } else if (n < MAX_FILES && whet_file_exists(argv[i])) {
            size_t size = 0;
            if (whet_file_read(&files[n].p, &size, argv[i], LARGEST) != WHET_OK) continue; /* too large to be mutated often */
            files[n].n = size;
            names[n++] = argv[i];
        }
    }
    if (n == 0) {
        printf("SKIP no files to change: they lie in ../shared/interop\n");
        return 0;
    }
    struct sigaction act = {.sa_handler = on_end};
    for (int s = 0; s < 6; s++) sigaction((const int[]){SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM, SIGPROF}[s], &act, NULL);
    long most = 0;
    for (long k = from; k < from + cases; k++) {
        whet_rng r = whet_rng_at((uint64_t)seed, (uint64_t)k);
        const long f = k % n; /* so that one file repeats a case of many */
        bytes b = {0};
        bytes_add(&b, files[f].p, files[f].n);
        for (int m = 1 + (int)pick(&r, 4); m > 0; m--) mutate_any(&b, &r);
        uint8_t *exact = malloc(b.n ? b.n : 1); /* address checkers see an overrun */
        if (!exact) abort();
        if (b.n) memcpy(exact, b.p, b.n);
        const size_t size = b.n;
        free(b.p);
        snprintf(repro, sizeof repro, "%s --seed %ld --from %ld --cases 1 %s\n", argv[0], seed, k, names[f]);
        reset_peak();
        const long before = peak_kb();
        set_limits(SECONDS, WALL_SECONDS);
        LLVMFuzzerTestOneInput(exact, size);
        set_limits(0, 0);
        const long grown = peak_kb() - before;
        most = grown > most ? grown : most;
#if !defined(__SANITIZE_ADDRESS__)
        if (grown > (long)(4 * size / 1024) + 64 * 1024) {
            fprintf(stderr, "took %ld KB for a file of %zu bytes: %s", grown, size, repro);
            return 1;
        }
#endif
        free(exact);
    }
    printf("%ld passed, 0 failed (%ld files; at most %ld KB more memory)\n", cases, n, most);
    return 0;
}
