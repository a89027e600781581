/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that uses every member of the backend interface, the optional ones and every host function included. Its "model"
 * is any file that starts with "fake": y = 2 x + 1 on a free-sized f32 vector. The file's second line makes it fail:
 *   fake\nabort    the process dies at open        fake\nerror   open fails with a reason
 *   fake\nhang     run never returns               fake\nsilent  run fails without a reason
 *   fake\nwrong    the outputs are wrong
 * Built several times: FAKE_ABI, FAKE_SIZE and FAKE_LACKS_RUN make tables that must be refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

enum { MAX_LENGTH = 4096 };
static const whet_backend_host *host;

struct whet_backend_model { char trick[32]; int threads, taps; int64_t n; };
struct whet_backend_stream { whet_backend_model *m; float x[MAX_LENGTH], y[MAX_LENGTH]; int mapped; };

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
    FILE *f = fopen(path, "r");
    if (f == NULL) return fail(WHET_ENOTFOUND, "the fake file cannot be opened");
    const int good = fgets(line, sizeof line, f) != NULL && strncmp(line, "fake", 4) == 0;
    if (good && fgets(m->trick, sizeof m->trick, f) != NULL) m->trick[strcspn(m->trick, "\n")] = '\0';
    fclose(f);
    return good ? 0 : fail(WHET_EFORMAT, "the file does not start with 'fake'");
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
    for (int i = 0; i < n && status == 0; i++)
        if (strcmp(s[i].key, "threads") == 0) m->threads = atoi(s[i].value);
    if (status == 0 && strcmp(m->trick, "abort") == 0) {
        fprintf(stderr, "fake: assertion failed\n");
        abort();
    }
    if (status == 0 && strcmp(m->trick, "error") == 0) status = fail(WHET_EUNSUPPORTED, "operator 'Fake' is not known");
    if (status != 0)
        free(m);
    else
        *out = m;
    return status;
}

static void close_model(whet_backend_model *m) { free(m); }

static int io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    if (i != 0 && !(output && i <= m->taps)) return WHET_ENOTFOUND;
    *info = (whet_backend_io){.name = output ? "y" : "x", .dtype = 1, .rank = 2, .dims = {m->n > 0 ? 1 : -1, m->n > 0 ? m->n : 8}, .layout = ""};
    return 0;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    if (i != 0 || rank != 2 || dims[0] != 1 || dims[1] < 1 || dims[1] > MAX_LENGTH) return fail(WHET_ESHAPE, "input 'x' takes 1 x n");
    m->n = dims[1];
    return 0;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return fail(WHET_ENOMEM, "out of memory");
    (*out)->m = m;
    return 0;
}

static void stream_free(whet_backend_stream *s) { free(s); }

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

static int run(whet_backend_stream *s)
{
    if (strcmp(s->m->trick, "silent") == 0) return -77;
    while (strcmp(s->m->trick, "hang") == 0) pause();
    for (int64_t i = 0; i < s->m->n; i++) s->y[i] = 2 * s->x[i] + (strcmp(s->m->trick, "wrong") == 0 ? 1.5f : 1);
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
