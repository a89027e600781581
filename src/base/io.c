/* SPDX-License-Identifier: Apache-2.0 */
/* Files. Writing goes to "<path>.tmp-<pid>-<n>" beside the target and is renamed over it after fsync, so a crash or a full
 * disk leaves the old file or none. What is no regular file (/dev/stdout, a pipe) is written to directly, never replaced. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static whet_status sys_fail(const char *what, const char *path)
{
    int e = errno;
    whet_status s = e == ENOENT || e == ENOTDIR ? WHET_ENOTFOUND : e == ENOMEM ? WHET_ENOMEM : WHET_EIO;
    const char *cure = e == ENOSPC ? "; free some space and run the command again" : e == EACCES ? "; check the permissions" : "";
    whet_fail(s, "%s failed: %s%s", what, strerror(e), cure);
    whet_error_at_file(path);
    if (e == ENOSPC || e == EDQUOT || e == EROFS) whet_error_at_full_disk();
    return s;
}

struct whet_map {
    void *data;
    size_t size;
    bool mapped;
};

whet_status whet_map_open(whet_map **out, const char *path)
{
    struct stat st;
    whet_status status = WHET_OK;
    whet_map *m = NULL;
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO without a writer must not hang */
    if (fd < 0) return sys_fail("opening", path);
    if (fstat(fd, &st) != 0) {
        status = sys_fail("reading", path);
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        status = whet_fail(WHET_EIO, S_ISDIR(st.st_mode) ? "this is a folder; name a file" : "not a regular file");
        whet_error_at_file(path);
        goto done;
    }
    m = whet_calloc(1, sizeof *m);
    if (m == NULL) {
        status = WHET_ENOMEM;
        goto done;
    }
    m->size = (size_t)st.st_size;
    if (m->size == 0) {
        static char nothing[1];
        m->data = nothing;
    } else {
        m->data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
        m->mapped = m->data != MAP_FAILED;
        if (!m->mapped) {
            status = sys_fail("mapping", path);
            whet_free(m);
            goto done;
        }
    }
    *out = m;
done:
    close(fd);
    return status;
}

void whet_map_close(whet_map *m)
{
    if (m == NULL) return;
    if (m->mapped) munmap(m->data, m->size);
    whet_free(m);
}

const uint8_t *whet_map_data(const whet_map *m)
{
    return m->data;
}

size_t whet_map_size(const whet_map *m)
{
    return m->size;
}

void whet_map_forget(const void *data, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = WHET_ALIGN_UP((uintptr_t)data, page);
    const uintptr_t end = ((uintptr_t)data + size) / page * page;
    if (end > begin) madvise((void *)begin, end - begin, MADV_DONTNEED); /* a refusal costs memory, nothing else */
}

whet_status whet_file_read(uint8_t **out, size_t *size, const char *path, size_t limit)
{
    whet_map *m = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    *size = 0;
    WHET_TRY(whet_map_open(&m, path));
    if (m->size > limit) {
        status = whet_fail(WHET_EFORMAT, "file has %zu bytes, the limit here is %zu", m->size, limit);
        whet_error_at_file(path);
        goto done;
    }
    *out = whet_alloc(m->size + 1);
    if (*out == NULL) {
        status = WHET_ENOMEM;
        goto done;
    }
    memcpy(*out, m->data, m->size);
    (*out)[m->size] = 0;
    *size = m->size;
done:
    whet_map_close(m);
    return status;
}

struct whet_writer {
    FILE *f;
    char *path, *tmp; /* tmp is NULL where the target is written to directly */
    uint64_t offset;
    whet_status status;
};

/* A pipe that nothing reads would keep fopen waiting for ever. */
static FILE *open_pipe(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    FILE *f = fcntl(fd, F_SETFL, 0) == 0 ? fdopen(fd, "wb") : NULL;
    if (f == NULL) close(fd);
    return f;
}

/* The store of results is the only file that is never a product: a name that is its own by mistake must not cost all runs. */
static bool is_database(const char *path)
{
    static const char magic[] = "SQLite format 3";
    char head[sizeof magic] = "";
    FILE *f = fopen(path, "rbe");
    const bool is = f != NULL && fread(head, 1, sizeof head, f) == sizeof head && memcmp(head, magic, sizeof magic) == 0;
    if (f != NULL) fclose(f);
    return is;
}

whet_status whet_writer_open(whet_writer **out, const char *path)
{
    static atomic_uint serial;
    struct stat st;
    whet_status status = WHET_OK;
    *out = NULL;
    bool there = stat(path, &st) == 0, direct = there && !S_ISREG(st.st_mode);
    if (there && S_ISDIR(st.st_mode)) {
        status = whet_fail(WHET_EIO, "this is a folder; name a file in it");
        whet_error_at_file(path);
        return status;
    }
    if (there && !direct && is_database(path)) {
        status = whet_fail(WHET_EINVAL, "this is a database, such as a results store; name another file");
        whet_error_at_file(path);
        return status;
    }
    whet_writer *w = whet_calloc(1, sizeof *w);
    if (w == NULL) return WHET_ENOMEM;
    w->path = whet_strdup(path);
    if (!direct) w->tmp = whet_format("%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&serial, 1u));
    if (w->path == NULL || (!direct && w->tmp == NULL)) {
        status = WHET_ENOMEM;
        goto done;
    }
    const bool pipe = direct && S_ISFIFO(st.st_mode);
    w->f = pipe ? open_pipe(path) : direct ? fopen(path, "wbe") : fopen(w->tmp, "wbxe");
    if (w->f == NULL && pipe && errno == ENXIO) {
        status = whet_fail(WHET_EIO, "nothing reads this pipe; start its reader first");
        whet_error_at_file(path);
        goto done;
    }
    if (w->f == NULL) {
        status = sys_fail("writing", path);
        goto done;
    }
    *out = w;
    w = NULL;
done:
    if (w != NULL) {
        whet_free(w->path);
        whet_free(w->tmp);
        whet_free(w);
    }
    return status;
}

whet_status whet_writer_write(whet_writer *w, const void *data, size_t n)
{
    if (w->status == WHET_OK && n != 0 && fwrite(data, 1, n, w->f) != n) w->status = sys_fail("writing", w->path);
    w->offset += n;
    return w->status;
}

uint64_t whet_writer_offset(const whet_writer *w)
{
    return w->offset;
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash == NULL ? whet_strdup(".") : whet_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int fd = dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    whet_free(dir);
}

static void writer_free(whet_writer *w)
{
    whet_free(w->path);
    whet_free(w->tmp);
    whet_free(w);
}

whet_status whet_writer_commit(whet_writer *w)
{
    whet_status status = w->status;
    bool direct = w->tmp == NULL;
    if (status == WHET_OK && (fflush(w->f) != 0 || (!direct && fsync(fileno(w->f)) != 0))) status = sys_fail("writing", w->path);
    if (fclose(w->f) != 0 && status == WHET_OK) status = sys_fail("writing", w->path);
    if (status == WHET_OK && !direct && rename(w->tmp, w->path) != 0) status = sys_fail("writing", w->path);
    if (status == WHET_OK && !direct)
        sync_folder(w->path);
    else if (!direct)
        unlink(w->tmp);
    writer_free(w);
    return status;
}

void whet_writer_abort(whet_writer *w)
{
    if (w == NULL) return;
    fclose(w->f);
    if (w->tmp != NULL) unlink(w->tmp);
    writer_free(w);
}

whet_status whet_file_write(const char *path, const void *data, size_t n)
{
    whet_writer *w = NULL;
    WHET_TRY(whet_writer_open(&w, path));
    whet_writer_write(w, data, n); /* the error sticks until commit */
    return whet_writer_commit(w);
}

whet_status whet_file_move(const char *from, const char *to)
{
    if (rename(from, to) != 0) return sys_fail("writing", to);
    sync_folder(to);
    return WHET_OK;
}

bool whet_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool whet_dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t whet_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

whet_status whet_mkdirs(const char *path)
{
    char *p = whet_strdup(path);
    whet_status status = WHET_OK;
    if (p == NULL) return WHET_ENOMEM;
    for (char *s = p + 1; status == WHET_OK; s++) {
        if (*s != '/' && *s != '\0') continue;
        char c = *s;
        *s = '\0';
        if (mkdir(p, 0777) != 0 && !(errno == EEXIST && whet_dir_exists(p))) status = sys_fail("making the folder", p);
        *s = c;
        if (c == '\0') break;
    }
    whet_free(p);
    return status;
}

whet_status whet_dir_hold(int *fd, const char *path)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return sys_fail("opening", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return WHET_OK;
    bool taken = errno == EWOULDBLOCK;
    whet_dir_release(fd);
    if (!taken) return WHET_OK;
    whet_fail(WHET_EIO, "another program is at work in this folder; wait for its end or name another folder");
    whet_error_at_file(path);
    return WHET_EIO;
}

void whet_dir_release(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

char *whet_path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    return whet_format("%s%s%s", dir, n > 0 && dir[n - 1] == '/' ? "" : "/", name);
}

const char *whet_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

const char *whet_path_ext(const char *path)
{
    const char *base = whet_path_base(path), *dot = strrchr(base, '.');
    return dot != NULL && dot != base ? dot : "";
}

bool whet_path_is_inside(const char *rel)
{
    if (rel[0] == '\0' || rel[0] == '/') return false;
    for (const char *p = rel; *p != '\0';) {
        const char *end = strchr(p, '/');
        size_t n = end != NULL ? (size_t)(end - p) : strlen(p);
        if (n == 2 && p[0] == '.' && p[1] == '.') return false;
        p += n;
        while (*p == '/') p++;
    }
    return true;
}

/* $HOME, else what the user database says, as in a service: never a folder in which other users can put something. */
static char *home_dir(void)
{
    const char *home = getenv("HOME");
    struct passwd entry, *found = NULL;
    char text[4096];
    if (home != NULL && home[0] != '\0') return whet_strdup(home);
    if (getpwuid_r(getuid(), &entry, text, sizeof text, &found) == 0 && found != NULL && found->pw_dir[0] == '/') return whet_strdup(found->pw_dir);
    return whet_format("/tmp/whet-%ld", (long)getuid());
}

static char *user_dir(const char *xdg, const char *sub, const char *fallback)
{
    const char *own = getenv("WHET_HOME"), *base = getenv(xdg);
    if (own != NULL && own[0] != '\0') return whet_path_join(own, sub);
    if (base != NULL && base[0] == '/') return whet_path_join(base, "whet");
    char *home = home_dir(), *path = home != NULL ? whet_path_join(home, fallback) : NULL, *dir = path != NULL ? whet_path_join(path, "whet") : NULL;
    whet_free(home);
    whet_free(path);
    return dir;
}

char *whet_data_dir(void)
{
    return user_dir("XDG_DATA_HOME", "data", ".local/share");
}

char *whet_cache_dir(void)
{
    const char *own = getenv("WHET_CACHE"); /* that folder itself */
    if (own != NULL && own[0] == '/') return whet_strdup(own);
    return user_dir("XDG_CACHE_HOME", "cache", ".cache");
}

char *whet_shared_dir(void)
{
    const char *own = getenv("WHET_SHARED");
    if (own != NULL && own[0] != '\0') return whet_dir_exists(own) ? whet_strdup(own) : NULL;
    return whet_file_exists("../shared/README.md") ? whet_strdup("../shared") : NULL;
}
