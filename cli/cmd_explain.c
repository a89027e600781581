/* SPDX-License-Identifier: Apache-2.0 */
/* `whet explain`. */
#include "cmd.h"
#include "whet/explain.h"

struct args {
    const char *runtime, *against, *size;
    int64_t threads, batch, seed;
    int quick;
};

static const opt opts[] = {
    {"runtime", 0, OPT_STRING, "NAME", "runtime that is explained (native)", offsetof(struct args, runtime)},
    {"against", 0, OPT_STRING, "NAME", "runtime of OTHER, or a second one for MODEL (the same)", offsetof(struct args, against)},
    {"threads", 't', OPT_INT, "N", "compute threads (all)", offsetof(struct args, threads)},
    {"batch", 'b', OPT_INT, "N", "size of a free first dimension (1)", offsetof(struct args, batch)},
    {"size", 0, OPT_STRING, "HxW", "input size where the file leaves it free", offsetof(struct args, size)},
    {"seed", 0, OPT_INT, "N", "seed of the images (0)", offsetof(struct args, seed)},
    {"quick", 0, OPT_FLAG, NULL, "shorter looks at machine and model", offsetof(struct args, quick)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_explain_options o;
    whet_result *r = NULL;
    if (argc != 2 && argc != 3) return cli_usage(c, "explain", "name one or two model files");
    const cli_range ranges[] = {{"threads", a->threads, 0, 1024}, {"batch", a->batch, 0, 65536}};
    if (cli_check_ranges(c, "explain", 2, ranges) != 0) return 2;
    if (a->seed < 0) return cli_usage(c, "explain", "--seed must not be negative");
    whet_explain_options_init(&o);
    o.runtime = a->runtime;
    o.other_runtime = a->against;
    o.threads = (int)a->threads;
    o.batch = (int)a->batch;
    o.picture_size = a->size;
    o.seed = (uint64_t)a->seed;
    o.quick = a->quick;
    o.progress = cli_progress;
    o.progress_arg = c;
    const whet_status status = whet_explain(&r, argv[1], argc == 3 ? argv[2] : NULL, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_explain = {
    .name = "explain",
    .summary = "why is a model as fast as it is on this machine?",
    .usage = "MODEL [OTHER] [--runtime NAME] [--threads N]",
    .details = "What the runtime made of the file, node by node: in which precision the\n"
               "multiply-adds ran, what only quantises or changes the layout, and how near each\n"
               "node comes to what this machine can do at most, which is measured on the spot.\n"
               "With a second file, or a second runtime, also why the first is faster or slower.",
    .examples = "  $ whet explain model.onnx --runtime ort --threads 1\n"
                "  $ whet explain int8.onnx f32.onnx --runtime ort\n"
                "  $ whet explain model.onnx --runtime ort --against native\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
