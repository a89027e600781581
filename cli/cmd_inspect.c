/* SPDX-License-Identifier: Apache-2.0 */
/* `whet inspect`. */
#include "base/mem.h"
#include "cmd.h"
#include "whet/model.h"
#include "whet/train.h"

struct args {
    const char *isa, *target;
    int64_t batch, threads;
    int nodes, kernels, train, recompute, store_bf16, tune;
};

static const opt opts[] = {
    {"nodes", 0, OPT_FLAG, NULL, "list the nodes with their output's type and shape", offsetof(struct args, nodes)},
    {"kernels", 0, OPT_FLAG, NULL, "list the kernel of each node, why it was chosen and others refused", offsetof(struct args, kernels)},
    {"train", 0, OPT_FLAG, NULL, "the memory that training plans; MODEL may be a name of the zoo", offsetof(struct args, train)},
    {"recompute", 0, OPT_FLAG, NULL, "with --train: as train --recompute", offsetof(struct args, recompute)},
    {"store-bf16", 0, OPT_FLAG, NULL, "with --train: as train --store-bf16", offsetof(struct args, store_bf16)},
    {"batch", 0, OPT_INT, "N", "size of free dimensions for memory and kernels (1)", offsetof(struct args, batch)},
    {"isa", 0, OPT_STRING, "LEVEL", "highest instruction set: ref, avx2, avx512, ... (the machine's)", offsetof(struct args, isa)},
    {"threads", 't', OPT_INT, "N", "compute threads (all)", offsetof(struct args, threads)},
    {"target", 0, OPT_STRING, "NAME", "what ort@1.16, litert@2.3, openvino@2024 or edgetpu would refuse", offsetof(struct args, target)},
    {"tune", 0, OPT_FLAG, NULL, "kernels as run --tune would take them, from what it measured before", offsetof(struct args, tune)},
    OPT_END};

static int inspect_training(cli *c, const struct args *a, const char *model)
{
    whet_train_bench_options o;
    whet_result *r = NULL;
    whet_train_bench_options_init(&o);
    o.model = model;
    o.batch = (int)a->batch;
    o.threads = (int)a->threads;
    o.recompute = a->recompute;
    o.store_bf16 = a->store_bf16;
    o.isa = a->isa;
    const whet_status status = whet_train_memory(&r, &o);
    return cli_finish(c, status, r);
}

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_model_inspect_options o;
    whet_result *r = NULL;
    if (argc != 2) return cli_usage(c, "inspect", "name one model file");
    const cli_range ranges[] = {{"batch", a->batch, 0, 65536}, {"threads", a->threads, 0, 1024}};
    if (cli_check_ranges(c, "inspect", 2, ranges) != 0) return 2;
    if ((a->recompute || a->store_bf16) && !a->train)
        return cli_usage(c, "inspect", "--%s goes with --train", a->recompute ? "recompute" : "store-bf16");
    if (a->train) return inspect_training(c, a, argv[1]);
    whet_model_inspect_options_init(&o);
    o.nodes = a->nodes;
    o.kernels = a->kernels;
    o.batch = (int)a->batch;
    o.isa = a->isa;
    o.threads = (int)a->threads;
    o.tune = a->tune;
    o.target = a->target;
    const whet_status status = whet_inspect(&r, argv[1], &o);
    return cli_finish(c, status, r);
}

const cmd cmd_inspect = {
    .name = "inspect",
    .summary = "what a model file is: graph, parameters, MACs, memory, contract",
    .usage = "MODEL [--nodes] [--kernels] [--target NAME] | MODEL --train [--batch N]",
    .details = "MODEL is a file of any format, a file of weights alone (its tensors are\n"
               "listed), or a network of the zoo. Memory is what the native engine plans:\n"
               "constants, variables, and the arena that all activations and workspaces of\n"
               "one run share. Nothing is run; --target judges by tables.",
    .examples = "  $ whet inspect model.tflite --nodes\n"
                "  $ whet inspect model.onnx --target ort@1.16\n"
                "  $ whet inspect model.onnx --kernels --batch 8\n"
                "  $ whet inspect resnet50 --train --batch 8\n"
                "  $ whet inspect model.onnx --json | jq .macs\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
