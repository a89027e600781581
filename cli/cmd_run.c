/* SPDX-License-Identifier: Apache-2.0 */
/* `whet run` on raw tensors. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "whet/model.h"

struct args {
    opt_list out;
    const char *runtime;
    int64_t threads;
    int tune;
};

static const opt opts[] = {
    {"out", 'o', OPT_LIST, "FILE", ".npy for an output; once per output, in the model's order", offsetof(struct args, out)},
    {"runtime", 0, OPT_STRING, "NAME", "runtime that runs the model (native)", offsetof(struct args, runtime)},
    {"threads", 't', OPT_INT, "N", "threads of the runtime (all)", offsetof(struct args, threads)},
    {"tune", 0, OPT_FLAG, NULL, "measure which kernels are the fastest here, once, and use them (native)", offsetof(struct args, tune)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_run_options o;
    whet_result *r = NULL;
    if (argc < 3) return cli_usage(c, "run", "name a model and one .npy for each of its inputs");
    for (int i = 2; i < argc; i++)
        if (strlen(argv[i]) < 5 || strcmp(argv[i] + strlen(argv[i]) - 4, ".npy") != 0)
            return cli_usage(c, "run", "'%s' is no .npy file; save the array with numpy.save", argv[i]);
    if (a->out.n == 0) return cli_usage(c, "run", "name the file for the output: -o y.npy");
    if (a->threads < 0 || a->threads > 1024) return cli_usage(c, "run", "--threads is out of range");
    whet_run_options_init(&o);
    o.runtime = a->runtime;
    o.threads = (int)a->threads;
    o.tune = a->tune;
    o.apart = 1;
    whet_status status = whet_run_npy(&r, argv[1], argc - 2, (const char *const *)(argv + 2), a->out.n, a->out.items, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_run = {
    .name = "run",
    .summary = "run a model on raw tensors",
    .usage = "MODEL X.npy ... -o Y.npy [--runtime NAME]",
    .details = "Reads one NumPy array for each input, runs the model and writes its outputs as\n"
               "NumPy arrays; nothing else is done to the values. Types and shapes must be the\n"
               "model's.",
    .examples = "  $ whet run model.onnx x.npy -o y.npy\n"
                "  $ whet run model.onnx x.npy -o y.npy --runtime ort\n"
                "  $ whet run model.onnx x.npy -o y.npy --tune\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
