/* SPDX-License-Identifier: Apache-2.0 */
/* Known sets over libcurl. A file is held in memory until its SHA-256 is right, then written under its name. MNIST's four
 * files are checked unpacked, because mirrors pack them differently. */
#include "data/fetch.h"

#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "data/dataset_impl.h"

enum { MAX_DOWNLOAD = 512 << 20, MAX_URLS = 2 };

static const struct known {
    const char *set, *file;
    const char *urls[MAX_URLS];
    const char *sha256;
    bool unpacked; /* the sum is of the content, not of the .gz */
} known[] = {
    {"mnist", "train-images-idx3-ubyte.gz",
     {"https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
      "https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz"},
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", true},
    {"mnist", "train-labels-idx1-ubyte.gz",
     {"https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
      "https://storage.googleapis.com/cvdf-datasets/mnist/train-labels-idx1-ubyte.gz"},
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", true},
    {"mnist", "t10k-images-idx3-ubyte.gz",
     {"https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
      "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz"},
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", true},
    {"mnist", "t10k-labels-idx1-ubyte.gz",
     {"https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
      "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz"},
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", true},
    {"cifar10", "cifar-10-binary.tar.gz",
     {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", NULL},
     "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", false},
};

static whet_status check_sum(const struct known *k, const uint8_t *data, size_t size, const char *from)
{
    whet_sha256 sha;
    char hex[65];
    uint8_t *plain = NULL;
    size_t plain_size = size;

    if (k->unpacked && size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
        WHET_TRY(whet_gunzip(&plain, &plain_size, data, size, MAX_DOWNLOAD, from));
    whet_sha256_init(&sha);
    whet_sha256_add(&sha, plain ? plain : data, plain_size);
    whet_sha256_hex(&sha, hex);
    whet_free(plain);
    if (strcmp(hex, k->sha256) == 0) return WHET_OK;
    whet_fail(WHET_EFORMAT, "wrong content: SHA-256 is %s, expected %s", hex, k->sha256);
    whet_error_at_file(from);
    return WHET_EFORMAT;
}

#ifdef WHET_MINIMAL

static whet_status download(const char *url, whet_strbuf *to, const char *stage, whet_progress_fn progress, void *arg)
{
    (void)to;
    (void)stage;
    (void)progress;
    (void)arg;
    return WHET_FAIL(WHET_EUNAVAILABLE, "downloads are not in the minimal build, get %s by hand and use --from", url);
}

#else
#include <curl/curl.h>

struct transfer { whet_strbuf *to; const char *stage; whet_progress_fn progress; void *arg; };

static size_t on_data(char *data, size_t one, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t bytes = one * n;

    if (bytes > MAX_DOWNLOAD - WHET_MIN(t->to->len, (size_t)MAX_DOWNLOAD)) return 0;
    whet_strbuf_add(t->to, data, bytes);
    return t->to->failed ? 0 : bytes;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    struct transfer *t = arg;

    (void)up_total;
    (void)up_now;
    if (t->progress && now > 0) t->progress(t->arg, t->stage, (double)now / 1e6, (double)total / 1e6, "MB", NULL);
    return whet_cancelled();
}

static whet_status download(const char *url, whet_strbuf *to, const char *stage, whet_progress_fn progress, void *arg)
{
    struct transfer t = {to, stage, progress, arg};
    char detail[CURL_ERROR_SIZE] = "";
    CURL *c = curl_easy_init();
    CURLcode rc = CURLE_OK;

    if (!c) return WHET_FAIL(WHET_ENOMEM, "no memory for a download");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 15L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1000L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "whet/" WHET_VERSION);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, &t);
    rc = curl_easy_perform(c);
    curl_easy_cleanup(c);
    if (rc == CURLE_OK) return WHET_OK;
    if (rc == CURLE_ABORTED_BY_CALLBACK) return WHET_FAIL(WHET_ECANCELLED, "interrupted while downloading");
    if (rc == CURLE_WRITE_ERROR) return WHET_FAIL(WHET_EFORMAT, "'%s' gives more than %d MB", url, MAX_DOWNLOAD >> 20);
    return WHET_FAIL(WHET_EUNAVAILABLE, "cannot download '%s': %s", url, *detail ? detail : curl_easy_strerror(rc));
}
#endif

static whet_status from_network(const struct known *k, const char *path, whet_progress_fn progress, void *arg)
{
    char stage[80];
    whet_status status = WHET_EUNAVAILABLE;

    snprintf(stage, sizeof stage, "download %s", k->file);
    for (int i = 0; i < MAX_URLS && k->urls[i]; i++) {
        whet_strbuf s;
        whet_strbuf_init(&s);
        status = download(k->urls[i], &s, stage, progress, arg);
        if (status == WHET_OK) status = check_sum(k, (const uint8_t *)s.data, s.len, k->urls[i]);
        if (status == WHET_OK) status = whet_file_write(path, s.data, s.len);
        whet_strbuf_dispose(&s);
        if (status == WHET_OK || status == WHET_ECANCELLED || status == WHET_EIO) break;
    }
    return status;
}

/* `from` is the file itself, or a folder that has it, packed or plain. */
static whet_status from_files(const struct known *k, const char *from, const char *path)
{
    char *file = whet_dir_exists(from) ? whet_path_join(from, k->file) : whet_strdup(from);
    uint8_t *data = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;

    if (!file) return WHET_ENOMEM;
    if (whet_dir_exists(from) && !whet_file_exists(file) && k->unpacked) file[strlen(file) - 3] = 0; /* without .gz */
    WHET_GOTO(whet_file_read(&data, &size, file, MAX_DOWNLOAD));
    WHET_GOTO(check_sum(k, data, size, file));
    status = whet_file_write(path, data, size);
done:
    whet_free(data);
    whet_free(file);
    return status;
}

whet_status whet_fetch_set(const char *name, const char *from, whet_progress_fn progress, void *arg, char **where)
{
    char *root = whet_data_dir(), *dir = root ? whet_path_join(root, name) : NULL;
    int found = 0;
    whet_status status = dir ? WHET_OK : WHET_ENOMEM;

    *where = NULL;
    for (size_t i = 0; i < WHET_COUNT(known) && status == WHET_OK; i++) {
        char *path = NULL;
        if (strcmp(known[i].set, name) != 0) continue;
        found++;
        path = whet_path_join(dir, known[i].file);
        status = path ? whet_mkdirs(dir) : WHET_ENOMEM;
        if (status == WHET_OK && (from || !whet_file_exists(path)))
            status = from ? from_files(&known[i], from, path) : from_network(&known[i], path, progress, arg);
        whet_free(path);
    }
    if (status == WHET_OK && !found)
        status = WHET_FAIL(WHET_EINVAL, "'%s' cannot be fetched, only mnist, cifar10 and digits", name);
    if (status == WHET_OK) {
        *where = dir;
        dir = NULL;
    }
    whet_free(dir);
    whet_free(root);
    return status;
}

whet_status whet_dataset_obtain(whet_dataset **out, const char *spec, const whet_dataset_options *opt, bool download,
                                bool fallback, whet_progress_fn progress, void *arg)
{
    whet_status status = whet_dataset_open(out, spec, opt);
    char *where = NULL, *text = NULL;

    if (status != WHET_EUNAVAILABLE) return status;
    if (download) status = whet_fetch_set(spec, NULL, progress, arg, &where);
    if (status == WHET_OK) {
        status = whet_dataset_open(out, spec, opt);
        if (status == WHET_OK) {
            text = whet_format("%s (downloaded, checksums right)", where);
            if (text) status = whet_dataset_set_source(*out, text);
        }
    } else if (fallback && status != WHET_ECANCELLED) {
        text = whet_format("built-in generator, because %s is not here: %s", spec, whet_error_last()->text);
        status = whet_dataset_open(out, "digits", opt);
        if (status == WHET_OK && text) status = whet_dataset_set_source(*out, text);
    }
    if (status != WHET_OK && *out) {
        whet_dataset_close(*out);
        *out = NULL;
    }
    whet_free(text);
    whet_free(where);
    return status;
}
