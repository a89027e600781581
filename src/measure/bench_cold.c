/* SPDX-License-Identifier: Apache-2.0 */
/* The load with every cache empty: the model's files are dropped from the page cache, as far as the kernel lets us, and the
 * process gets an empty folder for whatever it caches (tuned kernels, compiled models). Tuning is part of this load. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "measure/bench_private.h"

/* Drops a file; gives how much of it is in memory all the same. */
static void evict(const char *path, double *bytes, double *resident)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (fd < 0) return;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    void *p = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    const size_t n = p != MAP_FAILED ? ((size_t)st.st_size + page - 1) / page : 0;
    unsigned char *in = n > 0 ? whet_calloc(n, 1) : NULL;
    if (in != NULL && mincore(p, (size_t)st.st_size, in) == 0)
        for (size_t i = 0; i < n; i++) *resident += (in[i] & 1) * (double)page;
    if (n > 0) *bytes += (double)n * (double)page;
    whet_free(in);
    if (p != MAP_FAILED) munmap(p, (size_t)st.st_size);
    close(fd);
}

static double evict_all(const whet_facts *f)
{
    static const char *const below[] = {"", "variables/"}; /* the second in SavedModels */
    const char *slash = strrchr(f->path, '/');
    const bool folder = whet_dir_exists(f->path);
    const int n = folder ? (int)strlen(f->path) : slash != NULL ? (int)(slash - f->path) : 0;
    double bytes = 0, resident = 0;
    for (size_t i = 0; i < json_array_size(f->files); i++)
        for (size_t k = 0; k < (folder ? WHET_COUNT(below) : 1); k++) {
            char *path = whet_format("%.*s%s%s%s", n, f->path, n > 0 || f->path[0] == '/' ? "/" : "", below[k], json_string_value(json_array_get(f->files, i)));
            if (path != NULL) evict(path, &bytes, &resident);
            whet_free(path);
        }
    return bytes > 0 ? resident / bytes : 0;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    (void)remove(path); /* what stays is only a temporary file */
    return 0;
}

whet_status whet_bench_cold(whet_bench *b, whet_bench_row *r)
{
    const char *tmp = getenv("TMPDIR");
    char *caches = whet_format("%s/whet-cold-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
    json_t *loaded = NULL, *first = NULL;
    whet_status status = WHET_OK;
    if (caches == NULL) return WHET_ENOMEM;
    r->cache_dir = mkdtemp(caches);
    const double resident = evict_all(r->facts);
    WHET_GOTO(whet_bench_start(b, r));
    WHET_GOTO(whet_bench_load_with(b, r, r->tuning != NULL ? "measure" : NULL, &loaded));
    WHET_GOTO(whet_worker_call(r->worker, whet_samples_feed(r->samples), whet_bench_limit(b), NULL));
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, si}", "do", "run", "sample", 0), whet_bench_limit(b), &first));
    r->t.build_cold = json_number_value(json_object_get(loaded, "build_ns")) / 1e6;
    r->t.first_cold = json_number_value(json_object_get(first, "ns")) / 1e6;
    r->cold_resident = resident;
done:
    whet_bench_close_row(r);
    if (r->cache_dir != NULL) (void)nftw(caches, drop, 16, FTW_DEPTH | FTW_PHYS);
    r->cache_dir = NULL;
    whet_free(caches);
    json_decref(loaded);
    json_decref(first);
    return status;
}
