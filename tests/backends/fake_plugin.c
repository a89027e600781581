/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that uses every member of the backend interface, the optional ones and every host function included. Its "model"
 * is any file that starts with "fake": y = 2 x + 1 on a free-sized f32 vector. The file's second line, a word and a number,
 * makes it misbehave:
 *   abort     the process dies at open         abort-run N  it dies in run N
 *   error     open fails with a reason         silent       run fails without a reason
 *   cancel    run says that it was interrupted, which nobody did
 *   hang      run never returns                hang-open    open never returns
 *   wrong     the outputs are wrong            wrong-run N  from run N on
 *   garbage   N MB of noise on stdout and stderr at open, a line in each run
 *   link      noise in the worker's link       eat          takes memory until there is no more, then aborts
 *   daemon    like stray, with nothing of its worker in its environment and no parent
 *   eat-shared N  takes N MB of shared memory and waits   eat-apart N  takes 64 MB in each of N processes and waits
 *   helper    a process leaves the group and computes for ever; its number stands in the file WHET_FAKE_PIDS
 *   stray     a process that leaves the group and sleeps; its number stands in the file WHET_FAKE_PIDS
 * or gives it a known cost:
 *   hold N    N MiB held from open on          passing N    N MiB taken and given back in open
 *   spin N    a run takes N us                 spike N      each tenth run takes 20 times N us, the others N
 *   team N    spin N, and a second thread works all the while
 *   rob N     spin N, and half of the process's time is taken from it from the first run on
 *   own-way   outputs that are those of no other runtime
 *   wide      the input has a million elements picture N    the input is a picture of 1x1x28x28; spin N
 * With WHET_FAKE_ANY it takes every file, and that variable is the second line; with WHET_FAKE_PICTURE the input is a picture.
 * Built several times: FAKE_ABI, FAKE_SIZE and FAKE_LACKS_RUN make tables that must be refused. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "whet/status.h"
#include "whet/sys/backend.h"

#ifndef FAKE_NAME
#define FAKE_NAME "fake"
#endif
#ifndef FAKE_ABI
#define FAKE_ABI WHET_BACKEND_ABI
#endif
#ifndef FAKE_SIZE
#define FAKE_SIZE sizeof(whet_backend)
#endif

enum { MAX_LENGTH = 1 << 20 };
static const whet_backend_host *host;

struct whet_backend_model { char trick[32]; long number; int threads, taps; int64_t n; char *held; };
struct whet_backend_stream { whet_backend_model *m; float *x, *y; int mapped; long runs; };

static int is_picture(const whet_backend_model *m) { return strcmp(m->trick, "picture") == 0 || getenv("WHET_FAKE_PICTURE") != NULL; }
static int is(const whet_backend_model *m, const char *trick) { return strcmp(m->trick, trick) == 0; }

static int fail(int status, const char *text)
{
    host->set_error(status, text);
    return status;
}

static int version(char *out, size_t cap)
{
    snprintf(out, cap, "%s", getenv("WHET_FAKE_VERSION") != NULL ? getenv("WHET_FAKE_VERSION") : "7.1.0");
    return 0;
}

static int available(char *reason, size_t cap)
{
    if (getenv("WHET_FAKE_MISSING") == NULL) return 0;
    snprintf(reason, cap, "the fake library is away; unset WHET_FAKE_MISSING");
    return WHET_EUNAVAILABLE;
}

static int give(char **json, const char *text)
{
    *json = host->alloc(strlen(text) + 1);
    if (*json == NULL) return WHET_ENOMEM;
    strcpy(*json, text);
    return 0;
}

static int caps(char **json)
{
    return give(json, "{\"formats\":[\"fake\"],\"dtypes\":[\"f32\"],\"settings\":{\"threads\":\"integer >= 1\"}}");
}

static int read_file(whet_backend_model *m, const char *path)
{
    char line[64] = "";
    const char *any = getenv("WHET_FAKE_ANY");
    if (any != NULL) {
        sscanf(any, "%31s %ld", m->trick, &m->number);
        return 0;
    }
    FILE *f = fopen(path, "r");
    if (f == NULL) return fail(WHET_ENOTFOUND, "the fake file cannot be opened");
    const int good = fgets(line, sizeof line, f) != NULL && strncmp(line, "fake", 4) == 0;
    if (good && fgets(line, sizeof line, f) != NULL) sscanf(line, "%31s %ld", m->trick, &m->number);
    fclose(f);
    return good ? 0 : fail(WHET_EFORMAT, "the file does not start with 'fake'");
}

/* --- misbehaviour */
static void make_noise(long megabytes)
{
    static const char noise[1024] = "{\"error\": \"noise\"}\n\x80\xff\x01%s%n";
    for (long i = 0; i < megabytes * 1024; i++)
        if (write(1, noise, sizeof noise) < 0 || write(2, noise, sizeof noise) < 0) return;
}

static void eat(void)
{
    const size_t piece = 16 << 20;
    for (char *p = malloc(piece); p != NULL; p = malloc(piece)) memset(p, 1, piece);
    fprintf(stderr, "fake: out of memory\n");
    abort();
}

static void leave_a_stray(void)
{
    const char *path = getenv("WHET_FAKE_PIDS");
    FILE *f = path != NULL ? fopen(path, "a") : NULL;
    if (f == NULL) return;
    const pid_t pid = fork();
    if (pid == 0) {
        setsid();
        for (int fd = 0; fd < 64; fd++) close(fd);
        for (;;) pause();
    }
    fprintf(f, "%d\n", (int)pid);
    fclose(f);
}

/* Leaves the group, the session, its parent and the environment, as a daemon does. */
static void leave_a_daemon(void)
{
    const char *path = getenv("WHET_FAKE_PIDS");
    char *const none[] = {NULL}, *const sleep_long[] = {(char *)"sleep", (char *)"300", NULL};
    int ends[2];
    if (path == NULL || pipe(ends) != 0) return;
    const pid_t child = fork();
    if (child == 0) {
        setsid();
        const pid_t pid = fork();
        if (pid == 0) execve("/bin/sleep", sleep_long, none);
        _exit(write(ends[1], &pid, sizeof pid) != (ssize_t)sizeof pid);
    }
    pid_t pid = 0;
    FILE *f = fopen(path, "a");
    if (read(ends[0], &pid, sizeof pid) == (ssize_t)sizeof pid && f != NULL) fprintf(f, "%d\n", (int)pid);
    if (f != NULL) fclose(f);
    close(ends[0]);
    close(ends[1]);
    waitpid(child, NULL, 0);
}

static char *touched(long megabytes)
{
    const size_t n = (size_t)megabytes << 20;
    char *p = malloc(n > 0 ? n : 1);
    for (size_t i = 0; p != NULL && i < n; i += 1024) ((volatile char *)p)[i] = 1;
    return p;
}

static void take_and_wait(long megabytes, int how)
{
    const size_t n = (size_t)megabytes << 20;
    volatile char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | how, -1, 0);
    for (size_t i = 0; (void *)p != MAP_FAILED && i < n; i += 1024) p[i] = 1;
    for (;;) pause();
}

/* A child in a session of its own that does `what` for ever. */
static void start_apart(void (*what)(void))
{
    const char *path = getenv("WHET_FAKE_PIDS");
    FILE *f = path != NULL ? fopen(path, "a") : NULL;
    const pid_t pid = fork();
    if (pid != 0 && f != NULL) fprintf(f, "%d\n", (int)pid);
    if (pid != 0 && f != NULL) fclose(f);
    if (pid != 0) return;
    setsid();
    for (int fd = 0; fd < 64; fd++) close(fd);
    what();
}

static void take_64(void) { take_and_wait(64, MAP_PRIVATE); }

static void compute(void)
{
    for (volatile long i = 0;; i++) continue;
}

static void misbehave(whet_backend_model *m)
{
    if (is(m, "abort")) {
        fprintf(stderr, "fake: assertion failed\n");
        abort();
    }
    while (is(m, "hang-open")) pause();
    if (is(m, "garbage")) make_noise(m->number);
    if (is(m, "link") && write(3, "\xff\xff\xff\x7fnoise", 9) < 0) return;
    if (is(m, "eat")) eat();
    if (is(m, "eat-shared")) take_and_wait(m->number, MAP_SHARED);
    for (long i = 0; is(m, "eat-apart") && i < m->number; i++) start_apart(take_64);
    while (is(m, "eat-apart")) pause();
    if (is(m, "helper")) start_apart(compute);
    if (is(m, "stray")) leave_a_stray();
    if (is(m, "daemon")) leave_a_daemon();
    if (is(m, "hold")) m->held = touched(m->number);
    if (is(m, "passing")) free(touched(m->number));
    if (is(m, "wide")) m->n = MAX_LENGTH;
    if (is_picture(m)) m->n = 28 * 28;
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    *out = NULL;
    if (host->cancelled()) return fail(WHET_ECANCELLED, "interrupted");
    host->log(0, "fake: opening");
    (void)host->runtime_dir("ort");
    whet_backend_model *m = calloc(1, sizeof *m);
    if (m == NULL) return fail(WHET_ENOMEM, "out of memory");
    m->n = -1;
    int status = read_file(m, path);
    for (int i = 0; i < n && status == 0; i++) {
        if (strcmp(s[i].key, "threads") == 0) m->threads = atoi(s[i].value);
        if (strcmp(s[i].key, "precision") == 0 && strcmp(s[i].value, "f32") != 0) status = fail(WHET_EUNSUPPORTED, "fake computes in f32 alone");
        if (strcmp(s[i].key, "arena") == 0 && strcmp(s[i].value, "on") != 0) status = fail(WHET_EUNSUPPORTED, "fake has no arena to switch off");
    }
    if (status == 0) misbehave(m);
    if (status == 0 && is(m, "error")) status = fail(WHET_EUNSUPPORTED, "operator 'Fake' is not known");
    if (status != 0)
        free(m);
    else
        *out = m;
    return status;
}

static void close_model(whet_backend_model *m)
{
    if (m != NULL) free(m->held);
    free(m);
}

static int io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    if (i != 0 && !(output && i <= m->taps)) return WHET_ENOTFOUND;
    *info = (whet_backend_io){.name = output ? "y" : "x", .dtype = 1, .rank = 2, .dims = {m->n > 0 ? 1 : -1, m->n > 0 ? m->n : 8}, .layout = ""};
    if (is_picture(m) && !output) {
        const int64_t dims[] = {1, 1, 28, 28};
        info->rank = 4;
        memcpy(info->dims, dims, sizeof dims);
    }
    return 0;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    if (i == 0 && is_picture(m) && rank == 4 && dims[2] == 28 && dims[3] == 28) return 0;
    if (i != 0 || rank != 2 || dims[0] != 1 || dims[1] < 1 || dims[1] > MAX_LENGTH) return fail(WHET_ESHAPE, "input 'x' takes 1 x n");
    m->n = dims[1];
    return 0;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return fail(WHET_ENOMEM, "out of memory");
    (*out)->m = m;
    (*out)->x = calloc((size_t)(m->n > 0 ? m->n : 8), sizeof(float));
    (*out)->y = calloc((size_t)(m->n > 0 ? m->n : 8), sizeof(float));
    return (*out)->x != NULL && (*out)->y != NULL ? 0 : fail(WHET_ENOMEM, "out of memory");
}

static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    free(s->x);
    free(s->y);
    free(s);
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    if (io_info(s->m, output, i, info) != 0) return fail(WHET_ENOTFOUND, "there is no such tensor");
    *data = output ? s->y : s->x;
    *bytes = (size_t)s->m->n * sizeof(float);
    s->mapped++;
    return 0;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)output;
    (void)i;
    s->mapped--;
    return 0;
}

/* --- known costs */
static void spin(long us)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    do clock_gettime(CLOCK_MONOTONIC, &b);
    while ((b.tv_sec - a.tv_sec) * 1000000000 + (b.tv_nsec - a.tv_nsec) < us * 1000);
}

static atomic_int working; /* 1: the second thread works, 0: it waits */

static void *work(void *arg)
{
    for (;;)
        if (!atomic_load(&working)) usleep(100);
    return arg;
}

/* The second thread stays until the process ends. */
static int spin_in_two(whet_backend_stream *s)
{
    pthread_t t;
    if (s->runs == 1 && (pthread_create(&t, NULL, work, NULL) != 0 || pthread_detach(t) != 0)) return fail(WHET_ENOMEM, "no thread");
    atomic_store(&working, 1);
    spin(s->m->number);
    atomic_store(&working, 0);
    return 0;
}

static void rob(int signal)
{
    (void)signal;
    spin(20);
}

static void spin_robbed(whet_backend_stream *s)
{
    const struct itimerval often = {.it_interval = {.tv_usec = 50}, .it_value = {.tv_usec = 50}};
    struct sigaction act = {.sa_handler = rob, .sa_flags = SA_RESTART};
    if (s->runs == 1) {
        sigaction(SIGALRM, &act, NULL);
        setitimer(ITIMER_REAL, &often, NULL);
    }
    spin(s->m->number);
}

static int run(whet_backend_stream *s)
{
    const whet_backend_model *m = s->m;
    s->runs++;
    if (is(m, "silent")) return -77;
    if (is(m, "cancel")) return fail(WHET_ECANCELLED, "interrupted");
    while (is(m, "hang")) pause();
    if (is(m, "abort-run") && s->runs >= m->number) abort();
    if (is(m, "garbage")) fprintf(stderr, "run %ld\n", s->runs);
    const int bad = is(m, "wrong") || (is(m, "wrong-run") && s->runs >= m->number);
    for (int64_t i = 0; i < m->n; i++) s->y[i] = 2 * s->x[i] + (bad ? 1.5f : 1);
    if (is(m, "own-way")) s->y[0] += 1 + (float)strlen(FAKE_NAME);
    if (is(m, "team")) return spin_in_two(s);
    if (is(m, "rob")) spin_robbed(s);
    if (is(m, "spin") || is(m, "picture")) spin(m->number);
    if (is(m, "spike")) spin(s->runs % 10 == 0 ? 20 * m->number : m->number);
    return 0;
}

static int query(whet_backend_model *m, const char *key, char **json)
{
    char text[64];
    if (strcmp(key, "threads") != 0) return fail(WHET_EUNSUPPORTED, "fake tells only 'threads'");
    snprintf(text, sizeof text, "{\"intra_op\":%d}", m->threads);
    return give(json, text);
}

static int tap(whet_backend_model *m, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], "y") != 0) return fail(WHET_ENOTFOUND, "there is no such tensor");
    m->taps += n;
    return 0;
}

static const whet_backend table = {
    .abi = FAKE_ABI,
    .size = FAKE_SIZE,
    .name = FAKE_NAME,
    .title = "Fake",
    .built_for = "7.* 8.0.1",
    .version = version,
    .available = available,
    .caps = caps,
    .open = open_model,
    .close = close_model,
    .io_info = io_info,
    .set_shape = set_shape,
    .stream_create = stream_create,
    .stream_free = stream_free,
    .io_map = io_map,
    .io_unmap = io_unmap,
#ifndef FAKE_LACKS_RUN
    .run = run,
#endif
    .query = query,
    .tap = tap,
};

const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    host = h;
    (void)run;
    return h->size >= sizeof(whet_backend_host) ? &table : NULL;
}
