/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of include/whet/runtime.h: runtimes, their installation, and the doctor. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/result.h"
#include "backend/backend.h"
#include "backend/install.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/machine.h"
#include "measure/runtimes.h"
#include "measure/worker.h"
#include "wire/json.h"
#include "whet/runtime.h"

void whet_runtimes_options_init(whet_runtimes_options *o) { *o = (whet_runtimes_options){.size = sizeof *o}; }

void whet_runtime_install_options_init(whet_runtime_install_options *o) { *o = (whet_runtime_install_options){.size = sizeof *o}; }

int whet_worker_serve(void) { return whet_worker_main(); }

/* --- runtimes */
/* Other versions of this machine's type, and those for others. */
static void render_versions(const json_t *o, whet_strbuf *out)
{
    const json_t *list = json_object_get(o, "installed"), *i = NULL;
    size_t k = 0;
    json_array_foreach(list, k, i) {
        const bool foreign = json_is_true(json_object_get(i, "foreign"));
        if (!foreign && strcmp(whet_json_str(i, "version"), whet_json_str(o, "version")) == 0) continue;
        if (foreign)
            whet_strbuf_printf(out, "           also %s for %s\n", whet_json_str(i, "version"), whet_json_str(i, "machine"));
        else
            whet_strbuf_printf(out, "           also %s: --runtime %s@%s\n", whet_json_str(i, "version"), whet_json_str(o, "name"),
                               whet_json_str(i, "version"));
    }
}

/* A build of the program alone has no plug-ins: without a word it would seem that there is nothing to install for. NULL: some
 * were found. */
static char *no_plugins(const json_t *list)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(list, i, o) {
        if (whet_json_str(o, "path")[0] != '\0') return NULL;
    }
    char *places = whet_backends_places(), *text = NULL;
    if (places != NULL) text = whet_format("no plug-in was found, so no runtime beside native can be used; looked in %s", places);
    whet_free(places);
    return text;
}

static const char BUILD_PLUGINS[] = "build all targets (`cmake --build build`), or name their folder with WHET_PLUGINS";

static void render_runtimes(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *list = json_object_get(doc, "runtimes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const bool ok = json_is_true(json_object_get(o, "available"));
        whet_strbuf_printf(out, "%-10s ", whet_json_str(o, "name"));
        whet_render_bold(out, color, whet_json_str(o, "title"));
        whet_strbuf_printf(out, " %s%s\n", whet_json_str(o, "version"), ok ? "" : "  not available");
        if (!ok) whet_strbuf_printf(out, "           %s\n", whet_json_str(o, "reason"));
        render_versions(o, out);
        if (whet_json_str(o, "path")[0] != '\0') whet_strbuf_printf(out, "           %s\n", whet_json_str(o, "path"));
    }
    if (whet_json_str(doc, "note")[0] != '\0') whet_render_wrapped(out, width, 2, "%s", whet_json_str(doc, "note"));
}

whet_status whet_runtimes_list(whet_result **out, const whet_runtimes_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *list = NULL;
    *out = NULL;
    WHET_TRY(whet_runtimes_probe(&list, opt != NULL ? opt->program : NULL));
    char *none = no_plugins(list), *note = none != NULL ? whet_format("%s: %s", none, BUILD_PLUGINS) : NULL;
    json_t *doc = json_pack("{so}", "runtimes", list);
    if (note != NULL) json_object_set_new(doc, "note", json_string(note));
    whet_free(none);
    whet_free(note);
    return whet_result_make(out, "runtimes", doc, 0, render_runtimes);
}

static void render_one_install(const json_t *o, whet_strbuf *out)
{
    const char *name = whet_json_str(o, "name"), *version = whet_json_str(o, "version"), *arch = whet_json_str(o, "arch"), *error = whet_json_str(o, "error");
    if (error[0] != '\0') {
        whet_strbuf_printf(out, "%s was not installed: %s\n", name, error);
        return;
    }
    if (json_is_true(json_object_get(o, "already")))
        whet_strbuf_printf(out, "%s %s for %s is installed: nothing to do\n", name, version, arch);
    else
        whet_strbuf_printf(out, "installed %s %s for %s, %.1f MB, from %s\nsha256 %s\n", name, version, arch, whet_json_real(o, "bytes") / 1e6,
                           whet_json_str(o, "file"), whet_json_str(o, "sha256"));
    whet_strbuf_printf(out, "in %s\n", whet_json_str(o, "folder"));
}

static void render_install(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *o = NULL;
    size_t i = 0;
    (void)width;
    (void)color;
    json_array_foreach(json_object_get(doc, "installs"), i, o) render_one_install(o, out);
}

/* An entry of the document; with "error" if it failed. */
static whet_status fetch_one(const whet_install_spec *spec, json_t **entry)
{
    whet_install_report r;
    const whet_status status = whet_runtime_install(spec, &r);
    *entry = status == WHET_OK ? json_pack("{ss, ss, ss, sb, ss, ss, ss, sI}", "name", r.name, "version", r.version, "arch", r.machine, "already", r.already,
                                           "folder", r.folder, "file", r.file, "sha256", r.sha256, "bytes", (json_int_t)r.bytes)
                               : json_pack("{ss, ss, ss, ss}", "name", r.name, "version", r.version, "arch", r.machine, "error", whet_error_last()->text);
    return status;
}

static whet_status fetch_each(const char *const *names, int n, whet_install_spec *spec, json_t *list)
{
    whet_status first = WHET_OK;
    int failed = 0;
    for (int i = 0; i < n && first != WHET_ECANCELLED; i++) {
        json_t *entry = NULL;
        spec->name = names[i];
        const whet_status status = fetch_one(spec, &entry);
        if (json_array_append_new(list, entry) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory");
        failed += status != WHET_OK;
        if (first == WHET_OK || status == WHET_ECANCELLED) first = status;
    }
    return first != WHET_OK && n > 1 ? WHET_FAIL(first, "%d of %d runtimes were not installed", failed, n) : first;
}

whet_status whet_runtime_fetch_all(whet_result **out, const char *const *names, int n, const whet_runtime_install_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_runtime_install_options o;
    whet_runtime_install_options_init(&o);
    if (opt != NULL) memcpy(&o, opt, WHET_MIN(opt->size, sizeof o));
    *out = NULL;
    whet_install_spec spec = {.from = o.from, .arch = o.arch, .progress = o.progress, .arg = o.progress_arg};
    if (n < 1) return WHET_FAIL(WHET_EINVAL, "no runtime is named");
    for (int i = 0; i < n; i++) {
        spec.name = names[i];
        if (spec.name == NULL) return WHET_FAIL(WHET_EINVAL, "no runtime is named");
        if (whet_runtime_install_check(&spec) == WHET_EINVAL) return WHET_EINVAL;
    }
    json_t *list = json_array();
    const whet_status status = fetch_each(names, n, &spec, list);
    if (n == 1 && status != WHET_OK) {
        json_decref(list);
        return status;
    }
    json_t *doc = n == 1 ? json_copy(json_array_get(list, 0)) : json_object();
    json_object_set_new(doc, "installs", list);
    const whet_status made = whet_result_make(out, "runtimes-install", doc, 0, render_install);
    return status != WHET_OK ? status : made;
}

whet_status whet_runtime_fetch(whet_result **out, const char *name, const whet_runtime_install_options *opt)
{
    return whet_runtime_fetch_all(out, &name, 1, opt);
}

/* --- doctor: a list of findings, each with what cures it */
static void find(json_t *list, const char *area, const char *name, const char *state, const char *cure, const char *fmt, ...) WHET_PRINTF(6, 7);
static void find(json_t *list, const char *area, const char *name, const char *state, const char *cure, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(list, json_pack("{ss, ss, ss, ss, ss}", "area", area, "name", name, "state", state, "text", text, "cure", cure));
}

static void look_at_machine(json_t *list, const json_t *m)
{
    const char *governor = whet_json_str(m, "governor"), *vm = whet_json_str(m, "virtual"), *box = whet_json_str(m, "container");
    find(list, "machine", "cpu", "info", "", "%s, %.0f CPUs, %.0f usable, %s", whet_json_str(m, "cpu"), whet_json_real(m, "cpus"), whet_json_real(m, "usable_cpus"),
         whet_json_str(m, "isa"));
    find(list, "machine", "memory", "info", "", "%.1f GB", whet_json_real(m, "memory_bytes") / 1e9);
    if (vm[0] != '\0') find(list, "machine", "virtual machine", "warn", "measure on a machine of your own for publication", "%s: neighbours can slow it; ratios hold, absolute figures may not", vm);
    if (box[0] != '\0') find(list, "machine", "container", "info", "", "%s", box);
    if (whet_json_real(m, "quota_cpus") > 0) find(list, "machine", "cpu quota", "warn", "start the container without --cpus", "%.2f CPUs", whet_json_real(m, "quota_cpus"));
    if (governor[0] == '\0')
        find(list, "machine", "governor", "info", "", "not shown by this kernel (usual in virtual machines)");
    else
        find(list, "machine", "governor", strcmp(governor, "performance") == 0 ? "ok" : "warn",
             strcmp(governor, "performance") == 0 ? "" : "sudo cpupower frequency-set -g performance", "%s", governor);
    if (json_is_true(json_object_get(m, "boost")))
        find(list, "machine", "boost", "warn", "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo", "on: speed depends on heat");
    const bool busy = whet_json_real(m, "load1_before") > whet_json_real(m, "cpus") * 0.5;
    find(list, "machine", "load", busy ? "warn" : "ok", busy ? "stop other programs (`top` shows them)" : "", "%.2f", whet_json_real(m, "load1_before"));
}

static void look_at_power(json_t *list)
{
    static const char rapl[] = "/sys/class/powercap/intel-rapl:0/energy_uj";
    if (access(rapl, R_OK) == 0)
        find(list, "power", "RAPL", "ok", "", "readable");
    else if (access(rapl, F_OK) == 0)
        find(list, "power", "RAPL", "warn", "sudo chmod a+r /sys/class/powercap/intel-rapl:0/energy_uj", "the meter is there, but only root may read it");
    else
        find(list, "power", "RAPL", "info", "", "this machine shows no power meter");
}

static whet_status look_at_runtimes(json_t *list, const char *program)
{
    json_t *runtimes = NULL;
    WHET_TRY(whet_runtimes_probe(&runtimes, program));
    for (size_t i = 0; i < json_array_size(runtimes); i++) {
        const json_t *o = json_array_get(runtimes, i);
        const bool ok = json_is_true(json_object_get(o, "available")), known = json_is_string(json_object_get(o, "pinned"));
        const bool absent = strstr(whet_json_str(o, "reason"), " is not installed: ") != NULL; /* nobody needs all of them */
        const char *state = ok ? "ok" : absent ? "info" : "bad", *text = ok ? whet_json_str(o, "version") : absent ? "not installed" : whet_json_str(o, "reason");
        char cure[128] = "";
        if (!ok && known) snprintf(cure, sizeof cure, "whet runtimes install %s", whet_json_str(o, "name"));
        find(list, "runtimes", whet_json_str(o, "name"), state, cure, "%s", text);
    }
    char *none = no_plugins(runtimes);
    if (none != NULL) find(list, "runtimes", "plug-ins", "bad", BUILD_PLUGINS, "%s", none);
    whet_free(none);
    json_decref(runtimes);
    return WHET_OK;
}

static void look_at_data(json_t *list)
{
    static const char *const sets[] = {"mnist", "cifar10"};
    char *shared = whet_shared_dir(), *data = whet_data_dir();
    find(list, "data", "folder", "info", "", "%s", data != NULL ? data : "");
    for (size_t i = 0; i < WHET_COUNT(sets); i++) {
        char *a = shared != NULL ? whet_format("%s/data/%s", shared, sets[i]) : NULL, *b = data != NULL ? whet_format("%s/data/%s", data, sets[i]) : NULL;
        const bool here = (a != NULL && whet_dir_exists(a)) || (b != NULL && whet_dir_exists(b));
        char cure[64] = "";
        if (!here) snprintf(cure, sizeof cure, "whet data get %s", sets[i]);
        find(list, "data", sets[i], here ? "ok" : "info", cure, "%s", here ? (a != NULL && whet_dir_exists(a) ? a : b) : "not here yet");
        whet_free(a);
        whet_free(b);
    }
    if (data != NULL && whet_mkdirs(data) != WHET_OK) find(list, "data", "rights", "bad", "set WHET_HOME to a folder of yours", "'%s' cannot be written", data);
    whet_free(shared);
    whet_free(data);
}

static void render_doctor(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *list = json_object_get(doc, "checks");
    const char *area = "";
    (void)width;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *state = whet_json_str(o, "state");
        if (strcmp(area, whet_json_str(o, "area")) != 0) {
            area = whet_json_str(o, "area");
            whet_render_bold(out, color, area);
            whet_strbuf_puts(out, "\n");
        }
        whet_strbuf_printf(out, "  %-4s  %-16s %s\n", strcmp(state, "info") == 0 ? "" : state, whet_json_str(o, "name"), whet_json_str(o, "text"));
        if (whet_json_str(o, "cure")[0] != '\0') whet_strbuf_printf(out, "        %-16s cure: %s\n", "", whet_json_str(o, "cure"));
    }
}

whet_status whet_doctor(whet_result **out, const whet_runtimes_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *list = json_array(), *m = whet_machine_record(), *warnings = json_array();
    *out = NULL;
    look_at_machine(list, m);
    look_at_power(list);
    whet_status status = look_at_runtimes(list, opt != NULL ? opt->program : NULL);
    look_at_data(list);
    whet_machine_finish(m, warnings);
    if (status == WHET_OK) status = whet_result_make(out, "doctor", json_pack("{sO, sO}", "checks", list, "machine", m), 0, render_doctor);
    json_decref(list);
    json_decref(m);
    json_decref(warnings);
    return status;
}
