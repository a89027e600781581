/* SPDX-License-Identifier: Apache-2.0 */
/* The model to train (from the zoo, or an ONNX file whose parameters become variables) and its preprocessing contract. */
#include "base/io.h"
#include "base/mem.h"
#include "formats/onnx/onnx.h"
#include "models/models.h"
#include "train/trainer.h"

/* Where neither user nor file says how pictures come in: the set's usual mean and deviation, else (x - 0.5) / 0.5. */
static const struct { const char *data; float mean[3], std[3]; } usual[] = {
    {"mnist", {0.1307f, 0.1307f, 0.1307f}, {0.3081f, 0.3081f, 0.3081f}},
    {"cifar10", {0.4914f, 0.4822f, 0.4465f}, {0.247f, 0.243f, 0.262f}},
    {"", {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
};

static bool is_zoo(const trainer *t)
{
    return whet_model_find(t->s.model) != NULL || !whet_file_exists(t->s.model);
}

static whet_status read_file(trainer *t)
{
    whet_onnx_read_options opt;
    whet_onnx_read_options_init(&opt);
    opt.parameters_as_variables = true;
    return whet_onnx_read(&t->model, t->s.model, &opt);
}

static whet_status base_contract(trainer *t)
{
    const char *stored = t->model != NULL ? whet_graph_get_meta(t->model, WHET_CONTRACT_META) : NULL;
    const char *name = t->data != NULL ? whet_dataset_name(t->data) : "";
    size_t row = 0;
    if (t->s.contract != NULL) return whet_contract_load(&t->contract, t->s.contract);
    if (t->from != NULL && t->s.contract_json != NULL) return whet_contract_from_json(&t->contract, t->s.contract_json);
    if (stored != NULL) return whet_contract_from_json(&t->contract, stored);
    while (strncmp(name, usual[row].data, strlen(usual[row].data)) != 0) row++;
    for (int i = 0; i < 3; i++) {
        t->contract.mean[i] = usual[row].mean[i];
        t->contract.std[i] = usual[row].std[i];
    }
    return WHET_OK;
}

static whet_status make_contract(trainer *t)
{
    WHET_TRY(base_contract(t));
    for (const char *const *f = t->s.contract_fields; f != NULL && *f != NULL; f++) {
        const char *equals = strchr(*f, '=');
        char *key = equals != NULL ? whet_strndup(*f, (size_t)(equals - *f)) : NULL;
        if (equals == NULL) return WHET_FAIL(WHET_EINVAL, "'%s' is no key=value", *f);
        if (key == NULL) return WHET_ENOMEM;
        const whet_status status = whet_contract_set(&t->contract, key, equals + 1);
        whet_free(key);
        WHET_TRY(status);
        if (strncmp(*f, "size=", 5) == 0 && t->contract.height == 0)
            return WHET_FAIL(WHET_EINVAL, "size '%s' is out of range, allowed is 1 to 32768 for each of height and width", equals + 1);
    }
    return WHET_OK;
}

/* Sizes of the network's input: the file's fixed ones, else the contract's, else the model's own. */
static whet_status build(trainer *t)
{
    const whet_model *m = whet_model_find(t->s.model);
    whet_model_options opt;
    whet_model_options_init(&opt);
    opt.classes = t->classes;
    opt.seed = (uint64_t)t->s.seed;
    opt.height = t->contract.height;
    opt.width = t->contract.width;
    if (t->contract.given) opt.in_channels = t->contract.color == WHET_COLOR_GRAY ? 1 : m != NULL && m->in_channels > 1 ? m->in_channels : 3;
    return whet_model_build(t->s.model, &opt, &t->model);
}

static whet_status take_sizes(trainer *t)
{
    const whet_value *x = t->model->n_inputs == 1 ? &t->model->values[t->model->inputs[0]] : NULL;
    if (x == NULL || x->dims.rank != 4 || x->dtype != WHET_F32)
        return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' does not take one f32 picture batch N x channels x height x width", t->s.model);
    const whet_dim *d = x->dims.dims;
    t->channels = d[1] > 0 ? (int)d[1] : t->contract.color == WHET_COLOR_GRAY ? 1 : 3;
    t->height = d[2] > 0 ? (int)d[2] : t->contract.height;
    t->width = d[3] > 0 ? (int)d[3] : t->contract.width;
    if (t->height <= 0 || t->width <= 0)
        return WHET_FAIL(WHET_EINVAL, "the size of the network's input is not known: give --size HxW");
    if ((t->contract.height > 0 && t->contract.height != t->height) || (t->contract.width > 0 && t->contract.width != t->width))
        return WHET_FAIL(WHET_ESHAPE, "the contract says %dx%d, but '%s' takes %dx%d", t->contract.height, t->contract.width,
                         t->s.model, t->height, t->width);
    return WHET_OK;
}

static whet_status check_classes(trainer *t)
{
    const whet_value *y = &t->model->values[t->model->outputs[0]];
    if (y->dims.rank > 2)
        return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' gives classes for each position, the data has one label a picture: training on masks is "
                         "not part of this command", t->s.model);
    if (t->data == NULL && y->dims.rank == 2 && y->dims.dims[1] > 0 && y->dims.dims[1] <= INT32_MAX)
        t->classes = (int)y->dims.dims[1]; /* random labels follow the network */
    if (y->dims.rank == 2 && y->dims.dims[1] >= 0 && y->dims.dims[1] != t->classes)
        return WHET_FAIL(WHET_ESHAPE, "'%s' gives %lld classes, but the data has %d", t->s.model, (long long)y->dims.dims[1], t->classes);
    return WHET_OK;
}

static whet_status name_classes(trainer *t)
{
    if (t->data == NULL || t->contract.n_labels > 0) return WHET_OK;
    const char **names = whet_calloc((size_t)t->classes, sizeof *names);
    if (names == NULL) return WHET_ENOMEM;
    for (int i = 0; i < t->classes; i++) names[i] = whet_dataset_class_name(t->data, i);
    const whet_status status = whet_contract_set_labels(&t->contract, t->classes, names);
    whet_free(names);
    return status;
}

whet_status trainer_open_model(trainer *t)
{
    const bool zoo = is_zoo(t);
    if (!zoo) WHET_TRY(read_file(t));
    WHET_TRY(make_contract(t));
    if (zoo) WHET_TRY(build(t));
    WHET_TRY(take_sizes(t));
    WHET_TRY(check_classes(t));
    WHET_TRY(name_classes(t));
    t->contract.height = t->height;
    t->contract.width = t->width;
    if (t->channels == 1) t->contract.color = WHET_COLOR_GRAY;
    t->contract.given = true;
    return WHET_OK;
}
