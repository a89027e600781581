/* SPDX-License-Identifier: Apache-2.0 */
/* `whet bench`. */
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/io.h"
#include "base/mem.h"
#include "cmd.h"
#include "whet/bench.h"

enum { MOST_RUNS = 1000000 };
#define NOT_GIVEN INT64_MIN

struct args {
    const char *runtime, *data, *split, *contract, *batch, *threads, *optimisation, *accept, *size, *baseline, *gate, *store, *precision, *streams,
        *denormals, *arena, *scenario, *sustain, *percentiles, *power_cmd;
    int64_t iterations, warmup, seed;
    double min_time, time_limit, memory_limit, rate, deadline;
    int quick, publish, force, tune, no_store, best, plain;
};

static const opt opts[] = {
    {"runtime", 0, OPT_STRING, "LIST", "runtimes, e.g. native,ort (all that read the file)", offsetof(struct args, runtime)},
    {"data", 0, OPT_PATH, "SET", "run on real pictures (seeded images)", offsetof(struct args, data)},
    {"split", 0, OPT_STRING, "train|val|test", "which split of them (val)", offsetof(struct args, split)},
    {"contract", 0, OPT_PATH, "NAME", "preprocessing: unit, pm1, imagenet, caffe, raw or a file (the model's own)", offsetof(struct args, contract)},
    {"size", 0, OPT_STRING, "HxW", "input size where the file leaves it free", offsetof(struct args, size)},
    {"batch", 0, OPT_STRING, "LIST", "pictures a run, e.g. 1,8 (1)", offsetof(struct args, batch)},
    {"threads", 0, OPT_STRING, "LIST", "threads of every runtime, e.g. 1,2 (the usable CPUs)", offsetof(struct args, threads)},
    {"streams", 0, OPT_STRING, "LIST", "concurrent callers, which share the threads (1)", offsetof(struct args, streams)},
    {"optimisation", 0, OPT_STRING, "LIST", "graph optimisation: off, basic, all (all)", offsetof(struct args, optimisation)},
    {"precision", 0, OPT_STRING, "LIST", "arithmetic: default, f32, bf16, f16 (default, the file's own)", offsetof(struct args, precision)},
    {"denormals", 0, OPT_STRING, "LIST", "tiny numbers: zero, keep (zero)", offsetof(struct args, denormals)},
    {"arena", 0, OPT_STRING, "LIST", "memory kept between runs: on, off (on)", offsetof(struct args, arena)},
    {"best", 0, OPT_FLAG, NULL, "one more row for each runtime, at its own best settings, which are searched first", offsetof(struct args, best)},
    {"scenario", 0, OPT_STRING, "single|multi|offline|server", "how queries come, by MLPerf's definitions (single; with several streams offline)", offsetof(struct args, scenario)},
    {"rate", 0, OPT_REAL, "HZ", "arrivals a second: Poisson for server, else frames at equal distances, of which the late ones are counted", offsetof(struct args, rate)},
    {"deadline", 0, OPT_REAL, "MS", "an arrival not done by then is late (with frames: when the next one comes)", offsetof(struct args, deadline)},
    {"sustain", 0, OPT_STRING, "TIME", "then load without a pause, e.g. 10m: speed, clock, temperature, throttling over time", offsetof(struct args, sustain)},
    {"percentiles", 0, OPT_STRING, "LIST", "columns of latency, e.g. 50,90,95,99 (50,90)", offsetof(struct args, percentiles)},
    {"power-cmd", 0, OPT_STRING, "CMD", "a command that prints watts, once or line by line (the machine's own sensors)", offsetof(struct args, power_cmd)},
    {"plain", 0, OPT_FLAG, NULL, "print the plain numbers of older studies too, with their definitions", offsetof(struct args, plain)},
    {"accept", 0, OPT_STRING, "BOUNDS", "parity bound max=,atol=,rtol=,cosine=,lsb= (by precision)", offsetof(struct args, accept)},
    {"iterations", 0, OPT_INT, "N", "timed runs of a row, at least (100; --quick 20)", offsetof(struct args, iterations)},
    {"min-time", 0, OPT_REAL, "SECONDS", "timed seconds of a row, at least (5; --quick 1)", offsetof(struct args, min_time)},
    {"warmup", 0, OPT_INT, "N", "runs of each process before the clock starts, at least (10)", offsetof(struct args, warmup)},
    {"quick", 0, OPT_FLAG, NULL, "20 runs and 1 s a row in 3 rounds, up to 9 while a median is not steady", offsetof(struct args, quick)},
    {"publish", 0, OPT_FLAG, NULL, "662 runs and 60 s a row in 10 rounds, up to 30 while a median is not steady", offsetof(struct args, publish)},
    {"force", 0, OPT_FLAG, NULL, "time a model that fails the parity gate, labelled", offsetof(struct args, force)},
    {"tune", 0, OPT_FLAG, NULL, "native rows: measure which kernels are the fastest here, once, and use them", offsetof(struct args, tune)},
    {"time-limit", 0, OPT_REAL, "SECONDS", "loading or one inference that takes longer is a failed row (300)", offsetof(struct args, time_limit)},
    {"memory-limit", 0, OPT_REAL, "MB", "a runtime that takes more for itself is a failed row (the machine's memory)", offsetof(struct args, memory_limit)},
    {"baseline", 0, OPT_PATH, "RESULT", "compare with a result file or a stored run; exit code 1 if a row is worse", offsetof(struct args, baseline)},
    {"gate", 0, OPT_STRING, "LIST", "what of the baseline is judged, with its noise band: speed=2%,accuracy=0.5pt,size=1%,memory=5% or some (all)", offsetof(struct args, gate)},
    {"store", 0, OPT_PATH, "FILE", "store that gets the run (the user's)", offsetof(struct args, store)},
    {"no-store", 0, OPT_FLAG, NULL, "do not store the run", offsetof(struct args, no_store)},
    {"seed", 0, OPT_INT, "N", "seed of images, order and bootstrap (0)", offsetof(struct args, seed)},
    OPT_END};

/* What was asked for, for the result's record. */
static char *command_line(const struct args *a, int argc, char **argv)
{
    const struct { const char *name, *value; } given[] = {{"runtime", a->runtime},   {"data", a->data},       {"split", a->split},
                                                          {"contract", a->contract}, {"size", a->size},       {"batch", a->batch},
                                                          {"threads", a->threads},   {"accept", a->accept},   {"optimisation", a->optimisation},
                                                          {"quick", a->quick ? "" : NULL}, {"publish", a->publish ? "" : NULL}, {"tune", a->tune ? "" : NULL},
                                                          {"streams", a->streams}, {"precision", a->precision}, {"denormals", a->denormals},
                                                          {"arena", a->arena}, {"scenario", a->scenario}, {"sustain", a->sustain},
                                                          {"percentiles", a->percentiles}, {"power-cmd", a->power_cmd}, {"best", a->best ? "" : NULL}};
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_puts(&s, "whet bench");
    for (int i = 1; i < argc; i++) whet_strbuf_printf(&s, " %s", argv[i]);
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (given[i].value != NULL) whet_strbuf_printf(&s, " --%s%s%s", given[i].name, given[i].value[0] != '\0' ? " " : "", given[i].value);
    if (a->rate > 0) whet_strbuf_printf(&s, " --rate %g", a->rate);
    if (a->deadline > 0) whet_strbuf_printf(&s, " --deadline %g", a->deadline);
    return whet_strbuf_take(&s);
}

/* "90", "90s", "10m", "1h" in seconds; < 0: none of these. */
static double duration(const char *text)
{
    char *end = NULL;
    const double x = strtod(text, &end), unit = *end == '\0' || *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : -1;
    return end != text && x > 0 && x * unit <= 86400 && (*end == '\0' || end[1] == '\0') ? x * unit : -1;
}

/* Numbers that may be left out, and what they may be otherwise; NaN stands for "not given". */
static const struct { const char *name; size_t offset; double low, high; } reals[] = {
    {"rate", offsetof(struct args, rate), 0.01, 1e6},
    {"deadline", offsetof(struct args, deadline), 0.001, 3.6e6},
    {"min-time", offsetof(struct args, min_time), 0.001, 86400},
    {"time-limit", offsetof(struct args, time_limit), 0.1, 86400},
    {"memory-limit", offsetof(struct args, memory_limit), 32, 1e9},
};

static double *real_at(struct args *a, size_t i) { return (double *)(void *)((char *)a + reals[i].offset); }

static void defaults(void *args)
{
    struct args *a = args;
    a->iterations = NOT_GIVEN;
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) *real_at(a, i) = NAN;
}

/* False, with the error said, if one is out of its range; those not given become 0, the library's own choice. */
static bool settle_reals(const cli *c, struct args *a)
{
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        double *x = real_at(a, i);
        if (isnan(*x)) {
            *x = 0;
        } else if (!(*x >= reals[i].low && *x <= reals[i].high)) {
            (void)cli_usage(c, "bench", "--%s is %g, allowed is %g to %g", reals[i].name, *x, reals[i].low, reals[i].high);
            return false;
        }
    }
    return true;
}

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_bench_options o;
    whet_result *r = NULL;
    if (argc < 2) return cli_usage(c, "bench", "name at least one model file");
    if (a->quick && a->publish) return cli_usage(c, "bench", "--quick and --publish exclude each other");
    if (a->seed < 0) return cli_usage(c, "bench", "--seed must not be negative");
    if (a->iterations == NOT_GIVEN) a->iterations = 0; /* the library's "by the mode" */
    else if (a->iterations < 1 || a->iterations > MOST_RUNS)
        return cli_usage(c, "bench", "--iterations is %lld, allowed is 1 to %lld", (long long)a->iterations, (long long)MOST_RUNS);
    if (!settle_reals(c, a)) return 2;
    if (a->percentiles != NULL && a->percentiles[0] == '\0') return cli_usage(c, "bench", "--percentiles names none, give a list such as 50,90,99");
    if (a->sustain != NULL && duration(a->sustain) < 0) return cli_usage(c, "bench", "--sustain '%s' is no time, as 90s, 10m or 1h, up to a day", a->sustain);
    whet_bench_options_init(&o);
    o.precision = a->precision;
    o.streams = a->streams;
    o.denormals = a->denormals;
    o.arena = a->arena;
    o.scenario = a->scenario;
    o.rate = a->rate;
    o.deadline = a->deadline;
    o.sustain = a->sustain != NULL ? duration(a->sustain) : 0;
    o.percentiles = a->percentiles;
    o.power_cmd = a->power_cmd;
    o.best = a->best;
    o.plain = a->plain;
    o.runtimes = a->runtime;
    o.data = a->data;
    o.split = a->split;
    o.contract = a->contract;
    o.picture_size = a->size;
    o.batch = a->batch;
    o.threads = a->threads;
    o.optimisation = a->optimisation;
    o.accept = a->accept;
    o.iterations = a->iterations;
    o.min_time = a->min_time;
    o.warmup = a->warmup;
    o.seed = (uint64_t)a->seed;
    o.quick = a->quick;
    o.publish = a->publish;
    o.force = a->force;
    o.tune = a->tune;
    o.baseline = a->baseline;
    o.time_limit = a->time_limit;
    o.memory_limit = a->memory_limit;
    o.gate = a->gate;
    o.stored = !a->no_store;
    o.store = a->store;
    o.progress = cli_progress;
    o.progress_arg = c;
    char *command = command_line(a, argc, argv), *data = whet_data_dir(), *keep = data != NULL ? whet_path_join(data, "interrupted") : NULL;
    o.keep = keep;
    o.command = command;
    const whet_status status = whet_bench(&r, argc - 1, (const char *const *)(argv + 1), &o);
    const int code = cli_finish(c, status, r);
    whet_free(command);
    whet_free(data);
    whet_free(keep);
    return code;
}

const cmd cmd_bench = {
    .name = "bench",
    .summary = "size, load, latency, throughput and memory on every runtime",
    .usage = "MODEL... [--runtime LIST] [--data SET] [--quick|--publish]",
    .details = "Outputs are compared with a reference before anything is timed. Every runtime gets the same inputs and\n"
               "threads and its turn in a shuffled order, in several fresh processes; figures stand with their intervals.\n"
               "exec:COMMAND as a runtime is any program that answers JSON lines (docs/exec-runtime.md).",
    .examples = "  $ whet bench model.onnx --quick\n"
                "  $ whet bench a.onnx b.onnx --runtime native,ort --data mnist --json=r.json\n"
                "  $ whet bench a.onnx --runtime ort --optimisation off,basic,all --arena on,off\n"
                "  $ whet bench model.onnx --scenario server --rate 50 --percentiles 50,90,99\n"
                "  $ whet bench model.onnx --rate 30 --sustain 10m\n"
                "  $ whet bench model.onnx --baseline latest --gate speed=5%,memory=5%\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .defaults = defaults,
    .run = run,
};
