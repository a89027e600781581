/* SPDX-License-Identifier: Apache-2.0 */
/* `whet bench`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "cmd.h"
#include "whet/bench.h"

enum { MOST_RUNS = 1000000 };
#define NOT_GIVEN INT64_MIN

struct args {
    whet_bench_options o; /* most options are the library's own */
    const char *sustain;
    int64_t seed;
    int no_store;
};

#define AT(member) offsetof(struct args, member)
static const opt opts[] = {
    {"runtime", 0, OPT_STRING, "LIST", "runtimes, e.g. native,ort (all that read the file)", AT(o.runtimes)},
    {"data", 0, OPT_PATH, "SET", "run on real pictures (seeded images)", AT(o.data)},
    {"split", 0, OPT_STRING, "train|val|test", "which split of them (val)", AT(o.split)},
    {"contract", 0, OPT_PATH, "NAME", "preprocessing: unit, pm1, imagenet, caffe, raw or a file (the model's own)", AT(o.contract)},
    {"size", 0, OPT_STRING, "HxW", "input size where the file leaves it free", AT(o.picture_size)},
    {"batch", 0, OPT_STRING, "LIST", "pictures a run, e.g. 1,8 (1)", AT(o.batch)},
    {"threads", 0, OPT_STRING, "LIST", "threads of every runtime, e.g. 1,2 (the usable CPUs)", AT(o.threads)},
    {"streams", 0, OPT_STRING, "LIST", "concurrent callers, which share the threads (1)", AT(o.streams)},
    {"optimisation", 0, OPT_STRING, "LIST", "graph optimisation: off, basic, all (all)", AT(o.optimisation)},
    {"precision", 0, OPT_STRING, "LIST", "arithmetic: default, f32, bf16, f16 (default, the file's own)", AT(o.precision)},
    {"denormals", 0, OPT_STRING, "LIST", "tiny numbers: zero, keep (zero)", AT(o.denormals)},
    {"arena", 0, OPT_STRING, "LIST", "memory kept between runs: on, off (on)", AT(o.arena)},
    {"best", 0, OPT_FLAG, NULL, "one more row for each runtime, at its own best settings, which are searched first", AT(o.best)},
    {"scenario", 0, OPT_STRING, "single|multi|offline|server", "how queries come, by MLPerf's definitions (single; with several streams offline)", AT(o.scenario)},
    {"rate", 0, OPT_REAL, "HZ", "arrivals a second: Poisson for server, else frames at equal distances, of which the late ones are counted", AT(o.rate)},
    {"deadline", 0, OPT_REAL, "MS", "an arrival not done by then is late (with frames: when the next one comes)", AT(o.deadline)},
    {"sustain", 0, OPT_STRING, "TIME", "then load without a pause, e.g. 10m: speed, clock, temperature, throttling over time", AT(sustain)},
    {"percentiles", 0, OPT_STRING, "LIST", "columns of latency, e.g. 50,90,95,99 (50,90)", AT(o.percentiles)},
    {"power-cmd", 0, OPT_STRING, "CMD", "a command that prints watts, once or line by line (the machine's own sensors)", AT(o.power_cmd)},
    {"plain", 0, OPT_FLAG, NULL, "print the plain numbers of older studies too, with their definitions", AT(o.plain)},
    {"accept", 0, OPT_STRING, "BOUNDS", "parity bound max=,atol=,rtol=,cosine=,lsb= (by precision)", AT(o.accept)},
    {"iterations", 0, OPT_INT, "N", "timed runs of a row, at least (100; --quick 20)", AT(o.iterations)},
    {"min-time", 0, OPT_REAL, "SECONDS", "timed seconds of a row, at least (5; --quick 1)", AT(o.min_time)},
    {"warmup", 0, OPT_INT, "N", "runs of each process before the clock starts, at least (10)", AT(o.warmup)},
    {"quick", 0, OPT_FLAG, NULL, "20 runs and 1 s a row in 3 rounds, up to 9 while a median is not steady", AT(o.quick)},
    {"publish", 0, OPT_FLAG, NULL, "662 runs and 60 s a row in 10 rounds, up to 30 while a median is not steady", AT(o.publish)},
    {"force", 0, OPT_FLAG, NULL, "time a model that fails the parity gate, labelled", AT(o.force)},
    {"tune", 0, OPT_FLAG, NULL, "native rows: measure which kernels are the fastest here, once, and use them", AT(o.tune)},
    {"time-limit", 0, OPT_REAL, "SECONDS", "loading or one inference that takes longer is a failed row (300)", AT(o.time_limit)},
    {"memory-limit", 0, OPT_REAL, "MB", "a runtime that takes more for itself is a failed row (the machine's memory)", AT(o.memory_limit)},
    {"baseline", 0, OPT_PATH, "RESULT", "compare with a result file or a stored run; exit code 1 if a row is worse", AT(o.baseline)},
    {"gate", 0, OPT_STRING, "LIST", "what of the baseline is judged, with its noise band: speed=2%,accuracy=0.5pt,size=1%,memory=5% or some (all)", AT(o.gate)},
    {"store", 0, OPT_PATH, "FILE", "store that gets the run (the user's)", AT(o.store)},
    {"no-store", 0, OPT_FLAG, NULL, "do not store the run", AT(no_store)},
    {"seed", 0, OPT_INT, "N", "seed of images, order and bootstrap (0)", AT(seed)},
    OPT_END};

/* "90", "90s", "10m", "1h" in seconds; < 0: none of these. */
static double duration(const char *text)
{
    char *end = NULL;
    const double x = strtod(text, &end), unit = *end == '\0' || *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : -1;
    return end != text && x > 0 && x * unit <= 86400 && (*end == '\0' || end[1] == '\0') ? x * unit : -1;
}

/* Numbers that may be left out, and what they may be otherwise; NaN stands for "not given". */
static const struct { const char *name; size_t offset; double low, high; } reals[] = {
    {"rate", AT(o.rate), 0.01, 1e6},
    {"deadline", AT(o.deadline), 0.001, 3.6e6},
    {"min-time", AT(o.min_time), 0.001, 86400},
    {"time-limit", AT(o.time_limit), 0.1, 86400},
    {"memory-limit", AT(o.memory_limit), 32, 1e9},
};

static double *real_at(struct args *a, size_t i) { return (double *)(void *)((char *)a + reals[i].offset); }

static void defaults(void *args)
{
    struct args *a = args;
    whet_bench_options_init(&a->o);
    a->o.iterations = NOT_GIVEN;
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

/* Exit code 2, with the error said, if options do not go together or are out of range; 0 if they may stand. */
static int settle(const cli *c, struct args *a)
{
    whet_bench_options *o = &a->o;
    if (o->quick && o->publish) return cli_usage(c, "bench", "--quick and --publish exclude each other");
    if (a->seed < 0) return cli_usage(c, "bench", "--seed must not be negative");
    if (o->iterations == NOT_GIVEN) o->iterations = 0; /* the library's "by the mode" */
    else if (o->iterations < 1 || o->iterations > MOST_RUNS)
        return cli_usage(c, "bench", "--iterations is %lld, allowed is 1 to %lld", (long long)o->iterations, (long long)MOST_RUNS);
    if (!settle_reals(c, a)) return 2;
    if (o->percentiles != NULL && o->percentiles[0] == '\0') return cli_usage(c, "bench", "--percentiles names none, give a list such as 50,90,99");
    if (a->sustain != NULL && duration(a->sustain) < 0) return cli_usage(c, "bench", "--sustain '%s' is no time, as 90s, 10m or 1h, up to a day", a->sustain);
    o->seed = (uint64_t)a->seed;
    o->sustain = a->sustain != NULL ? duration(a->sustain) : 0;
    o->stored = !a->no_store;
    return 0;
}

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args, usual = {0};
    whet_result *r = NULL;
    if (argc < 2) return cli_usage(c, "bench", "name at least one model file");
    defaults(&usual);
    char *command = opt_typed("whet bench", argc, argv, opts, a, &usual), *data = NULL, *keep = NULL;
    int code = settle(c, a);
    if (code != 0) goto done;
    data = whet_data_dir();
    keep = data != NULL ? whet_path_join(data, "interrupted") : NULL;
    a->o.keep = keep;
    a->o.command = command;
    a->o.progress = cli_progress;
    a->o.progress_arg = c;
    const whet_status status = whet_bench(&r, argc - 1, (const char *const *)(argv + 1), &a->o);
    code = cli_finish(c, status, r);
done:
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
