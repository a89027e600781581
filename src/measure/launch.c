/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, asking, stopping and ending worker processes. Between fork and exec only calls that are safe there are made:
 * everything that allocates is prepared before. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "measure/launch.h"
#include "measure/link.h"
#include "measure/process_tree.h"
#include "measure/strays.h"

extern char **environ;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

enum { SAFE_FD = 20, MAX_ENV = 4096, HELLO_SECONDS = 30, MAX_TALK = 8 << 20, MAX_TREE = 64 };
static const uint64_t look_ns = 200000000, search_ns = 1000000000;

struct whet_worker {
    pid_t pid;
    int link, results, talk; /* socket, result memory, what it wrote on stderr */
    void *map;
    size_t map_size;
    uint64_t memory_limit, asked_limit; /* of one process; of all that it starts together, 0: not asked for */
    uint64_t looked, searched; /* when its memory was looked at, when its descendants were searched */
    int n_tree;
    pid_t tree[MAX_TREE]; /* itself and its descendants */
    size_t shared; /* samples that lie in its address space */
    int n_outside;
    pid_t outside[MAX_TREE]; /* stopped with it, but not of its group */
    int dead;
    char mark[96]; /* WHET_WORKER_MARK=..., by which its descendants are known */
    char said[256]; /* its last words, from before its talk was cut */
    char why[512];
};

void whet_worker_options_init(whet_worker_options *o)
{
    memset(o, 0, sizeof *o);
    o->inputs_fd = -1;
}

whet_status whet_shared_create(whet_shared *s, const char *name, size_t size)
{
    *s = (whet_shared){.fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), .size = size, .data = NULL};
    if (s->fd < 0 || ftruncate(s->fd, (off_t)size) != 0 || fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        const int e = errno;
        whet_shared_free(s);
        return WHET_FAIL(WHET_ENOMEM, "no shared memory of %zu bytes: %s", size, strerror(e));
    }
    s->data = mmap(NULL, size > 0 ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (s->data == MAP_FAILED) {
        s->data = NULL;
        whet_shared_free(s);
        return WHET_FAIL(WHET_ENOMEM, "shared memory of %zu bytes cannot be mapped", size);
    }
    return WHET_OK;
}

void whet_shared_free(whet_shared *s)
{
    if (s->data != NULL) munmap(s->data, s->size > 0 ? s->size : 1);
    if (s->fd > 0) close(s->fd);
    *s = (whet_shared){.fd = -1, .size = 0, .data = NULL};
}

/* --- starting */
static const char *const thread_variables[] = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"};

static int is_thread_variable(const char *entry)
{
    for (size_t i = 0; i < WHET_COUNT(thread_variables); i++) {
        const size_t n = strlen(thread_variables[i]);
        if (strncmp(entry, thread_variables[i], n) == 0 && entry[n] == '=') return 1;
    }
    return 0;
}

static const char *const cache_variables[] = {"WHET_CACHE", "XDG_CACHE_HOME", "CUDA_CACHE_PATH"};

static int is_cache_variable(const char *entry)
{
    for (size_t i = 0; i < WHET_COUNT(cache_variables); i++) {
        const size_t n = strlen(cache_variables[i]);
        if (strncmp(entry, cache_variables[i], n) == 0 && entry[n] == '=') return 1;
    }
    return 0;
}

static int is_mark(const char *entry)
{
    return strncmp(entry, WHET_WORKER_MARK "=", sizeof WHET_WORKER_MARK) == 0;
}

/* A copy of the environment with the mark, the number of threads and the cache in it. env[0..n_own) are heap strings. */
static whet_status make_env(char **env, const char *mark, int threads, const char *cache_dir, int *n_own)
{
    int n = 1;
    *n_own = 0;
    env[0] = whet_strdup(mark);
    if (env[0] == NULL) return WHET_ENOMEM;
    for (size_t i = 0; threads > 0 && i < WHET_COUNT(thread_variables); i++) {
        env[n] = whet_format("%s=%d", thread_variables[i], threads);
        *n_own = n;
        if (env[n++] == NULL) return WHET_ENOMEM;
    }
    for (size_t i = 0; cache_dir != NULL && i < WHET_COUNT(cache_variables); i++) {
        env[n] = whet_format("%s=%s", cache_variables[i], cache_dir);
        *n_own = n;
        if (env[n++] == NULL) return WHET_ENOMEM;
    }
    *n_own = n;
    for (char **e = environ; *e != NULL && n < MAX_ENV - 1; e++)
        if (!is_mark(*e) && (threads <= 0 || !is_thread_variable(*e)) && (cache_dir == NULL || !is_cache_variable(*e))) env[n++] = *e;
    env[n] = NULL;
    return WHET_OK;
}

typedef struct plan { /* all that the child needs */
    char *argv[3];
    char **env;
    int link, inputs, results, talk;
    cpu_set_t cpus;
    int pin;
    pid_t launcher;
    struct rlimit memory, core;
} plan;

/* The kernel, when memory runs out, is to take the worker and not the launcher. */
static void offer_to_the_kernel(void)
{
    static const char most[] = "1000";
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd < 0) return;
    if (write(fd, most, sizeof most - 1) < 0) return; /* then it is as likely as any other */
    close(fd);
}

static void child(const plan *p)
{
    const int null = open("/dev/null", O_RDWR);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL); /* what makes itself independent stays below it and is found there */
    if (getppid() != p->launcher) _exit(127); /* it ended in between */
    offer_to_the_kernel();
    if (p->pin) sched_setaffinity(0, sizeof p->cpus, &p->cpus);
    setrlimit(RLIMIT_CORE, &p->core);
    if (p->memory.rlim_cur > 0) setrlimit(RLIMIT_DATA, &p->memory);
    signal(SIGPIPE, SIG_DFL);
    dup2(null, 0);
    dup2(null, 1);
    dup2(p->talk, 2);
    dup2(p->link, WHET_WORKER_LINK);
    dup2(p->inputs, WHET_WORKER_INPUTS);
    dup2(p->results, WHET_WORKER_RESULTS);
    for (int fd = WHET_WORKER_RESULTS + 1; fd < 1024; fd++) close(fd);
    execve(p->argv[0], p->argv, p->env);
    _exit(127);
}

/* Up, out of the way of the numbers that the worker gets. */
static int lift(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
}

#ifndef SANITIZED
/* What the machine has, or the container. */
static uint64_t all_memory(void)
{
    const uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
    unsigned long long most = 0;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    if (f != NULL && fscanf(f, "%llu", &most) != 1) most = 0; /* "max" */
    if (f != NULL) fclose(f);
    return most > 0 && most < machine ? most : machine;
}
#endif

static void fill_limits(whet_worker *w, plan *p, const whet_worker_options *opt)
{
#ifdef SANITIZED
    (void)w, (void)p, (void)opt; /* the sanitizers reserve terabytes of address space */
#else
    struct stat st;
    w->memory_limit = opt->memory_limit > 0 ? opt->memory_limit : all_memory();
    w->asked_limit = opt->memory_limit;
    w->shared = opt->inputs_fd >= 0 && fstat(opt->inputs_fd, &st) == 0 ? (size_t)st.st_size : 0;
    p->memory.rlim_cur = p->memory.rlim_max = (rlim_t)w->memory_limit;
#endif
}

static whet_status fork_worker(whet_worker *w, plan *p, int theirs, const whet_worker_options *opt)
{
    const int spare = open("/dev/null", O_RDWR | O_CLOEXEC);
    p->link = lift(theirs);
    p->results = lift(w->results);
    p->talk = lift(w->talk);
    p->inputs = lift(opt->inputs_fd >= 0 ? opt->inputs_fd : spare);
    CPU_ZERO(&p->cpus);
    for (int i = 0; i < opt->n_cpus; i++) CPU_SET(opt->cpus[i], &p->cpus);
    p->pin = opt->n_cpus > 0;
    p->launcher = getpid();
    fill_limits(w, p, opt);
    w->pid = p->link >= 0 && p->results >= 0 && p->talk >= 0 && p->inputs >= 0 ? fork() : -1;
    if (w->pid == 0) child(p);
    const int e = errno;
    const int opened[] = {spare, p->link, p->results, p->talk, p->inputs};
    for (size_t i = 0; i < WHET_COUNT(opened); i++)
        if (opened[i] >= 0) close(opened[i]);
    if (w->pid < 0) return WHET_FAIL(WHET_ERUNTIME, "a worker process cannot be started: %s", strerror(e));
    setpgid(w->pid, w->pid); /* whichever of the two comes first */
    return WHET_OK;
}

static whet_status spawn(whet_worker *w, const whet_worker_options *opt)
{
    whet_status status = WHET_OK;
    int ends[2] = {-1, -1}, n_own = 0;
    plan p = {.memory = {0, 0}};
    char **env = whet_calloc(MAX_ENV, sizeof *env);
    const char *program = opt->program != NULL ? opt->program : getenv("WHET_PROGRAM");
    p.argv[0] = (char *)(program != NULL && program[0] != '\0' ? program : "/proc/self/exe");
    p.argv[1] = (char *)"worker";
    if (env == NULL) WHET_GOTO(WHET_ENOMEM);
    snprintf(w->mark, sizeof w->mark, WHET_WORKER_MARK "=%d-%llu", (int)getpid(), (unsigned long long)whet_now_ns());
    WHET_GOTO(make_env(env, w->mark, opt->threads, opt->cache_dir, &n_own));
    p.env = env;
    w->results = memfd_create("whet-results", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    w->talk = memfd_create("whet-talk", MFD_CLOEXEC);
    if (w->results < 0 || fcntl(w->results, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0 || w->talk < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        status = WHET_FAIL(WHET_ERUNTIME, "a worker process cannot be prepared: %s", strerror(errno));
        goto done;
    }
    if (fcntl(w->talk, F_SETFL, O_APPEND) != 0) WHET_GOTO(WHET_FAIL(WHET_ERUNTIME, "a worker process cannot be prepared: %s", strerror(errno)));
    w->link = ends[0];
    WHET_GOTO(fork_worker(w, &p, ends[1], opt));
done:
    if (ends[1] >= 0) close(ends[1]);
    for (int i = 0; i < n_own; i++) whet_free(env[i]);
    whet_free(env);
    return status;
}

whet_status whet_worker_start(whet_worker **out, const whet_worker_options *opt)
{
    json_t *hello = NULL;
    *out = NULL;
    whet_worker *w = whet_calloc(1, sizeof *w);
    if (w == NULL) return WHET_ENOMEM;
    w->link = w->results = w->talk = -1;
    whet_status status = spawn(w, opt);
    if (status == WHET_OK) status = whet_worker_call(w, json_pack("{ss}", "do", "hello"), HELLO_SECONDS, &hello);
    if (status == WHET_OK && !json_is_string(json_object_get(hello, "whet")))
        status = WHET_FAIL(WHET_ERUNTIME, "the worker program is not whet: set WHET_PROGRAM to the path of `whet`");
    json_decref(hello);
    if (status != WHET_OK) {
        whet_worker_free(w);
        return status;
    }
    *out = w;
    return WHET_OK;
}

/* --- ending */
/* What the worker has started and is in no group of ours any more; once more for what was started meanwhile. */
static void end_strays(const whet_worker *w, whet_strays *known)
{
    whet_strays_kill(known);
    whet_strays_find(known, w->mark, 0);
    whet_strays_kill(known);
}

static void end_group(whet_worker *w)
{
    int code = 0;
    whet_strays strays = {0, 0, NULL};
    if (w->pid <= 0) return;
    whet_strays_find(&strays, w->mark, w->pid);
    kill(-w->pid, SIGKILL);
    kill(-w->pid, SIGCONT);
    while (waitpid(w->pid, &code, 0) < 0 && errno == EINTR) {
    }
    end_strays(w, &strays);
    w->pid = 0;
    w->dead = 1;
}

void whet_worker_free(whet_worker *w)
{
    if (w == NULL) return;
    end_group(w);
    if (w->map != NULL) munmap(w->map, w->map_size);
    if (w->link >= 0) close(w->link);
    if (w->results >= 0) close(w->results);
    if (w->talk >= 0) close(w->talk);
    whet_free(w);
}

/* The last non-empty line that the worker wrote on stderr: abort messages of runtimes land there. */
static void last_words(whet_worker *w, char *out, size_t cap)
{
    char tail[2048];
    const off_t size = lseek(w->talk, 0, SEEK_END), from = size > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : 0;
    const ssize_t n = size > 0 ? pread(w->talk, tail, sizeof tail - 1, from) : 0;
    if (out != w->said) snprintf(out, cap, "%s", w->said);
    if (n <= 0) return;
    for (ssize_t i = 0; i < n; i++) /* it may say anything; what is told goes into a document */
        if (tail[i] == '\0' || tail[i] == '\r')
            tail[i] = '\n';
        else if (tail[i] != '\n' && (tail[i] < ' ' || tail[i] > '~'))
            tail[i] = '?';
    tail[n] = '\0';
    for (char *save = NULL, *line = strtok_r(tail, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (line[strspn(line, " \t\r")] != '\0') snprintf(out, cap, " (it said: %.200s)", line);
}

/* An allocation that fails ends most runtimes in an abort: the limit is named where the process was near it or said so. */
static bool for_memory(const whet_worker *w, int code, const struct rusage *used, const char *said)
{
    if (!WIFSIGNALED(code) || w->memory_limit == 0) return false;
    return (double)used->ru_maxrss * 1024 > 0.8 * (double)w->memory_limit || strstr(said, "bad_alloc") != NULL || strstr(said, "out of memory") != NULL;
}

/* Looks without reaping, so that its number, and its group's, is given to nobody else yet. */
static bool has_ended(const whet_worker *w, int how)
{
    siginfo_t s;
    memset(&s, 0, sizeof s);
    while (waitid(P_PID, (id_t)w->pid, &s, WEXITED | WNOWAIT | how) != 0)
        if (errno != EINTR) return false;
    return s.si_pid == w->pid && s.si_code != CLD_STOPPED;
}

/* Reaps a worker whose link has closed, and says how it ended. */
static whet_status bury(whet_worker *w)
{
    int code = 0;
    char said[256];
    pid_t got = 0;
    bool gone = false;
    struct rusage used;
    memset(&used, 0, sizeof used);
    for (int i = 0; i < 200 && !(gone = has_ended(w, WNOHANG)); i++) whet_sleep_ns(5000000); /* the link closes a little before */
    if (gone) {
        kill(-w->pid, SIGKILL); /* what it may have started, while the number is still its own */
        got = wait4(w->pid, &code, WNOHANG, &used);
    }
    last_words(w, said, sizeof said);
    if (got != w->pid) {
        end_group(w);
        snprintf(w->why, sizeof w->why, "the worker closed its link%s", said);
    } else if (for_memory(w, code, &used, said)) {
        snprintf(w->why, sizeof w->why, "memory: the process ended at its limit of %.0f MB%s", (double)w->memory_limit / 1e6, said);
    } else if (WIFSIGNALED(code)) {
        snprintf(w->why, sizeof w->why, "crash: signal %d, %s%s", WTERMSIG(code), strsignal(WTERMSIG(code)), said);
    } else if (WEXITSTATUS(code) == 127) {
        snprintf(w->why, sizeof w->why, "the worker program cannot be executed");
    } else {
        snprintf(w->why, sizeof w->why, "crash: exit code %d%s", WEXITSTATUS(code), said);
    }
    if (got == w->pid) {
        whet_strays strays = {0, 0, NULL};
        end_strays(w, &strays);
        w->pid = 0;
    }
    w->dead = 1;
    return WHET_FAIL(WHET_ERUNTIME, "%s", w->why);
}

/* --- asking */
static whet_status reply_status(const json_t *reply)
{
    const json_t *error = json_object_get(reply, "error");
    if (!json_is_string(error)) return WHET_OK;
    const json_int_t code = json_integer_value(json_object_get(reply, "status"));
    if (code == WHET_ECANCELLED && !whet_cancelled()) /* the runtime's own doing: a signal to its process group, or a wrong code */
        return WHET_FAIL(WHET_ERUNTIME, "%s, though not by the user", json_string_value(error));
    return WHET_FAIL(code <= WHET_EINVAL && code >= WHET_EGATE ? (whet_status)code : WHET_ERUNTIME, "%s", json_string_value(error));
}

/* A runtime may talk without end: what it says is kept in memory, so it is cut. */
static void cut_talk(whet_worker *w)
{
    if (whet_worker_talk(w) <= MAX_TALK) return;
    last_words(w, w->said, sizeof w->said);
    if (ftruncate(w->talk, 0) != 0) return; /* the next look tries again */
}

/* The kernel's limit is on private memory, process by process. A limit that was asked for holds for shared memory, and for a
 * runtime with helpers, too; the samples and results that lie in the worker are not the runtime's. */
static void judge_memory(whet_worker *w)
{
    struct stat st;
    const uint64_t now = whet_now_ns();
    if (w->asked_limit == 0 || w->pid <= 0 || now - w->looked < look_ns) return;
    w->looked = now;
    if (now - w->searched >= search_ns) {
        w->searched = now;
        w->tree[0] = w->pid;
        w->n_tree = 1 + whet_descendants(w->pid, w->tree + 1, MAX_TREE - 1);
    }
    const uint64_t results = fstat(w->results, &st) == 0 ? (uint64_t)st.st_size : 0, held = whet_memory_held(w->tree, w->n_tree);
    if (held <= w->asked_limit + w->shared + results) return;
    end_group(w);
    snprintf(w->why, sizeof w->why, "memory: the process and what it started held over %.0f MB, its limit", (double)w->asked_limit / 1e6);
}

static void look(void *arg)
{
    whet_worker *w = arg;
    cut_talk(w);
    judge_memory(w);
}

whet_status whet_worker_call(whet_worker *w, json_t *request, double seconds, json_t **reply)
{
    json_t *got = NULL;
    if (reply != NULL) *reply = NULL;
    if (request == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (w->dead) {
        json_decref(request);
        return WHET_FAIL(WHET_ERUNTIME, "%s", w->why);
    }
    whet_status status = whet_link_send(w->link, request);
    json_decref(request);
    cut_talk(w);
    if (status == WHET_OK) status = whet_link_receive_watched(w->link, whet_now_ns() + (uint64_t)(seconds * 1e9), look, w, &got);
    if (status == WHET_OK) judge_memory(w);
    if (w->dead) { /* by that look */
        json_decref(got);
        return WHET_FAIL(WHET_ERUNTIME, "%s", w->why);
    }
    if (status == WHET_ENOTFOUND) return bury(w);
    if (status == WHET_EUNAVAILABLE) {
        end_group(w);
        snprintf(w->why, sizeof w->why, "time: no answer within %.3g s, the process was killed", seconds);
        return WHET_FAIL(WHET_ERUNTIME, "%s", w->why);
    }
    if (status == WHET_EFORMAT) { /* whatever stands in the link, it is not from whet */
        end_group(w);
        snprintf(w->why, sizeof w->why, "the process wrote into the worker's link (%s), it was killed", whet_error_last()->text);
        return WHET_FAIL(WHET_ERUNTIME, "%s", w->why);
    }
    if (status == WHET_OK) status = reply_status(got);
    if (status != WHET_OK || reply == NULL)
        json_decref(got);
    else
        *reply = got;
    return status;
}

/* What it started and is not in its group: it would compute while others are timed. */
static void stop_outside(whet_worker *w)
{
    w->n_outside = 0;
    if (w->pid <= 0) return;
    pid_t below[MAX_TREE];
    const int n = whet_descendants(w->pid, below, MAX_TREE);
    for (int i = 0; i < n; i++)
        if (getpgid(below[i]) != w->pid && kill(below[i], SIGSTOP) == 0) w->outside[w->n_outside++] = below[i];
}

void whet_worker_pause(whet_worker *w)
{
    int code = 0;
    if (w->pid <= 0) return;
    kill(-w->pid, SIGSTOP);
    if (has_ended(w, WSTOPPED)) kill(-w->pid, SIGKILL);
    if (waitpid(w->pid, &code, WUNTRACED) == w->pid && !WIFSTOPPED(code)) {
        whet_strays strays = {0, 0, NULL};
        end_strays(w, &strays);
        w->pid = 0; /* it died before it stopped; the next call says so */
        w->dead = 1;
        snprintf(w->why, sizeof w->why, "crash: %s", WIFSIGNALED(code) ? strsignal(WTERMSIG(code)) : "it ended by itself");
    }
    stop_outside(w);
}

void whet_worker_continue(whet_worker *w)
{
    if (w->pid <= 0) return;
    for (int i = 0; i < w->n_outside; i++) kill(w->outside[i], SIGCONT);
    w->n_outside = 0;
    kill(-w->pid, SIGCONT);
}

int whet_worker_dead(const whet_worker *w)
{
    return w->dead;
}

uint64_t whet_worker_talk(const whet_worker *w)
{
    const off_t n = lseek(w->talk, 0, SEEK_END);
    return n > 0 ? (uint64_t)n : 0;
}

const void *whet_worker_results(whet_worker *w, uint64_t offset, uint64_t n)
{
    struct stat st;
    if (fstat(w->results, &st) != 0 || st.st_size <= 0) return NULL;
    const size_t size = (size_t)st.st_size;
    if (offset > size || n > size - offset) return NULL;
    if (w->map_size != size) {
        if (w->map != NULL) munmap(w->map, w->map_size);
        w->map_size = size;
        w->map = mmap(NULL, size, PROT_READ, MAP_SHARED, w->results, 0);
        if (w->map == MAP_FAILED) {
            w->map = NULL;
            w->map_size = 0;
            return NULL;
        }
    }
    return (const char *)w->map + offset;
}
