/* SPDX-License-Identifier: Apache-2.0 */
/* Asks each backend what it is in a worker process, so that no vendor's library is ever loaded here and a crash of one is an
 * answer like any other. */
#include "measure/runtimes.h"

#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/runtime_files.h"
#include "backend/runtime_folders.h"
#include "base/io.h"
#include "base/mem.h"
#include "measure/launch.h"
#include "wire/json.h"

enum { PROBE_SECONDS = 60, MAX_INSTALLED = 32 };

/* A library that was cut after it was installed is not loaded: that ends in a signal which tells nobody what to do. */
static bool damaged(json_t *o, const char *name, bool died)
{
    char dir[WHET_RUNTIME_PATH], what[WHET_RUNTIME_PATH] = "", text[2 * WHET_RUNTIME_PATH];
    if (whet_runtime_pinned(name) == NULL || whet_runtime_dir(name, dir, sizeof dir) != WHET_OK) {
        whet_error_clear();
        return false;
    }
    const whet_runtime_state state = whet_runtime_files_check(dir, what, sizeof what);
    if (state == WHET_RUNTIME_WHOLE || (state == WHET_RUNTIME_UNKNOWN && !died)) return false;
    const char *version = whet_path_base(dir);
    const bool pinned = strcmp(version, whet_runtime_pinned(name)) == 0;
    snprintf(text, sizeof text, "damaged: run `whet runtimes install %s%s%s` (%s)", name, pinned ? "" : "@", pinned ? "" : version,
             what[0] != '\0' ? what : json_string_value(json_object_get(o, "reason")));
    json_object_set_new(o, "reason", json_string(text));
    return true;
}

static whet_status probe(json_t *o, const char *name, const char *program)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_worker_options_init(&opt);
    opt.program = program;
    whet_status status = whet_worker_start(&w, &opt);
    if (status == WHET_OK) status = whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", name), PROBE_SECONDS, &reply);
    if (status == WHET_OK)
        json_object_update(o, reply);
    else if (status != WHET_ECANCELLED) {
        json_object_set_new(o, "reason", json_string(whet_error_message()));
        damaged(o, name, strncmp(whet_json_str(o, "reason"), "crash", 5) == 0);
    }
    json_decref(reply);
    whet_worker_free(w);
    return status == WHET_ENOMEM || status == WHET_ECANCELLED ? status : WHET_OK;
}

/* Every version that is there, of this machine's type and of the others that fleets have. */
static json_t *installed(const char *name)
{
    static const char *const machines[] = {"x86_64", "aarch64"};
    char here[WHET_RUNTIME_NAME] = "";
    json_t *list = json_array();
    whet_runtime_installed *i = whet_calloc(MAX_INSTALLED, sizeof *i);
    if (i == NULL || whet_runtime_machine(NULL, here) != WHET_OK) goto done;
    for (size_t m = 0; m < WHET_COUNT(machines); m++) {
        const bool foreign = strcmp(machines[m], here) != 0;
        const int n = whet_runtime_list_installed(name, machines[m], i, MAX_INSTALLED);
        for (int k = 0; k < n; k++)
            json_array_append_new(list, json_pack("{ss, ss, ss, sb}", "version", i[k].version, "machine", machines[m], "folder", i[k].folder, "foreign", foreign));
    }
done:
    whet_free(i);
    return list;
}

whet_status whet_runtimes_probe(json_t **out, const char *program)
{
    whet_backends *b = NULL;
    whet_status status = WHET_OK;
    json_t *list = json_array();
    *out = NULL;
    WHET_GOTO(whet_backends_create(&b));
    for (int i = 0; i < whet_backends_count(b); i++) {
        const whet_backend_entry *e = whet_backends_at(b, i);
        json_t *o = json_pack("{ss, ss, sn, sb, ss, ss}", "name", e->name, "title", e->table != NULL ? e->table->title : e->name, "version",
                              "available", 0, "reason", e->reason, "path", e->path);
        json_array_append_new(list, o);
        if (e->table != NULL && !damaged(o, e->name, false)) WHET_GOTO(probe(o, e->name, program));
        const char *pinned = whet_runtime_pinned(e->name);
        json_object_set_new(o, "pinned", pinned != NULL ? json_string(pinned) : json_null());
        json_object_set_new(o, "installed", installed(e->name));
    }
    *out = json_incref(list);
done:
    whet_backends_free(b);
    json_decref(list);
    return status;
}
