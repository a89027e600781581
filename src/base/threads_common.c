/* SPDX-License-Identifier: Apache-2.0 */
/* The chunk loop that both thread bodies run, and the number of usable CPUs: affinity, cgroup quota (v1 and v2, every
 * level of the hierarchy) and physical cores, whichever is least. */
#include "base/threads_common.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

#if defined(__x86_64__)
#include <immintrin.h>
static uint64_t fp_mode(void) { return _mm_getcsr(); }
static void fp_restore(uint64_t m) { _mm_setcsr((unsigned)m); }
#elif defined(__aarch64__)
static uint64_t fp_mode(void)
{
    uint64_t m = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(m));
    return m;
}
static void fp_restore(uint64_t m) { __asm__ volatile("msr fpcr, %0" : : "r"(m)); }
#else
static uint64_t fp_mode(void) { return 0; }
static void fp_restore(uint64_t m) { (void)m; }
#endif

static _Thread_local int inside, my_worker;

bool whet_threads_inside(void) { return inside > 0; }

void whet_job_open(whet_job *job, int n_chunks, whet_parallel_fn fn, void *arg)
{
    job->fn = fn;
    job->arg = arg;
    job->n_chunks = n_chunks;
    for (int i = 0; i < job->n_ranges; i++) {
        const uint64_t begin = (uint64_t)n_chunks * (unsigned)i / (unsigned)job->n_ranges;
        const uint64_t end = (uint64_t)n_chunks * ((unsigned)i + 1) / (unsigned)job->n_ranges;
        atomic_store_explicit(&job->ranges[i].left, begin | end << 32, memory_order_relaxed);
    }
}

static bool take(whet_job_range *range, bool from_back, int *chunk)
{
    uint64_t left = atomic_load_explicit(&range->left, memory_order_relaxed), next = 0;
    do {
        const uint64_t begin = left & UINT32_MAX, end = left >> 32;
        if (begin >= end) return false;
        *chunk = (int)(from_back ? end - 1 : begin);
        next = from_back ? begin | (end - 1) << 32 : (begin + 1) | end << 32;
    } while (!atomic_compare_exchange_weak_explicit(&range->left, &left, next, memory_order_relaxed, memory_order_relaxed));
    return true;
}

void whet_job_work(whet_job *job, int worker)
{
    const uint64_t mode = fp_mode();
    whet_cpu_flush_denormals();
    inside++;
    my_worker = worker;
    for (int i = 0; i < job->n_ranges; i++) {
        whet_job_range *range = &job->ranges[(worker + i) % job->n_ranges];
        int c = 0;
        while (take(range, i > 0, &c)) job->fn(job->arg, c, worker);
    }
    inside--;
    fp_restore(mode);
}

void whet_job_serial(const whet_team *team, int n_chunks, whet_parallel_fn fn, void *arg)
{
    const uint64_t mode = fp_mode();
    const int worker = inside && my_worker < whet_team_size(team) ? my_worker : 0; /* scratch per worker stays apart */
    whet_cpu_flush_denormals();
    for (int c = 0; c < n_chunks; c++) fn(arg, c, worker);
    fp_restore(mode);
}

static bool read_text(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n = 0;
    if (!f) return false;
    n = fread(out, 1, size - 1, f);
    out[n] = 0;
    fclose(f);
    return n > 0;
}

static int quota_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return 0;
    return (int)WHET_MIN((quota + period - 1) / period, 1 << 20);
}

/* The tightest quota on the way from the group `path` up to the root of the hierarchy mounted at `mount`. */
static int group_quota(const char *mount, const char *path, bool v2)
{
    char dir[1024], file[1200], text[128];
    int best = 0;
    snprintf(dir, sizeof dir, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    for (;;) {
        long long quota = 0, period = 0;
        char *slash = NULL;
        int n = 0;
        if (v2) {
            snprintf(file, sizeof file, "%s/cpu.max", dir);
            if (read_text(file, text, sizeof text) && sscanf(text, "%lld %lld", &quota, &period) != 2) quota = 0;
        } else {
            snprintf(file, sizeof file, "%s/cpu.cfs_quota_us", dir);
            if (read_text(file, text, sizeof text)) quota = atoll(text);
            snprintf(file, sizeof file, "%s/cpu.cfs_period_us", dir);
            if (read_text(file, text, sizeof text)) period = atoll(text);
        }
        n = quota_cpus(quota, period);
        if (n > 0 && (best == 0 || n < best)) best = n;
        if (strlen(dir) <= strlen(mount)) break;
        slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < strlen(mount)) break;
        *slash = 0;
    }
    return best;
}

static bool has_controller(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; *p;) {
        const size_t len = strcspn(p, ",");
        if (len == n && strncmp(p, name, n) == 0) return true;
        p += len + (p[len] == ',');
    }
    return false;
}

static int cgroup_cpus(void)
{
    char text[4096], *save = NULL;
    int best = 0;
    if (!read_text("/proc/self/cgroup", text, sizeof text)) return 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        int n = 0, m = 0;
        if (!path) continue;
        *names++ = 0;
        *path++ = 0;
        if (*names == 0) n = group_quota("/sys/fs/cgroup", path, true);
        else if (has_controller(names, "cpu")) {
            n = group_quota("/sys/fs/cgroup/cpu", path, false);
            m = group_quota("/sys/fs/cgroup/cpu", "/", false); /* inside a container the path is the host's */
            if (n == 0) n = m;
        }
        if (n > 0 && (best == 0 || n < best)) best = n;
    }
    return best;
}

/* Distinct cores among the CPUs of the mask; 0 if the topology is not told. */
static int core_count(const cpu_set_t *mask)
{
    enum { MOST = 1024 };
    uint64_t seen[MOST];
    int n = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && n < MOST; cpu++) {
        char path[96], text[64];
        uint64_t key = 0;
        int i = 0;
        if (!CPU_ISSET(cpu, mask)) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
        if (!read_text(path, text, sizeof text)) return 0;
        key = (uint64_t)(uint32_t)atoi(text) << 32;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", cpu);
        if (!read_text(path, text, sizeof text)) return 0;
        key |= (uint32_t)atoi(text);
        while (i < n && seen[i] != key) i++;
        if (i == n) seen[n++] = key;
    }
    return n;
}

int whet_cpu_count(void)
{
    cpu_set_t mask;
    int n = 1, cores = 0, quota = 0;
    CPU_ZERO(&mask);
    if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
    n = CPU_COUNT(&mask);
    cores = core_count(&mask);
    quota = cgroup_cpus();
    if (cores > 0 && cores < n) n = cores;
    if (quota > 0 && quota < n) n = quota;
    return WHET_MAX(n, 1);
}
