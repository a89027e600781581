/* SPDX-License-Identifier: Apache-2.0 */
/* `whet train`: from a model's name and a data set to model.onnx, checkpoints and curves. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "whet/train.h"

enum { MOST_FIELDS = 12 };

typedef struct train_args {
    const char *model, *data, *out, *val, *optimizer, *schedule, *weights, *contract, *dump, *isa, *loss, *class_weights;
    const char *size, *filter, *mean, *std, *color, *crop;
    int64_t epochs, batch, seed, pad_crop, early_stop, threads, workers, save_steps, max_steps, max_memory, bench_steps, accumulate;
    double lr, momentum, weight_decay, smoothing, warmup, lr_min, gamma, step_every, div, final_div, beta1, beta2, epsilon;
    double rotate, shift, save_seconds, power, alpha, dice_weight, dice_smooth, clip_norm, clip_value, ema_decay;
    int centered, epsilon_inside, ema_warmup, test, nesterov, decay_all, hflip, drop_last, augment, resume, overwrite, strict, log_steps, profile, recompute, store_bf16, tune;
} train_args;

#define AT(member) offsetof(train_args, member)
static const opt opts[] = {
    {"model", 'm', OPT_STRING, "MODEL", "model of the zoo (lenet, cifar-convnet, resnet20, ...) or an ONNX file", AT(model)},
    {"data", 'd', OPT_PATH, "DATA", "mnist, cifar10, digits, or a folder", AT(data)},
    {"out", 'o', OPT_PATH, "DIR", "folder for model.onnx, checkpoints and curves (default MODEL-DATA)", AT(out)},
    {"epochs", 'e', OPT_INT, "N", "passes over the training pictures (default: the model's)", AT(epochs)},
    {"batch", 'b', OPT_INT, "N", "pictures a step (default: the model's)", AT(batch)},
    {"lr", 0, OPT_REAL, "X", "learning rate; the peak of one-cycle (default: the model's)", AT(lr)},
    {"optimizer", 0, OPT_STRING, "sgd|adam|adamw|rmsprop", "optimizer (default sgd)", AT(optimizer)},
    {"momentum", 0, OPT_REAL, "X", "momentum of sgd (default 0.9) and rmsprop (0)", AT(momentum)},
    {"nesterov", 0, OPT_FLAG, NULL, "Nesterov's form of the momentum (default on; --no-nesterov)", AT(nesterov)},
    {"weight-decay", 0, OPT_REAL, "X", "weight decay; norms and biases are spared", AT(weight_decay)},
    {"decay-all", 0, OPT_FLAG, NULL, "weight decay on norms and biases as well, as PyTorch does", AT(decay_all)},
    {"beta1", 0, OPT_REAL, "X", "first moment of adam (default 0.9)", AT(beta1)},
    {"beta2", 0, OPT_REAL, "X", "second moment of adam (default 0.999)", AT(beta2)},
    {"epsilon", 0, OPT_REAL, "X", "added to the denominator of adam and rmsprop (default 1e-8)", AT(epsilon)},
    {"alpha", 0, OPT_REAL, "X", "rmsprop: share of the mean square that stays (default 0.99)", AT(alpha)},
    {"centered", 0, OPT_FLAG, NULL, "rmsprop by the gradients' variance", AT(centered)},
    {"epsilon-inside", 0, OPT_FLAG, NULL, "rmsprop as in TensorFlow 1: epsilon under the root (default 1e-3)", AT(epsilon_inside)},
    {"clip-norm", 0, OPT_REAL, "X", "bound of the norm of all gradients together (default 0: none)", AT(clip_norm)},
    {"clip-value", 0, OPT_REAL, "X", "bound of every number in the gradients (default 0: none)", AT(clip_value)},
    {"accumulate", 0, OPT_INT, "N", "batches that make one step (default 1)", AT(accumulate)},
    {"ema-decay", 0, OPT_REAL, "X", "keep a moving average of the weights, score and save it (default 0: none)", AT(ema_decay)},
    {"ema-warmup", 0, OPT_FLAG, NULL, "decay of step t at most (1 + t) / (10 + t) (default on)", AT(ema_warmup)},
    {"schedule", 0, OPT_STRING, "constant|step|cosine|onecycle|polynomial", "course of the learning rate (default onecycle)", AT(schedule)},
    {"warmup", 0, OPT_REAL, "SHARE", "share of all steps in which the rate rises (onecycle 0.3, else 0)", AT(warmup)},
    {"lr-min", 0, OPT_REAL, "X", "what cosine and polynomial approach (default 0)", AT(lr_min)},
    {"power", 0, OPT_REAL, "X", "power of the polynomial schedule (default 1)", AT(power)},
    {"gamma", 0, OPT_REAL, "X", "factor of the step schedule (default 0.1)", AT(gamma)},
    {"step-every", 0, OPT_REAL, "EPOCHS", "epochs between the steps' falls (default a third)", AT(step_every)},
    {"div", 0, OPT_REAL, "X", "onecycle: first rate = lr / div (default 25)", AT(div)},
    {"final-div", 0, OPT_REAL, "X", "onecycle: last rate = first / final-div (default 1e4)", AT(final_div)},
    {"loss", 0, OPT_STRING, "ce|dice|ce+dice", "cross-entropy, soft Dice or their sum (default ce)", AT(loss)},
    {"class-weights", 0, OPT_STRING, "LIST", "weights in the cross-entropy: balanced, or a number per class: 1,2,0.5", AT(class_weights)},
    {"dice-weight", 0, OPT_REAL, "X", "ce+dice: factor of the Dice loss (default 1)", AT(dice_weight)},
    {"dice-smooth", 0, OPT_REAL, "X", "added above and below in the Dice loss (default 1)", AT(dice_smooth)},
    {"label-smoothing", 0, OPT_REAL, "X", "label smoothing of the cross-entropy (default 0, resnet 0.1)", AT(smoothing)},
    {"augment", 0, OPT_FLAG, NULL, "the model's augmentation (default on; --no-augment)", AT(augment)},
    {"pad-crop", 0, OPT_INT, "PIXELS", "pad by so many pixels and cut back at random", AT(pad_crop)},
    {"hflip", 0, OPT_FLAG, NULL, "mirror half of the pictures", AT(hflip)},
    {"rotate", 0, OPT_REAL, "DEGREES", "turn by up to so many degrees", AT(rotate)},
    {"shift", 0, OPT_REAL, "SHARE", "shift by up to this share of the size", AT(shift)},
    {"val", 0, OPT_STRING, "SHARE", "validation split: none or a share (default: the set's own, else 0.1 of train)", AT(val)},
    {"early-stop", 0, OPT_INT, "EPOCHS", "stop after so many epochs without a better validation accuracy", AT(early_stop)},
    {"drop-last", 0, OPT_FLAG, NULL, "leave out the epoch's short last batch (default on)", AT(drop_last)},
    {"contract", 0, OPT_PATH, "NAME", "preprocessing: unit, pm1, imagenet, caffe, raw or a file (default by data)", AT(contract)},
    {"size", 0, OPT_STRING, "HxW", "size of the network's input", AT(size)},
    {"crop", 0, OPT_STRING, "X", "share of the picture that is kept", AT(crop)},
    {"filter", 0, OPT_STRING, "NAME", "resize filter", AT(filter)},
    {"mean", 0, OPT_STRING, "R,G,B", "mean taken off, of values from 0 to 1", AT(mean)},
    {"std", 0, OPT_STRING, "R,G,B", "deviation divided by", AT(std)},
    {"color", 0, OPT_STRING, "rgb|bgr|gray", "colour order", AT(color)},
    {"weights", 0, OPT_PATH, "FILE", "initial weights, from a file of any format", AT(weights)},
    {"seed", 0, OPT_INT, "N", "seed of weights, order, augmentation and split (default 0)", AT(seed)},
    {"resume", 0, OPT_FLAG, NULL, "go on from the last checkpoint in --out, with its settings", AT(resume)},
    {"overwrite", 0, OPT_FLAG, NULL, "start anew although --out holds a run", AT(overwrite)},
    {"threads", 't', OPT_INT, "N", "compute threads (default: all)", AT(threads)},
    {"load-threads", 0, OPT_INT, "N", "threads that load data (default 1)", AT(workers)},
    {"isa", 0, OPT_STRING, "LEVEL", "highest instruction set: ref, avx2, avx512, ... (default: the machine's)", AT(isa)},
    {"save-seconds", 0, OPT_REAL, "S", "checkpoint at least that often (default 60; 0: at the epochs' ends)", AT(save_seconds)},
    {"save-steps", 0, OPT_INT, "N", "checkpoint after so many steps", AT(save_steps)},
    {"test", 0, OPT_FLAG, NULL, "score the test split at the end (default on; --no-test)", AT(test)},
    {"strict", 0, OPT_FLAG, NULL, "a broken picture ends the run", AT(strict)},
    {"log-steps", 0, OPT_FLAG, NULL, "every step into curves.jsonl, not only some", AT(log_steps)},
    {"max-steps", 0, OPT_INT, "N", "end after so many steps, without model and test", AT(max_steps)},
    {"dump-batches", 0, OPT_PATH, "DIR", "initial weights and every batch as .npy, for comparison with a peer", AT(dump)},
    {"recompute", 0, OPT_FLAG, NULL, "compute most activations again in backward: less memory", AT(recompute)},
    {"store-bf16", 0, OPT_FLAG, NULL, "keep activations for backward in bf16: half their memory", AT(store_bf16)},
    {"max-memory", 0, OPT_INT, "MB", "keep a step within this: recompute as much as needed", AT(max_memory)},
    {"tune", 0, OPT_FLAG, NULL, "measure which kernels are the fastest here, once, and use them", AT(tune)},
    {"bench-steps", 0, OPT_INT, "N", "only time N steps on random pictures", AT(bench_steps)},
    {"profile", 0, OPT_FLAG, NULL, "with --bench-steps: time per operator", AT(profile)},
    OPT_END};

enum { MOST_THREADS = 4096 };
#define NOT_GIVEN INT64_MIN

/* Whole numbers with their bounds; what was not given becomes -1, the library's "by the model". False: one is at fault,
 * said in text. */
static bool settle_numbers(train_args *a, char *text, size_t size)
{
    const struct { const char *name; int64_t *at, least, most; } all[] = {
        {"epochs", &a->epochs, 1, INT32_MAX}, {"batch", &a->batch, 1, INT32_MAX}, {"seed", &a->seed, 0, INT64_MAX},
        {"pad-crop", &a->pad_crop, 0, INT32_MAX}, {"early-stop", &a->early_stop, 0, INT32_MAX},
        {"threads", &a->threads, 0, MOST_THREADS}, {"load-threads", &a->workers, 0, MOST_THREADS},
        {"save-steps", &a->save_steps, 0, INT64_MAX}, {"max-steps", &a->max_steps, 0, INT64_MAX}, {"max-memory", &a->max_memory, 0, INT64_MAX / 1000000},
        {"bench-steps", &a->bench_steps, 0, INT32_MAX}, {"accumulate", &a->accumulate, 1, INT32_MAX}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (*all[i].at == NOT_GIVEN) *all[i].at = -1;
        else if (*all[i].at < all[i].least || *all[i].at > all[i].most) {
            snprintf(text, size, "--%s is out of range: %lld, allowed is %lld to %lld", all[i].name, (long long)*all[i].at, (long long)all[i].least,
                     (long long)all[i].most);
            return false;
        }
    }
    if (a->step_every <= 0) /* the library's 0 is "a third", which is said by leaving it out */
        snprintf(text, size, "--step-every is %g, allowed is more than 0 to 100000", a->step_every);
    return !(a->step_every <= 0);
}

static void defaults(void *args)
{
    train_args *a = args;
    whet_train_options o;
    whet_train_options_init(&o);
    a->epochs = a->batch = a->seed = a->pad_crop = a->early_stop = a->accumulate = NOT_GIVEN;
    a->lr = a->momentum = a->weight_decay = a->smoothing = a->warmup = a->lr_min = a->gamma = a->step_every = a->div = NAN;
    a->final_div = a->beta1 = a->beta2 = a->epsilon = a->rotate = a->shift = NAN;
    a->power = a->alpha = a->dice_weight = a->dice_smooth = a->clip_norm = a->clip_value = a->ema_decay = NAN;
    a->nesterov = a->decay_all = a->hflip = a->drop_last = a->centered = a->epsilon_inside = a->ema_warmup = a->test = -1;
    a->augment = 1;
    a->save_seconds = o.save_seconds;
}

static int add_field(const char **fields, char (*store)[512], int n, const char *key, const char *value)
{
    if (value == NULL || n >= MOST_FIELDS) return n;
    snprintf(store[n], sizeof store[n], "%s=%s", key, value);
    fields[n] = store[n];
    return n + 1;
}

static int bench(cli *c, const train_args *a)
{
    whet_train_bench_options o;
    whet_result *r = NULL;
    whet_train_bench_options_init(&o);
    o.model = a->model;
    o.batch = a->batch > 0 ? (int)a->batch : 0;
    o.steps = (int)a->bench_steps;
    o.threads = (int)a->threads;
    o.profile = a->profile;
    o.recompute = a->recompute;
    o.store_bf16 = a->store_bf16;
    o.isa = a->isa;
    const whet_status status = whet_train_bench(&r, &o);
    return cli_finish(c, status, r);
}

/* "runs/lenet" and "../mnist" -> "lenet-mnist". */
static const char *default_out(const train_args *a, char *buf, size_t size)
{
    char model[120], data[120];
    const char *parts[2] = {a->model, a->data};
    char *names[2] = {model, data};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(parts[i]);
        while (n > 1 && parts[i][n - 1] == '/') n--;
        size_t from = n;
        while (from > 0 && parts[i][from - 1] != '/') from--;
        snprintf(names[i], sizeof model, "%.*s", (int)(n - from), parts[i] + from);
    }
    char *dot = strrchr(model, '.');
    if (dot != NULL && dot != model) *dot = '\0';
    snprintf(buf, size, "%s-%s", model, data);
    return buf;
}

static int run(cli *c, void *args, int argc, char **argv)
{
    train_args *a = args;
    const char *fields[MOST_FIELDS + 1] = {NULL};
    char store[MOST_FIELDS][512], out[260];
    whet_result *r = NULL;
    whet_train_options o;
    int n = 0;
    if (argc > 1) return cli_usage(c, "train", "unexpected argument '%s': models and data are given by --model and --data", argv[1]);
    if (!settle_numbers(a, out, sizeof out)) return cli_usage(c, "train", "%s", out);
    if (a->bench_steps > 0) {
        if (a->model == NULL) return cli_usage(c, "train", "which model? give --model");
        if (a->tune) return cli_usage(c, "train", "--tune does not go with --bench-steps");
        return bench(c, a);
    }
    const bool known = a->model != NULL && a->data != NULL;
    if (!known && !(a->resume && a->out != NULL)) return cli_usage(c, "train", "what to train on what? give --model and --data");
    whet_train_options_init(&o);
    o.model = a->model, o.data = a->data, o.val = a->val, o.optimizer = a->optimizer, o.schedule = a->schedule;
    o.out = a->out != NULL ? a->out : default_out(a, out, sizeof out);
    o.weights = a->weights, o.contract = a->contract, o.isa = a->isa, o.dump_batches = a->dump;
    o.epochs = a->epochs, o.batch = a->batch, o.seed = a->seed, o.lr = a->lr, o.momentum = a->momentum;
    o.weight_decay = a->weight_decay, o.label_smoothing = a->smoothing, o.warmup = a->warmup, o.lr_min = a->lr_min;
    o.gamma = a->gamma, o.step_every = a->step_every, o.div = a->div, o.final_div = a->final_div;
    o.beta1 = a->beta1, o.beta2 = a->beta2, o.epsilon = a->epsilon;
    o.nesterov = a->nesterov, o.decay_all = a->decay_all, o.drop_last = a->drop_last, o.early_stop = a->early_stop;
    o.pad_crop = a->pad_crop, o.hflip = a->hflip, o.rotate = a->rotate, o.shift = a->shift;
    if (!a->augment) o.pad_crop = o.hflip = 0, o.rotate = o.shift = 0;
    o.resume = a->resume, o.overwrite = a->overwrite, o.threads = (int)a->threads, o.workers = (int)a->workers;
    o.save_seconds = a->save_seconds, o.save_steps = a->save_steps, o.max_steps = a->max_steps;
    o.log_steps = a->log_steps, o.strict = a->strict, o.recompute = a->recompute, o.store_bf16 = a->store_bf16, o.tune = a->tune;
    o.max_memory = a->max_memory * 1000000;
    if (a->test >= 0) o.no_test = !a->test;
    o.loss = a->loss, o.class_weights = a->class_weights, o.dice_weight = a->dice_weight, o.dice_smooth = a->dice_smooth;
    o.power = a->power, o.alpha = a->alpha, o.centered = a->centered, o.epsilon_inside = a->epsilon_inside;
    o.clip_norm = a->clip_norm, o.clip_value = a->clip_value, o.accumulate = a->accumulate;
    o.ema_decay = a->ema_decay, o.ema_warmup = a->ema_warmup;
    n = add_field(fields, store, n, "size", a->size);
    n = add_field(fields, store, n, "crop", a->crop);
    n = add_field(fields, store, n, "filter", a->filter);
    n = add_field(fields, store, n, "mean", a->mean);
    n = add_field(fields, store, n, "std", a->std);
    n = add_field(fields, store, n, "color", a->color);
    o.contract_fields = n > 0 ? fields : NULL;
    o.progress = cli_progress;
    o.progress_arg = c;
    const whet_status status = whet_train(&r, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_train = {
    .name = "train",
    .summary = "train a classifier on labelled pictures",
    .usage = "--model NAME|FILE --data SET|DIR [--out DIR]",
    .details = "Writes model.onnx (with its preprocessing contract and class names), the best and the last checkpoint, curves as "
               "CSV, JSON lines and TensorBoard events, and train.json. The test split is scored once, at the end. Ctrl-C saves; "
               "an interrupted run, even a killed one, ends with the same bits when it is resumed.",
    .examples = "  $ whet train --model lenet --data mnist\n"
                "  $ whet train --model resnet20 --data cifar10 --val none --epochs 14 --out r20\n"
                "  $ whet train --resume --out r20\n"
                "  $ whet train --model resnet20 --data photos/ --optimizer adamw --lr 1e-3",
    .opts = opts,
    .args_size = sizeof(train_args),
    .defaults = defaults,
    .run = run};
