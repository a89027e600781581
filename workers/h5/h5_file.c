/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for libhdf5 over one descriptor that is open already ("virtual file driver", the library's own interface for that), so
 * that the worker need not open any path and can give up opening before libhdf5 sees the file. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "whet_h5.h"

typedef struct plain_file {
    H5FD_t base; /* libhdf5 looks at this */
    int fd;
    haddr_t eoa, eof;
} plain_file;

enum { READ_FD = 0, WRITE_FD = 1 };

static H5FD_t *open_file(const char *name, unsigned flags, hid_t fapl, haddr_t max)
{
    struct stat st;
    plain_file *f = calloc(1, sizeof *f);
    (void)name, (void)fapl, (void)max;
    if (f == NULL) return NULL;
    f->fd = (flags & H5F_ACC_RDWR) != 0 ? WRITE_FD : READ_FD;
    if (fstat(f->fd, &st) != 0) {
        free(f);
        return NULL;
    }
    f->eof = (haddr_t)st.st_size;
    return &f->base;
}

static herr_t close_file(H5FD_t *file)
{
    free(file);
    return 0;
}

static herr_t query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const plain_file *)file)->eoa;
}

static herr_t set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t at)
{
    (void)type;
    ((plain_file *)file)->eoa = at;
    return 0;
}

static haddr_t get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const plain_file *)file)->eof;
}

static bool in_range(haddr_t at, size_t n)
{
    return at <= INT64_MAX && n <= INT64_MAX - at;
}

/* Beyond the end of the file there are zeros, as in the library's own drivers. */
static herr_t read_file(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t at, size_t n, void *data)
{
    const plain_file *f = (const plain_file *)file;
    (void)type, (void)dxpl;
    if (!in_range(at, n)) return -1;
    for (char *p = data; n > 0;) {
        const ssize_t k = pread(f->fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return -1;
        if (k == 0) {
            memset(p, 0, n);
            return 0;
        }
        p += k;
        at += (haddr_t)k;
        n -= (size_t)k;
    }
    return 0;
}

static herr_t write_file(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t at, size_t n, const void *data)
{
    plain_file *f = (plain_file *)file;
    (void)type, (void)dxpl;
    if (!in_range(at, n)) return -1;
    for (const char *p = data; n > 0;) {
        const ssize_t k = pwrite(f->fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return -1;
        p += k;
        at += (haddr_t)k;
        n -= (size_t)k;
    }
    if (at > f->eof) f->eof = at;
    return 0;
}

static herr_t truncate_file(H5FD_t *file, hid_t dxpl, hbool_t closing)
{
    plain_file *f = (plain_file *)file;
    (void)dxpl, (void)closing;
    if (f->fd != WRITE_FD || f->eoa == f->eof) return 0;
    if (ftruncate(f->fd, (off_t)f->eoa) != 0) return -1;
    f->eof = f->eoa;
    return 0;
}

static const H5FD_class_t driver = {
    .name = "whet", .maxaddr = INT64_MAX, .fc_degree = H5F_CLOSE_STRONG, .open = open_file, .close = close_file, .query = query, .get_eoa = get_eoa,
    .set_eoa = set_eoa, .get_eof = get_eof, .read = read_file, .write = write_file, .truncate = truncate_file, .fl_map = H5FD_FLMAP_DICHOTOMY};

hid_t h5_access(void)
{
    const hid_t d = H5FDregister(&driver), p = d >= 0 ? H5Pcreate(H5P_FILE_ACCESS) : -1;
    if (p >= 0 && H5Pset_driver(p, d, NULL) >= 0) return p;
    return -1;
}
