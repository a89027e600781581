/* SPDX-License-Identifier: Apache-2.0 */
/* Reads /proc and /sys. What a kernel or container does not show is null in the record, never guessed. */
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/threads.h"
#include "measure/machine.h"
#include "wire/json.h"

#define CPU0 "/sys/devices/system/cpu/cpu0/"

const char *whet_machine_text(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "r");
    buf[0] = '\0';
    if (f != NULL) {
        if (fgets(buf, (int)size, f) == NULL) buf[0] = '\0';
        fclose(f);
    }
    buf[strcspn(buf, "\n")] = '\0';
    return buf;
}

/* --- choosing CPUs */
static int first_sibling(int cpu)
{
    char path[128], text[64];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    whet_machine_text(path, text, sizeof text);
    return text[0] != '\0' ? atoi(text) : cpu;
}

int whet_machine_pick_cpus(int n, int *cpus, int cap)
{
    cpu_set_t set;
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (int pass = 0; pass < 2; pass++) /* one of each core, then the rest */
        for (int c = 0; c < CPU_SETSIZE && count < n && count < cap; c++) {
            const int first = first_sibling(c);
            const int second_thread = first != c && CPU_ISSET(first, &set);
            if (CPU_ISSET(c, &set) && second_thread == pass) cpus[count++] = c;
        }
    return count;
}

/* --- values */
static json_t *text_of(const char *path)
{
    char buf[256];
    return whet_machine_text(path, buf, sizeof buf)[0] != '\0' ? json_string(buf) : json_null();
}

static json_t *number_of(const char *path, double scale)
{
    char buf[64];
    return whet_machine_text(path, buf, sizeof buf)[0] != '\0' ? json_real(atof(buf) * scale) : json_null();
}

/* MHz of the first CPU: from the governor's interface, else from cpuinfo. */
static json_t *frequency(void)
{
    char line[256];
    json_t *v = number_of(CPU0 "cpufreq/scaling_cur_freq", 1e-3);
    if (!json_is_null(v)) return v;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f != NULL && json_is_null(v) && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "cpu MHz", 7) == 0 && strchr(line, ':') != NULL) v = json_real(atof(strchr(line, ':') + 1));
    if (f != NULL) fclose(f);
    return v;
}

static json_t *boost(void)
{
    char buf[32];
    if (whet_machine_text("/sys/devices/system/cpu/intel_pstate/no_turbo", buf, sizeof buf)[0] != '\0') return json_boolean(buf[0] == '0');
    if (whet_machine_text("/sys/devices/system/cpu/cpufreq/boost", buf, sizeof buf)[0] != '\0') return json_boolean(buf[0] == '1');
    return json_null();
}

static json_t *load1(void)
{
    double one = 0;
    return getloadavg(&one, 1) == 1 ? json_real(one) : json_null();
}

/* Share of time in which something waited for a CPU, over ten seconds. */
static json_t *pressure(void)
{
    char buf[256];
    const char *at = strstr(whet_machine_text("/proc/pressure/cpu", buf, sizeof buf), "avg10=");
    return at != NULL ? json_real(atof(at + 6) / 100) : json_null();
}

/* Jiffies of all CPUs: everything, and what the hypervisor took. */
static void steal_counters(double *all, double *steal)
{
    unsigned long long v[8] = {0};
    char line[512];
    *all = *steal = 0;
    whet_machine_text("/proc/stat", line, sizeof line);
    if (sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) != 8) return;
    for (int i = 0; i < 8; i++) *all += (double)v[i];
    *steal = (double)v[7];
}

static json_t *quota(void)
{
    char buf[64];
    double most = 0, period = 0;
    whet_machine_text("/sys/fs/cgroup/cpu.max", buf, sizeof buf);
    return sscanf(buf, "%lf %lf", &most, &period) == 2 && period > 0 ? json_real(most / period) : json_null();
}

static json_t *throttled(void)
{
    return number_of(CPU0 "thermal_throttle/core_throttle_count", 1);
}

static json_t *virtual_machine(void)
{
    char vendor[128], line[4096];
    bool hypervisor = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f != NULL && !hypervisor && fgets(line, sizeof line, f) != NULL)
        hypervisor = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor") != NULL;
    if (f != NULL) fclose(f);
    if (!hypervisor) return json_string("");
    whet_machine_text("/sys/class/dmi/id/sys_vendor", vendor, sizeof vendor);
    return json_string(vendor[0] != '\0' ? vendor : "yes");
}

static json_t *container(void)
{
    char line[512];
    if (whet_file_exists("/.dockerenv")) return json_string("docker");
    if (whet_file_exists("/run/.containerenv")) return json_string("podman");
    whet_machine_text("/proc/1/cgroup", line, sizeof line);
    return json_string(strstr(line, "docker") != NULL ? "docker" : strstr(line, "kubepods") != NULL ? "kubernetes" : "");
}

static int count_nodes(void)
{
    char path[64];
    int n = 0;
    do snprintf(path, sizeof path, "/sys/devices/system/node/node%d", n);
    while (whet_dir_exists(path) && ++n < 1024);
    return n > 0 ? n : 1;
}

json_t *whet_machine_record(void)
{
    char cpu[128];
    struct utsname u;
    double all = 0, steal = 0;
    json_t *m = json_object();
    memset(&u, 0, sizeof u);
    uname(&u);
    whet_cpu_model(cpu, sizeof cpu);
    steal_counters(&all, &steal);
    json_object_set_new(m, "host", json_string(u.nodename));
    json_object_set_new(m, "cpu", json_string(cpu));
    json_object_set_new(m, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_set_new(m, "usable_cpus", json_integer(whet_cpu_count()));
    json_object_set_new(m, "isa", json_string(whet_isa_name(whet_isa_detect())));
    json_object_set_new(m, "governor", text_of(CPU0 "cpufreq/scaling_governor"));
    json_object_set_new(m, "frequency_mhz_before", frequency());
    json_object_set_new(m, "boost", boost());
    json_object_set_new(m, "smt", number_of("/sys/devices/system/cpu/smt/active", 1));
    json_object_set_new(m, "numa_nodes", json_integer(count_nodes()));
    json_object_set_new(m, "aslr", number_of("/proc/sys/kernel/randomize_va_space", 1));
    json_object_set_new(m, "load1_before", load1());
    json_object_set_new(m, "psi_cpu", pressure());
    json_object_set_new(m, "quota_cpus", quota());
    json_object_set_new(m, "virtual", virtual_machine());
    json_object_set_new(m, "container", container());
    json_object_set_new(m, "memory_bytes", json_integer((json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE)));
    json_object_set_new(m, "kernel", json_string(u.release));
    json_object_set_new(m, "machine", json_string(u.machine));
    json_object_set_new(m, "throttled_before", throttled());
    json_object_set_new(m, "jiffies_all", json_real(all));
    json_object_set_new(m, "jiffies_steal", json_real(steal));
    return m;
}

/* --- judging */
void whet_machine_judge(const json_t *m, json_t *w)
{
    const char *governor = json_string_value(json_object_get(m, "governor")), *vm = json_string_value(json_object_get(m, "virtual"));
    const double cpus = whet_json_real(m, "cpus"), before = whet_json_real(m, "frequency_mhz_before"), after = whet_json_real(m, "frequency_mhz_after");
    if (governor != NULL && strcmp(governor, "performance") != 0) whet_json_add_text(w, "the CPU governor is '%s', not 'performance'", governor);
    if (vm != NULL && vm[0] != '\0') whet_json_add_text(w, strcmp(vm, "yes") == 0 ? "this is a virtual machine: neighbours can slow it" : "this is a virtual machine (%s): neighbours can slow it", vm);
    if (whet_json_real(m, "load1_before") > cpus * 0.5) whet_json_add_text(w, "other programs were running: load average %.1f on %.0f CPUs", whet_json_real(m, "load1_before"), cpus);
    if (whet_json_real(m, "psi_cpu") > 0.1) whet_json_add_text(w, "programs waited for a CPU %.0f %% of the time before the start", whet_json_real(m, "psi_cpu") * 100);
    if (whet_json_real(m, "steal_share") > 0.01) whet_json_add_text(w, "the hypervisor took %.1f %% of the CPU time", whet_json_real(m, "steal_share") * 100);
    if (before > 0 && after > 0 && (after < 0.9 * before || after > 1.1 * before))
        whet_json_add_text(w, "the CPU's frequency went from %.0f to %.0f MHz", before, after);
    const double quota_cpus = whet_json_real(m, "quota_cpus"), usable = whet_json_real(m, "usable_cpus");
    if (quota_cpus > 0 && quota_cpus < usable)
        whet_json_add_text(w, "the container may use %.2g CPUs' worth of time on %.0f CPUs: it is stopped when that is spent", quota_cpus, usable);
    if (whet_json_real(m, "throttled") > 0) whet_json_add_text(w, "the CPU was throttled %.0f times by heat", whet_json_real(m, "throttled"));
}

void whet_machine_finish(json_t *m, json_t *warnings)
{
    double all = 0, steal = 0;
    steal_counters(&all, &steal);
    all -= whet_json_real(m, "jiffies_all");
    steal -= whet_json_real(m, "jiffies_steal");
    json_t *now = throttled();
    json_object_set_new(m, "throttled", json_is_null(now) ? json_null() : json_real(json_number_value(now) - whet_json_real(m, "throttled_before")));
    json_decref(now);
    json_object_set_new(m, "steal_share", all > 0 ? json_real(steal / all) : json_null());
    json_object_set_new(m, "frequency_mhz_after", frequency());
    json_object_set_new(m, "load1_after", load1());
    json_object_del(m, "jiffies_all");
    json_object_del(m, "jiffies_steal");
    json_object_del(m, "throttled_before");
    whet_machine_judge(m, warnings);
}
