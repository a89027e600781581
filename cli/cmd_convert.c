/* SPDX-License-Identifier: Apache-2.0 */
/* `whet convert`. */
#include "base/mem.h"
#include "cmd.h"
#include "whet/model.h"

struct args {
    const char *out, *to, *weights, *model, *precision, *bundle;
    opt_list cut_inputs, cut_outputs;
    int64_t opset;
    int deploy, check, bake;
};

static const opt opts[] = {
    {"out", 'o', OPT_PATH, "FILE", "where to (or as the second name); the extension says the format", offsetof(struct args, out)},
    {"to", 0, OPT_STRING, "FORMAT", "the format, where the extension does not say it", offsetof(struct args, to)},
    {"opset", 0, OPT_INT, "N", "operator set of ONNX, 13 to 21 (17)", offsetof(struct args, opset)},
    {"deploy", 0, OPT_FLAG, NULL, "fold batch normalisation and constants; no longer trainable", offsetof(struct args, deploy)},
    {"precision", 0, OPT_STRING, "f32|f16|s8", "weights in 16 bits, or in 8 with a scale a channel (TFLite's dynamic range form); computing stays f32 (as in IN)", offsetof(struct args, precision)},
    {"weights", 0, OPT_PATH, "FILE", "take the tensors of FILE instead of the model's own", offsetof(struct args, weights)},
    {"model", 0, OPT_STRING, "NAME", "IN holds weights alone: of this network of the zoo", offsetof(struct args, model)},
    {"check", 0, OPT_FLAG, NULL, "run the result on every runtime present, compare with IN", offsetof(struct args, check)},
    {"bake", 0, OPT_FLAG, NULL, "put the preprocessing contract into the graph: uint8 pixels in", offsetof(struct args, bake)},
    {"cut-input", 0, OPT_LIST, "NAME[:SHAPE]", "make this value an input, e.g. features:1x64x56x56", offsetof(struct args, cut_inputs)},
    {"cut-output", 0, OPT_LIST, "NAME", "make this value an output", offsetof(struct args, cut_outputs)},
    {"bundle", 0, OPT_PATH, "DIR", "with --to: model, labels, contract, picture, expected output, programs", offsetof(struct args, bundle)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_convert_options o;
    whet_result *r = NULL;
    if (argc < 2) return cli_usage(c, "convert", "name one model file");
    if (argc > 3) return cli_usage(c, "convert", "name a model file and the file to write, not %d files", argc - 1);
    if (argc == 3 && a->out) return cli_usage(c, "convert", "name the file to write once: '%s' or '%s'", argv[2], a->out);
    const char *out = argc == 3 ? argv[2] : a->out;
    if (!out && !a->bundle) return cli_usage(c, "convert", "name the file to write: -o FILE.onnx");
    if (out && a->bundle) return cli_usage(c, "convert", "give either a file to write or --bundle");
    if (a->bundle && !a->to) return cli_usage(c, "convert", "--bundle needs --to FORMAT");
    if (a->opset != 0 && (a->opset < 13 || a->opset > 21)) return cli_usage(c, "convert", "--opset must be 13 to 21");
    whet_convert_options_init(&o);
    o.format = a->to;
    o.opset = (int)a->opset;
    o.deploy = a->deploy;
    o.model = a->model;
    o.weights = a->weights;
    o.precision = a->precision;
    o.bake = a->bake;
    o.n_cut_inputs = a->cut_inputs.n;
    o.cut_inputs = a->cut_inputs.items;
    o.n_cut_outputs = a->cut_outputs.n;
    o.cut_outputs = a->cut_outputs.items;
    o.check = a->check;
    o.bundle = a->bundle;
    whet_status status = whet_convert(&r, argv[1], out, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_convert = {
    .name = "convert",
    .summary = "write a model in another form, with a report of what changed",
    .usage = "IN [-o] OUT [--to FORMAT] [--deploy] [--check] | IN --bundle DIR --to FORMAT",
    .details = "Metadata and preprocessing contract go along. The report names every node\n"
               "that was folded, fused, expanded or dropped. Nodes that the target has not\n"
               "are all named, and nothing is written (exit code 3). With --check the exit\n"
               "code is 1 if a runtime gives something else than IN. Files of weights alone\n"
               "go to such files, or with --model to any.",
    .examples = "  $ whet convert model.onnx model.tflite --check\n"
                "  $ whet convert model.onnx small.tflite --precision s8\n"
                "  $ whet convert trained.onnx -o deploy.onnx --deploy\n"
                "  $ whet convert resnet50.pth resnet50.onnx --model resnet50\n"
                "  $ whet convert model.onnx head.onnx --cut-input features\n"
                "  $ whet convert model.onnx --bundle app --to onnx --bake\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
