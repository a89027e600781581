/* SPDX-License-Identifier: Apache-2.0 */
/* The energy meter over a made-up /sys: counters with their wrap, rails, commands, and what is said where there is nothing. */
#include <math.h>
#include <sys/stat.h>

#include "measure/energy.h"
#include "measure/machine_now.h"
#include "support.h"

static char *root;

static void put(const char *path, const char *text)
{
    char *file = whet_format("%s/%s", root, path), *dir = whet_strdup(file);
    *strrchr(dir, '/') = '\0';
    assert_ok(whet_mkdirs(dir));
    assert_ok(whet_file_write(file, text, strlen(text)));
    whet_free(file);
    whet_free(dir);
}

static int setup(void **state)
{
    (void)state;
    root = support_tmpdir();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    support_rmtree(root);
    return 0;
}

static whet_meter *open_meter(const char *command, const char *board)
{
    const whet_meter_options o = {.root = root, .power_cmd = command, .nvml = "/nonexistent/libnvidia-ml.so", .board_cmd = board};
    whet_meter *m = NULL;
    assert_ok(whet_meter_open(&m, &o));
    return m;
}

static void zone(const char *folder, const char *name, const char *energy)
{
    char path[200];
    snprintf(path, sizeof path, "sys/class/powercap/%s/name", folder);
    put(path, name);
    snprintf(path, sizeof path, "sys/class/powercap/%s/max_energy_range_uj", folder);
    put(path, "1000000000\n");
    snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", folder);
    put(path, energy);
}

/* Two packages and the memory of one count; cores, psys and the second interface to the same counters do not. */
static void test_rapl(void **state)
{
    char text[200];
    whet_meter_window w;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "5000000\n");
    zone("intel-rapl:0:0", "core\n", "4000000\n");
    zone("intel-rapl:0:1", "dram\n", "100\n");
    zone("intel-rapl:1", "package-1\n", "999000000\n");
    zone("intel-rapl:2", "psys\n", "7\n");
    zone("intel-rapl-mmio:0", "package-0\n", "5000000\n");
    whet_meter *m = open_meter(NULL, NULL);
    assert_int_equal(whet_meter_count(m), 3);
    assert_true(whet_meter_any(m));
    assert_false(whet_meter_estimate(m));
    assert_string_equal(whet_meter_text(m, text, sizeof text), "RAPL package-0 + RAPL dram of 0:1 + RAPL package-1");
    assert_string_equal(whet_meter_why(m), "");
    assert_true(whet_meter_least_seconds(m) == 1);
    whet_meter_begin(m);
    zone("intel-rapl:0", "package-0\n", "8000000\n");   /* 3 J */
    zone("intel-rapl:0:1", "dram\n", "500100\n");       /* 0.5 J */
    zone("intel-rapl:1", "package-1\n", "1000000\n");   /* wrapped at 1000 J: 2 J */
    whet_meter_end(m, &w);
    assert_true(fabs(whet_meter_sum(m, &w) - 5.5) < 1e-9);
    assert_true(fabs(w.joules[2] - 2) < 1e-9);
    assert_true(isnan(w.joules[3]));
    whet_meter_close(m);
}

static void test_nothing(void **state)
{
    whet_meter_window w;
    (void)state;
    whet_meter *m = open_meter(NULL, NULL);
    assert_int_equal(whet_meter_count(m), 0);
    assert_contains(whet_meter_why(m), "no RAPL");
    assert_contains(whet_meter_why(m), "--power-cmd");
    whet_meter_begin(m);
    whet_meter_end(m, &w);
    assert_true(isnan(whet_meter_sum(m, &w)));
    whet_meter_close(m);
    put("sys/class/powercap/intel-rapl:0/name", "package-0\n"); /* its counter cannot be read */
    m = open_meter(NULL, NULL);
    assert_contains(whet_meter_why(m), "for root");
    whet_meter_close(m);
}

/* The board's input counts alone; a graphics card is shown beside. */
static void test_rails(void **state)
{
    char text[200];
    whet_meter_window w;
    (void)state;
    put("sys/class/hwmon/hwmon0/name", "ina3221\n");
    put("sys/class/hwmon/hwmon0/in1_label", "VDD_IN\n");
    put("sys/class/hwmon/hwmon0/in1_input", "5000\n");  /* mV */
    put("sys/class/hwmon/hwmon0/curr1_input", "2000\n"); /* mA: 10 W */
    put("sys/class/hwmon/hwmon0/in2_label", "VDD_CPU\n");
    put("sys/class/hwmon/hwmon0/in2_input", "1000\n");
    put("sys/class/hwmon/hwmon0/curr2_input", "3000\n"); /* 3 W of the same */
    put("sys/class/hwmon/hwmon1/name", "amdgpu\n");
    put("sys/class/hwmon/hwmon1/power1_average", "25000000\n");
    whet_meter *m = open_meter(NULL, NULL);
    assert_int_equal(whet_meter_count(m), 3);
    assert_string_equal(whet_meter_text(m, text, sizeof text), "ina3221 VDD_IN");
    whet_meter_begin(m);
    whet_meter_end(m, &w);
    assert_true(fabs(whet_meter_sum(m, &w) / w.seconds - 10) < 1e-6);
    assert_true(fabs(w.joules[1] / w.seconds - 3) < 1e-6);
    whet_meter_close(m);
}

static void test_rails_of_iio(void **state)
{
    char text[200];
    whet_meter_window w;
    (void)state;
    put("sys/bus/i2c/drivers/ina3221x/1-0040/iio:device0/rail_name_0", "VDD_GPU\n");
    put("sys/bus/i2c/drivers/ina3221x/1-0040/iio:device0/in_power0_input", "1500\n"); /* mW */
    put("sys/bus/i2c/drivers/ina3221x/1-0040/iio:device0/rail_name_1", "VDD_CPU\n");
    put("sys/bus/i2c/drivers/ina3221x/1-0040/iio:device0/in_power1_input", "2500\n");
    whet_meter *m = open_meter(NULL, NULL);
    assert_string_equal(whet_meter_text(m, text, sizeof text), "ina3221x VDD_GPU + ina3221x VDD_CPU");
    whet_meter_begin(m);
    whet_meter_end(m, &w);
    assert_true(fabs(whet_meter_sum(m, &w) / w.seconds - 4) < 1e-6);
    whet_meter_close(m);
}

/* One number and the end, or line by line; the user's command counts, sensors then stand beside. */
static void test_command(void **state)
{
    static const char *const commands[] = {"echo 'total: 12.5 W' | sed 's/ W//'", "echo 99; echo 12.5; sleep 60"};
    whet_meter_window w;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "5000000\n");
    for (size_t i = 0; i < WHET_COUNT(commands); i++) {
        whet_meter *m = open_meter(commands[i], NULL);
        assert_int_equal(whet_meter_count(m), 2);
        assert_true(whet_meter_counts(m, 0) && !whet_meter_counts(m, 1));
        whet_meter_begin(m);
        whet_meter_end(m, &w);
        assert_true(w.joules[0] > 0);
        if (i == 0) assert_true(fabs(whet_meter_sum(m, &w) / w.seconds - 12.5) < 1e-6);
        whet_meter_close(m);
    }
    whet_meter *m = open_meter("echo no number; exit 1", NULL);
    whet_meter_begin(m);
    whet_meter_end(m, &w);
    assert_true(isnan(whet_meter_sum(m, &w)));
    whet_meter_close(m);
    const whet_meter_options empty = {.root = root, .power_cmd = "  "};
    assert_status(whet_meter_open(&m, &empty), WHET_EINVAL);
    assert_null(m);
}

/* Volts and amperes of rails, in the form of the Pi 5; the sum is an estimate. */
static void test_board(void **state)
{
    whet_meter_window w;
    (void)state;
    whet_meter *m = open_meter(NULL, "printf ' 3V7_WL_SW_A current(0)=0.5A\\n 1V8_SYS_A current(2)=2.0A\\n 3V7_WL_SW_V volt(8)=4.0V\\n 1V8_SYS_V volt(9)=1.5V\\n EXT5V_V volt(24)=5.1V\\n'");
    assert_true(whet_meter_estimate(m));
    whet_meter_begin(m);
    whet_meter_end(m, &w);
    assert_true(fabs(whet_meter_sum(m, &w) / w.seconds - (0.5 * 4 + 2 * 1.5)) < 1e-6);
    whet_meter_close(m);
}

static void test_machine(void **state)
{
    static const int cpus[] = {0, 1};
    whet_machine_state s;
    (void)state;
    whet_machine_now(&s, root, 2, cpus);
    assert_true(isnan(s.mhz) && isnan(s.celsius) && isnan(s.throttles));
    put("proc/cpuinfo", "cpu MHz\t\t: 2000.5\ncpu MHz\t\t: 3000.5\n");
    whet_machine_now(&s, root, 2, cpus);
    assert_true(fabs(s.mhz - 2500.5) < 1e-9);
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1800000\n");
    put("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2200000\n");
    put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
    put("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4\n");
    put("sys/class/thermal/thermal_zone0/type", "acpitz\n");
    put("sys/class/thermal/thermal_zone0/temp", "99000\n");
    put("sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
    put("sys/class/thermal/thermal_zone1/temp", "61000\n");
    put("sys/class/hwmon/hwmon2/name", "coretemp\n");
    put("sys/class/hwmon/hwmon2/temp2_input", "64000\n");
    whet_machine_now(&s, root, 2, cpus);
    assert_true(fabs(s.mhz - 2000) < 1e-9 && fabs(s.celsius - 64) < 1e-9 && fabs(s.throttles - 7) < 1e-9);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {FRESH(test_rapl),  FRESH(test_nothing), FRESH(test_rails),  FRESH(test_rails_of_iio),
                                       FRESH(test_command), FRESH(test_board),   FRESH(test_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
