/* SPDX-License-Identifier: Apache-2.0 */
/* Image folders. Three forms: <split>/<class>/picture, <class>/picture, and pictures alone (unlabelled), where <split> is
 * train, val, valid, validation or test. Classes are the folder names of all splits together, sorted by bytes; pictures are
 * sorted by path, so the order never depends on the file system. The same rules sort an archive's names. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/printable.h"
#include "data/dataset_impl.h"

enum { MAX_DEPTH = 3 };

static const struct { const char *name; whet_split split; } split_names[] = {
    {"train", WHET_SPLIT_TRAIN}, {"val", WHET_SPLIT_VAL},   {"valid", WHET_SPLIT_VAL},
    {"validation", WHET_SPLIT_VAL}, {"test", WHET_SPLIT_TEST},
};

bool whet_is_picture_name(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"};
    const char *base = whet_path_base(name), *ext = whet_path_ext(name);

    if (base[0] == '.') return false;
    for (size_t i = 0; i < WHET_COUNT(ends); i++)
        if (strcasecmp(ext, ends[i]) == 0) return true;
    return false;
}

static int split_of(const char *name, size_t n)
{
    for (size_t i = 0; i < WHET_COUNT(split_names); i++)
        if (strlen(split_names[i].name) == n && strncmp(name, split_names[i].name, n) == 0) return (int)split_names[i].split;
    return -1;
}

/* A path cut into its parts. */
struct parts { const char *part[MAX_DEPTH + 2]; size_t len[MAX_DEPTH + 2]; int n; };

static struct parts cut(const char *path)
{
    struct parts p = {.n = 0};

    while (p.n < MAX_DEPTH + 2) {
        size_t len = strcspn(path, "/");
        p.part[p.n] = path;
        p.len[p.n++] = len;
        if (!path[len]) break;
        path += len + 1;
    }
    return p;
}

static int compare_samples(const void *a, const void *b)
{
    return strcmp(((const whet_sample *)a)->name, ((const whet_sample *)b)->name);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* True if every path starts with the same folder, which is no split itself: an archive's own top folder. */
static bool has_top(const whet_sample *s, size_t n, size_t skip)
{
    size_t len = n ? strcspn(s[0].name + skip, "/") : 0;

    if (!n || !s[0].name[skip + len] || split_of(s[0].name + skip, len) >= 0) return false;
    for (size_t i = 0; i < n; i++) {
        struct parts p = cut(s[i].name + skip);
        if (p.n < 3 || p.len[0] != len || strncmp(p.part[0], s[0].name + skip, len) != 0) return false;
    }
    return true;
}

static int find_class(whet_dataset *d, const char *name, size_t len)
{
    int lo = 0, hi = d->n_classes - 1;

    while (lo <= hi) {
        int mid = (lo + hi) / 2, c = strncmp(name, d->classes[mid], len);
        if (c == 0) c = d->classes[mid][len] ? -1 : 0;
        if (c == 0) return mid;
        if (c < 0) hi = mid - 1;
        else lo = mid + 1;
    }
    return -1;
}

/* The part of the path that names the class (-1 none) and the split (-1 none). */
static void classify(const char *path, int *split, int *class_part)
{
    struct parts p = cut(path);

    *split = p.n > 1 ? split_of(p.part[0], p.len[0]) : -1;
    *class_part = *split >= 0 ? (p.n > 2 ? 1 : -1) : (p.n > 1 ? 0 : -1);
}

static whet_status gather_classes(whet_dataset *d, const whet_sample *s, size_t n, size_t skip)
{
    const char *last = NULL;
    size_t last_len = 0, kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct parts p = cut(s[i].name + skip);
        int split = 0, c = 0;
        char *name = NULL;
        whet_status status = WHET_OK;
        classify(s[i].name + skip, &split, &c);
        if (c < 0 || (last && p.len[c] == last_len && strncmp(p.part[c], last, last_len) == 0)) continue;
        last = p.part[c];
        last_len = p.len[c];
        name = whet_strndup(last, last_len);
        if (!name) return WHET_ENOMEM;
        status = whet_dataset_add_class(d, name);
        whet_free(name);
        WHET_TRY(status);
    }
    if (d->n_classes > 1) qsort(d->classes, (size_t)d->n_classes, sizeof *d->classes, compare_names);
    for (int i = 0; i < d->n_classes; i++) { /* the same class in several splits */
        if (kept && strcmp(d->classes[kept - 1], d->classes[i]) == 0) whet_free(d->classes[i]);
        else d->classes[kept++] = d->classes[i];
    }
    d->n_classes = (int)kept;
    return WHET_OK;
}

whet_status whet_tree_build(whet_dataset *d, whet_sample *s, size_t n, size_t skip, const char *what)
{
    bool splits = false, labelled = false;

    if (n > 1) qsort(s, n, sizeof *s, compare_samples);
    if (n == 0) {
        whet_fail(WHET_EFORMAT, "no pictures (jpg, png, bmp, webp, gif) found, expected train/<class>/..., <class>/... or "
                                "pictures alone");
        whet_error_at_file(what);
        return WHET_EFORMAT;
    }
    for (size_t i = 0; i < n; i++) { /* classes and files are named in JSON, ONNX metadata and pages */
        if (whet_is_utf8(s[i].name + skip)) continue;
        whet_fail(WHET_EFORMAT, "the name '%s' is not UTF-8, rename it", s[i].name + skip);
        whet_error_at_file(what);
        return WHET_EFORMAT;
    }
    if (has_top(s, n, skip)) skip += strcspn(s[0].name + skip, "/") + 1;
    for (size_t i = 0; i < n; i++) {
        int split = 0, c = 0;
        classify(s[i].name + skip, &split, &c);
        splits = splits || split >= 0;
        labelled = labelled || c >= 0;
    }
    WHET_TRY(gather_classes(d, s, n, skip));
    for (size_t i = 0; i < n; i++) {
        struct parts p = cut(s[i].name + skip);
        int split = 0, c = 0;
        classify(s[i].name + skip, &split, &c);
        if (splits && split < 0) continue; /* a stray picture beside train/ and test/ */
        if (labelled && c < 0) continue;   /* ... or beside the class folders */
        s[i].label = c >= 0 ? find_class(d, p.part[c], p.len[c]) : -1;
        if (split < 0) split = labelled ? WHET_SPLIT_TRAIN : WHET_SPLIT_TEST;
        WHET_TRY(whet_samples_add(&d->split[split], &s[i]));
        d->split[split].own = splits || !labelled;
    }
    return WHET_OK;
}

struct walk { whet_dataset *d; whet_sample *v; size_t n, cap; };

static whet_status walk_folder(struct walk *w, const char *path, int depth)
{
    DIR *dir = opendir(path);
    struct dirent *e = NULL;
    whet_status status = WHET_OK;

    if (!dir) {
        status = WHET_FAIL(errno == ENOENT ? WHET_ENOTFOUND : WHET_EIO, "cannot open the folder: %s", strerror(errno));
        whet_error_at_file(path);
        return status;
    }
    while ((e = readdir(dir)) != NULL && status == WHET_OK) {
        char *child = NULL;
        struct stat st;
        if (e->d_name[0] == '.') continue;
        child = whet_path_join(path, e->d_name);
        if (!child) {
            status = WHET_ENOMEM;
            break;
        }
        if (e->d_type == DT_UNKNOWN || e->d_type == DT_LNK) {
            memset(&st, 0, sizeof st);
            e->d_type = stat(child, &st) != 0 ? DT_UNKNOWN : S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
        }
        if (e->d_type == DT_DIR && depth < MAX_DEPTH) {
            status = walk_folder(w, child, depth + 1);
        } else if (e->d_type == DT_REG && whet_is_picture_name(e->d_name)) {
            const char *name = whet_arena_strdup(w->d->arena, child);
            if (!name || w->n >= WHET_MAX_SAMPLES || !WHET_GROW(&w->v, w->n, &w->cap))
                status = name ? WHET_FAIL(WHET_ENOMEM, "too many pictures in '%s'", path) : WHET_ENOMEM;
            else
                w->v[w->n++] = (whet_sample){name, NULL, 0, -1};
        }
        whet_free(child);
    }
    closedir(dir);
    return status;
}

whet_status whet_folder_open(whet_dataset *d, const char *path)
{
    struct walk w = {.d = d};
    size_t skip = strlen(path);
    whet_status status = WHET_OK;

    d->kind = WHET_SAMPLE_FILE;
    status = walk_folder(&w, path, 0);
    while (skip > 0 && path[skip - 1] == '/') skip--;
    /* names are path + '/' + rest; a path that ends in '/' may or may not double it */
    if (status == WHET_OK && w.n) {
        while (w.v[0].name[skip] == '/') skip++;
    }
    if (status == WHET_OK) status = whet_tree_build(d, w.v, w.n, skip, path);
    whet_free(w.v);
    return status;
}
