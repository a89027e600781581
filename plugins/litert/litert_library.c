/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, recognising and opening libLiteRt.so. The library tells its version nowhere, and its ABI changes between versions
 * (2.3.0 put the environment in front of a model's path), so that it is recognised by its content before it is opened: size
 * and a 64-bit fingerprint (FNV-1a over 8-byte words). A file that is not in the table is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "litert_private.h"

static const struct { const char *version; size_t size; uint64_t fingerprint; } known[] = {
    {"2.3.0", 8039424, 0x6f4494e1cdd6f58fu}, /* x86-64 */
    {"2.3.0", 5991672, 0x41c263882d6dfc72u}, /* aarch64 */
};

lrt_api litert_api;

int litert_check(int status, const char *what, const char *detail)
{
    static const struct { int code, ours; const char *text; } table[] = {
        {1, WHET_EINVAL, "invalid argument"},          {2, WHET_ENOMEM, "out of memory"},
        {3, WHET_ERUNTIME, "runtime failure"},         {4, WHET_EINVAL, "an input tensor is missing"},
        {5, WHET_EUNSUPPORTED, "unsupported"},         {6, WHET_ENOTFOUND, "not found"},
        {7, WHET_ERUNTIME, "time is over"},            {8, WHET_EFORMAT, "wrong version"},
        {100, WHET_ECANCELLED, "cancelled"},           {500, WHET_EIO, "the file cannot be read"},
        {501, WHET_EFORMAT, "the file is no valid flatbuffer"}, {502, WHET_EUNAVAILABLE, "a library cannot be loaded"},
        {503, WHET_EFORMAT, "serialisation"},          {504, WHET_EUNSUPPORTED, "compilation failed"},
        {1000, WHET_EFORMAT, "an index is out of range"}, {1001, WHET_EFORMAT, "invalid type"},
        {1002, WHET_EFORMAT, "the graph is not valid"}};
    const char *text = "unknown error";
    int ours = WHET_ERUNTIME;
    if (status == 0) return 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].code == status) {
            text = table[i].text;
            ours = table[i].ours;
        }
    return plugin_fail(ours, "LiteRT: %.200s: %s (status %d)%s%.400s", what, text, status, detail[0] != '\0' ? ": " : "", detail);
}

/* --- what the library says on stderr: the only place where it names the operator that it does not know. A worker's stderr is
 * a file; where it is a terminal, everybody reads it there. */
long litert_listen(void)
{
    return (long)lseek(2, 0, SEEK_END);
}

/* The last line that is no mere information. */
static void last_line(const char *text, char *said, size_t cap)
{
    for (const char *p = text; *p != '\0';) {
        const size_t n = strcspn(p, "\n");
        const char *from = strncmp(p, "ERROR: ", 7) == 0 ? p + 7 : p;
        if (n > 0 && strncmp(p, "INFO", 4) != 0 && strncmp(p, "VERBOSE", 7) != 0)
            snprintf(said, cap, "%.*s", (int)(n - (size_t)(from - p)), from);
        p += n + (p[n] == '\n');
    }
}

void litert_heard(long from, char *said, size_t cap)
{
    char text[4096];
    const long size = from >= 0 ? (long)lseek(2, 0, SEEK_END) : -1;
    said[0] = '\0';
    if (size <= from) return;
    if (size - from > (long)sizeof text - 1) from = size - (long)sizeof text + 1;
    const ssize_t n = pread(2, text, sizeof text - 1, from);
    if (n <= 0) return;
    text[n] = '\0';
    last_line(text, said, cap);
}

/* --- the library */
static bool find_library(char *out, size_t cap)
{
    const char *given = plugin_given("WHET_LITERT_LIBRARY"), *dir = plugin_runtime_dir();
    if (given != NULL) return snprintf(out, cap, "%s", given) < (int)cap;
    return dir != NULL && snprintf(out, cap, "%s/libLiteRt.so", dir) < (int)cap;
}

static bool fingerprint(const char *path, size_t *size, uint64_t *print)
{
    uint64_t words[8192], h = 0xcbf29ce484222325u;
    FILE *f = fopen(path, "rb");
    *size = 0;
    if (f == NULL) return false;
    for (;;) {
        memset(words, 0, sizeof words);
        const size_t n = fread(words, 1, sizeof words, f);
        for (size_t i = 0; i < (n + 7) / 8; i++) h = (h ^ words[i]) * 0x100000001b3u;
        *size += n;
        if (n < sizeof words) break;
    }
    const bool ok = ferror(f) == 0;
    fclose(f);
    *print = h;
    return ok;
}

static bool recognise(const char *path)
{
    size_t size = 0;
    uint64_t print = 0;
    if (!fingerprint(path, &size, &print)) return plugin_cannot("'%.300s' cannot be read: run `whet runtimes install litert`", path);
    for (size_t i = 0; i < PLUGIN_COUNT(known); i++)
        if (known[i].size == size && known[i].fingerprint == print) return plugin_built_for(known[i].version);
    return plugin_cannot("'%.200s' is no LiteRT that this plug-in knows (%zu bytes, fingerprint %016llx): it was written for %s, "
                         "run `whet runtimes install litert`", path, size, (unsigned long long)print, plugin_self.table.built_for);
}

bool litert_load(void)
{
    static const plugin_function functions[] = {
#define F(name, result, arguments) {"LiteRt" #name, offsetof(lrt_api, name)},
        LRT_FUNCTIONS
#undef F
    };
    char path[4096];
    if (!find_library(path, sizeof path)) return plugin_not_installed();
    if (!recognise(path)) return false;
    void *library = plugin_dlopen(path);
    return library != NULL && plugin_functions(library, &litert_api, functions, PLUGIN_COUNT(functions));
}
