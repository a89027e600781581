/* SPDX-License-Identifier: Apache-2.0 */
/* `whet verify`. */
#include "cmd.h"
#include "whet/verify.h"

struct args {
    opt_list input, expect;
    const char *runtime, *reference, *accept, *data, *split, *contract, *size;
    const char *picture;
    int64_t samples, seed;
    int layers;
};

static const opt opts[] = {
    {"input", 0, OPT_LIST, "FILE.npy", "an input of the model, in order", offsetof(struct args, input)},
    {"expect", 0, OPT_LIST, "FILE.npy", "what an output must be, in order", offsetof(struct args, expect)},
    {"accept", 0, OPT_STRING, "BOUNDS", "max=,atol=,rtol=,cosine=,lsb=: all that are given (by precision)", offsetof(struct args, accept)},
    {"runtime", 0, OPT_STRING, "NAME", "runtime of the model (native)", offsetof(struct args, runtime)},
    {"reference", 0, OPT_STRING, "NAME", "runtime of the reference (of a lone file: ort for ONNX, litert for TFLite, ...; native for these)", offsetof(struct args, reference)},
    {"data", 0, OPT_PATH, "SET", "pictures as inputs (seeded images)", offsetof(struct args, data)},
    {"split", 0, OPT_STRING, "train|val|test", "which split of them (val)", offsetof(struct args, split)},
    {"contract", 0, OPT_PATH, "NAME", "preprocessing: unit, pm1, imagenet, caffe, raw or a file (the model's own)", offsetof(struct args, contract)},
    {"size", 0, OPT_STRING, "HxW", "input size where the file leaves it free", offsetof(struct args, size)},
    {"samples", 0, OPT_INT, "N", "inputs that are tried (16)", offsetof(struct args, samples)},
    {"seed", 0, OPT_INT, "N", "seed of the images (0)", offsetof(struct args, seed)},
    {"layers", 0, OPT_FLAG, NULL, "compare inner tensors too: where the error begins and how it grows", offsetof(struct args, layers)},
    {"output", 'o', OPT_PATH, "FILE", "with --layers: the error along depth as a picture, .svg or .png", offsetof(struct args, picture)},
    OPT_END};

static void defaults(void *args) { ((struct args *)args)->samples = 16; }

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_verify_options o;
    whet_result *r = NULL;
    if (argc != 2 && argc != 3) return cli_usage(c, "verify", "name one or two model files");
    if (argc == 3 && a->expect.n > 0) return cli_usage(c, "verify", "give either a second file or --expect");
    if (a->samples < 1 || a->samples > 4096) return cli_usage(c, "verify", "--samples is %lld, allowed is 1 to 4096", (long long)a->samples);
    if (a->seed < 0) return cli_usage(c, "verify", "--seed must not be negative");
    if (a->picture != NULL && !a->layers) return cli_usage(c, "verify", "-o draws the error of inner tensors: give --layers too");
    whet_verify_options_init(&o);
    o.runtime = a->runtime;
    o.reference_runtime = a->reference;
    o.accept = a->accept;
    o.n_inputs = a->input.n;
    o.inputs = a->input.items;
    o.n_expected = a->expect.n;
    o.expected = a->expect.items;
    o.data = a->data;
    o.split = a->split;
    o.contract = a->contract;
    o.picture_size = a->size;
    o.samples = a->samples;
    o.seed = (uint64_t)a->seed;
    o.layers = a->layers;
    o.picture = a->picture;
    o.progress = cli_progress;
    o.progress_arg = c;
    const whet_status status = whet_verify(&r, argv[1], argc == 3 ? argv[2] : NULL, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_verify = {
    .name = "verify",
    .summary = "do two files, or one file on two runtimes, compute the same?",
    .usage = "MODEL [OTHER | --input X.npy --expect Y.npy] [--accept max=1e-4,...]",
    .details = "A runtime is one of `whet runtimes` or exec:COMMAND. With one file the reference is the runtime of its format's\n"
               "tool chain, or native for that, with optimisation off where it can be. Exit code 1 if they differ. --layers compares the inner tensors of both: by their names,\n"
               "for files of different formats by position and shape.",
    .examples = "  $ whet verify model.onnx\n"
                "  $ whet verify small.onnx original.onnx --accept cosine=0.998\n"
                "  $ whet verify model.onnx --input input.npy --expect output.npy --runtime ort\n"
                "  $ whet verify int8.onnx f32.onnx --layers -o depth.svg\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .defaults = defaults,
    .run = run,
};
