/* SPDX-License-Identifier: Apache-2.0 */
/* `whet convert`. */
#include "base/mem.h"
#include "cmd.h"
#include "whet/model.h"

struct args {
    const char *out;
    int64_t opset;
    int deploy;
};

static const opt opts[] = {
    {"out", 'o', OPT_PATH, "FILE", "where to; the extension says the format", offsetof(struct args, out)},
    {"opset", 0, OPT_INT, "N", "operator set of ONNX, 13 to 21 (17)", offsetof(struct args, opset)},
    {"deploy", 0, OPT_FLAG, NULL, "fold batch normalisation and constants; no longer trainable", offsetof(struct args, deploy)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_convert_options o;
    whet_result *r = NULL;
    if (argc != 2) return cli_usage(c, "convert", "name one model file");
    if (!a->out) return cli_usage(c, "convert", "name the file to write: -o FILE.onnx");
    if (a->opset != 0 && (a->opset < 13 || a->opset > 21)) return cli_usage(c, "convert", "--opset must be 13 to 21");
    whet_convert_options_init(&o);
    o.opset = (int)a->opset;
    o.deploy = a->deploy;
    whet_status status = whet_convert(&r, argv[1], a->out, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_convert = {
    .name = "convert",
    .summary = "write a model in another form, with a report of what changed",
    .usage = "MODEL -o FILE [--opset N] [--deploy]",
    .details = "Metadata and preprocessing contract go along. An operator that the target has\n"
               "not is named with the opset that has it, and nothing is written.",
    .examples = "  $ whet convert model.onnx -o model13.onnx --opset 13\n"
                "  $ whet convert trained.onnx -o deploy.onnx --deploy\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
