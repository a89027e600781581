/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of include/whet/runtime.h: runtimes, their installation, and the doctor. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/result.h"
#include "backend/install.h"
#include "base/io.h"
#include "base/mem.h"
#include "measure/machine.h"
#include "measure/runtimes.h"
#include "measure/worker.h"
#include "whet/runtime.h"

void whet_runtimes_options_init(whet_runtimes_options *o) { *o = (whet_runtimes_options){.size = sizeof *o}; }

void whet_runtime_install_options_init(whet_runtime_install_options *o) { *o = (whet_runtime_install_options){.size = sizeof *o}; }

int whet_worker_serve(void) { return whet_worker_main(); }

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

/* --- runtimes */
static void render_runtimes(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *list = json_object_get(doc, "runtimes");
    (void)width;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const bool ok = json_is_true(json_object_get(o, "available"));
        whet_strbuf_printf(out, "%-10s ", text_of(o, "name"));
        whet_render_bold(out, color, text_of(o, "title"));
        whet_strbuf_printf(out, " %s%s\n", text_of(o, "version"), ok ? "" : "  not available");
        if (!ok) whet_strbuf_printf(out, "           %s\n", text_of(o, "reason"));
        if (text_of(o, "path")[0] != '\0') whet_strbuf_printf(out, "           %s\n", text_of(o, "path"));
    }
}

whet_status whet_runtimes_list(whet_result **out, const whet_runtimes_options *opt)
{
    json_t *list = NULL;
    *out = NULL;
    WHET_TRY(whet_runtimes_probe(&list, opt != NULL ? opt->program : NULL));
    return whet_result_make(out, "runtimes", json_pack("{so}", "runtimes", list), 0, render_runtimes);
}

static void render_install(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    (void)width;
    (void)color;
    if (json_is_true(json_object_get(doc, "already")))
        whet_strbuf_printf(out, "%s %s is installed: nothing to do\n", text_of(doc, "name"), text_of(doc, "version"));
    else
        whet_strbuf_printf(out, "installed %s %s from %s\nsha256 %s\n", text_of(doc, "name"), text_of(doc, "version"), text_of(doc, "file"),
                           text_of(doc, "sha256"));
    whet_strbuf_printf(out, "in %s\n", text_of(doc, "folder"));
}

whet_status whet_runtime_fetch(whet_result **out, const char *name, const whet_runtime_install_options *opt)
{
    whet_runtime_install_options o;
    whet_install_report r;
    whet_runtime_install_options_init(&o);
    if (opt != NULL) o = *opt;
    *out = NULL;
    if (name == NULL) return WHET_FAIL(WHET_EINVAL, "no runtime is named");
    WHET_TRY(whet_runtime_install(name, o.from, o.progress, o.progress_arg, &r));
    return whet_result_make(out, "runtimes-install",
                            json_pack("{ss, ss, sb, ss, ss, ss}", "name", name, "version", r.version, "already", r.already, "folder", r.folder, "file",
                                      r.file, "sha256", r.sha256),
                            0, render_install);
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

static double real_of(const json_t *m, const char *key) { return json_number_value(json_object_get(m, key)); }

static void look_at_machine(json_t *list, const json_t *m)
{
    const char *governor = text_of(m, "governor"), *vm = text_of(m, "virtual"), *box = text_of(m, "container");
    find(list, "machine", "cpu", "info", "", "%s, %.0f CPUs, %.0f usable, %s", text_of(m, "cpu"), real_of(m, "cpus"), real_of(m, "usable_cpus"),
         text_of(m, "isa"));
    find(list, "machine", "memory", "info", "", "%.1f GB", real_of(m, "memory_bytes") / 1e9);
    if (vm[0] != '\0') find(list, "machine", "virtual machine", "warn", "measure on a machine of your own for publication", "%s: neighbours can slow it; ratios hold, absolute figures may not", vm);
    if (box[0] != '\0') find(list, "machine", "container", "info", "", "%s", box);
    if (real_of(m, "quota_cpus") > 0) find(list, "machine", "cpu quota", "warn", "start the container without --cpus", "%.2f CPUs", real_of(m, "quota_cpus"));
    if (governor[0] == '\0')
        find(list, "machine", "governor", "info", "", "not shown by this kernel (usual in virtual machines)");
    else
        find(list, "machine", "governor", strcmp(governor, "performance") == 0 ? "ok" : "warn",
             strcmp(governor, "performance") == 0 ? "" : "sudo cpupower frequency-set -g performance", "%s", governor);
    if (json_is_true(json_object_get(m, "boost")))
        find(list, "machine", "boost", "warn", "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo", "on: speed depends on heat");
    const bool busy = real_of(m, "load1_before") > real_of(m, "cpus") * 0.5;
    find(list, "machine", "load", busy ? "warn" : "ok", busy ? "stop other programs (`top` shows them)" : "", "%.2f", real_of(m, "load1_before"));
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
        char cure[128] = "";
        if (!ok && known) snprintf(cure, sizeof cure, "whet runtimes install %s", text_of(o, "name"));
        find(list, "runtimes", text_of(o, "name"), ok ? "ok" : "bad", cure, "%s", ok ? text_of(o, "version") : text_of(o, "reason"));
    }
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
        const char *state = text_of(o, "state");
        if (strcmp(area, text_of(o, "area")) != 0) {
            area = text_of(o, "area");
            whet_render_bold(out, color, area);
            whet_strbuf_puts(out, "\n");
        }
        whet_strbuf_printf(out, "  %-4s  %-16s %s\n", strcmp(state, "info") == 0 ? "" : state, text_of(o, "name"), text_of(o, "text"));
        if (text_of(o, "cure")[0] != '\0') whet_strbuf_printf(out, "        %-16s cure: %s\n", "", text_of(o, "cure"));
    }
}

whet_status whet_doctor(whet_result **out, const whet_runtimes_options *opt)
{
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
