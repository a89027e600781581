// SPDX-License-Identifier: Apache-2.0
// LibTorch behind the C border of shim.h: opens a TorchScript file, runs its forward, hands out the tensors themselves.
//
// optimisation: off = the graph executor runs the file's own graph; basic = its usual (profiling) executor; all = freeze and
// optimize_for_inference before it. bf16 and f16: the module's weights and the inputs are converted, the outputs come back
// as f32, so that callers see the same types; the conversions are part of the run, as they would be in a program.
#include "shim.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/passes/shape_analysis.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <cstdio>
#include <cstring>
#include <mutex>

#include "whet/status.h"

namespace {

// c10's errors carry a backtrace, which tells a user nothing.
std::string words_of(const std::exception &e)
{
    const auto *ours = dynamic_cast<const c10::Error *>(&e);
    std::string text = ours != nullptr ? ours->what_without_backtrace() : e.what();
    for (char &c : text)
        if (c == '\n') c = ' ';
    return text;
}

int code_of(const std::string &text)
{
    static const struct { const char *part; int code; } rows[] = {
        {"Unknown builtin op", WHET_EUNSUPPORTED},   {"Could not run", WHET_EUNSUPPORTED}, {"not implemented for", WHET_EUNSUPPORTED},
        {"open file failed", WHET_ENOTFOUND},        {"does not exist", WHET_ENOTFOUND},   {"PytorchStreamReader", WHET_EFORMAT},
        {"not enough memory", WHET_ENOMEM},          {"must match the size", WHET_ESHAPE}, {"to have", WHET_ESHAPE},
        {"shapes cannot be multiplied", WHET_ESHAPE}};
    for (const auto &r : rows)
        if (text.find(r.part) != std::string::npos) return r.code;
    return 0;
}

template <class F> int guarded(char *why, int otherwise, F f)
{
    try {
        f();
        return 0;
    } catch (const std::bad_alloc &) {
        snprintf(why, WT_MAX_WHY, "out of memory");
        return WHET_ENOMEM;
    } catch (const std::exception &e) {
        const std::string text = words_of(e);
        const int code = code_of(text);
        snprintf(why, WT_MAX_WHY, "%s", text.c_str());
        return code != 0 ? code : otherwise;
    } catch (...) {
        snprintf(why, WT_MAX_WHY, "an exception of an unknown type");
        return WHET_ERUNTIME;
    }
}

// The number of threads and the treatment of denormals belong to the calling thread.
void prepare_thread(const wt_options &o)
{
    static std::once_flag once;
    thread_local int threads = 0, denormals = WT_LEAVE;
    const int wanted = std::max(1, o.threads / std::max(1, o.streams));
    std::call_once(once, [] {
        try {
            at::set_num_interop_threads(1);
        } catch (const std::exception &) { // somebody chose before us
        }
    });
    if (o.denormals != WT_LEAVE && o.denormals != denormals) {
        at::globalContext().setFlushDenormal(o.denormals == WT_ZERO);
        denormals = o.denormals;
    }
    if (o.threads > 0 && wanted != threads) {
        at::set_num_threads(wanted);
        threads = wanted;
    }
}

int version(char *out, size_t cap)
{
    const std::string config = at::show_config();
    const size_t at = config.find("TORCH_VERSION=");
    const std::string text = at == std::string::npos ? TORCH_VERSION : config.substr(at + 14, config.find_first_of(", \n", at) - at - 14);
    snprintf(out, cap, "%s", text.c_str());
    return 0;
}

at::ScalarType type_of(const wt_options &o)
{
    return o.precision == WT_BF16 ? at::kBFloat16 : o.precision == WT_F16 ? at::kHalf : at::kFloat;
}

#if TORCH_VERSION_MAJOR >= 2
// Files without recorded shapes are usual, LibTorch warns of each.
struct silence : c10::WarningHandler {
    void process(const c10::Warning &) override {}
};

torch::jit::Module import(wt_model *m, const char *path, torch::jit::ExtraFilesMap &extra)
{
    silence quiet;
    const c10::WarningUtils::WarningHandlerGuard guard(&quiet);
    return torch::jit::import_ir_module(m->unit, path, c10::Device(c10::kCPU), extra, false, true);
}
#else // keeps no shapes
torch::jit::Module import(wt_model *m, const char *path, torch::jit::ExtraFilesMap &extra)
{
    return torch::jit::import_ir_module(m->unit, path, c10::Device(c10::kCPU), extra);
}
#endif

void load(wt_model *m, const char *path)
{
    torch::jit::ExtraFilesMap extra{{"whet.json", ""}};
    m->unit = std::make_shared<torch::jit::CompilationUnit>();
    m->module = import(m, path, extra);
    m->extra = extra["whet.json"];
    m->module.eval();
    whet::describe(m, TORCH_VERSION_MAJOR >= 2);
    whet::take_extra(m);
    // The shapes were wanted for the description only: executors would take them for a promise.
    torch::jit::EraseShapeInformation(m->module.get_method("forward").graph());
    if (m->options.precision == WT_BF16 || m->options.precision == WT_F16) m->module.to(type_of(m->options));
    if (m->options.optimisation == WT_ALL) m->module = torch::jit::optimize_for_inference(m->module);
}

int open_model(wt_model **out, const char *path, const wt_options *o, char *why)
{
    auto m = std::make_unique<wt_model>();
    *out = nullptr;
    if (TORCH_VERSION_MAJOR < 2 && o->precision == WT_F16) {
        snprintf(why, WT_MAX_WHY, "LibTorch %s has no 16-bit floats on the CPU", TORCH_VERSION);
        return WHET_EUNSUPPORTED;
    }
    m->options = *o;
    m->last = nullptr;
    const int status = guarded(why, WHET_EFORMAT, [&] {
        c10::InferenceMode guard(false); // weights that optimisation folds must be ordinary tensors
        prepare_thread(*o);
        load(m.get(), path);
    });
    if (status == 0) *out = m.release();
    return status;
}

void close_model(wt_model *m) { delete m; }

int count(const wt_model *m, int output) { return (int)m->io[output != 0].size(); }

void info(const wt_model *m, int output, int i, wt_tensor *t) { *t = m->io[output != 0][(size_t)i]; }

int set_shape(wt_model *m, int i, int rank, const int64_t *dims, char *why)
{
    wt_tensor &t = m->io[0][(size_t)i];
    bool fits = rank >= 0 && rank <= WT_MAX_RANK && (t.rank < 0 || t.rank == rank);
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && (t.rank < 0 || t.dims[d] < 0 || t.dims[d] == dims[d]);
    if (!fits) {
        snprintf(why, WT_MAX_WHY, "input '%s' of the model does not take this shape", t.name);
        return WHET_ESHAPE;
    }
    t.rank = rank;
    for (int d = 0; d < rank; d++) t.dims[d] = dims[d];
    return 0;
}

void stream_free(wt_stream *s)
{
    if (s != nullptr && s->m->last == s) s->m->last = nullptr;
    delete s;
}

int stream_create(wt_stream **out, wt_model *m, char *why)
{
    auto s = std::make_unique<wt_stream>();
    *out = nullptr;
    s->m = m;
    for (const wt_tensor &t : m->io[0]) {
        bool known = t.rank >= 0;
        for (int d = 0; d < t.rank; d++) known &= t.dims[d] >= 0;
        if (known) continue;
        snprintf(why, WT_MAX_WHY, "the shape of input '%s' is not told by the file: set it first", t.name);
        return WHET_ESHAPE;
    }
    const int status = guarded(why, WHET_ERUNTIME, [&] {
        for (const wt_tensor &t : m->io[0])
            s->in.push_back(at::empty(at::IntArrayRef(t.dims, (size_t)t.rank), at::TensorOptions().dtype(whet::torch_type(t.dtype))));
    });
    if (status == 0) m->last = *out = s.release();
    return status;
}

// Tensors of a result in the order in which they stand there, whatever holds them.
void flatten(const c10::IValue &v, bool widen, std::vector<at::Tensor> &out)
{
    if (v.isTensor()) {
        const at::Tensor t = v.toTensor();
        const bool narrow = t.scalar_type() == at::kBFloat16 || t.scalar_type() == at::kHalf;
        out.push_back((widen && narrow ? t.to(at::kFloat) : t).contiguous());
    } else if (v.isTuple()) {
        for (const c10::IValue &e : v.toTupleRef().elements()) flatten(e, widen, out);
    } else if (v.isList()) {
        for (const c10::IValue &e : v.toListRef()) flatten(e, widen, out);
    } else if (v.isGenericDict()) {
        for (const auto &e : v.toGenericDict()) flatten(e.value(), widen, out);
    } else {
        throw std::runtime_error("the result holds a value that is no tensor: " + v.tagKind());
    }
}

int run_stream(wt_stream *s, char *why)
{
    return guarded(why, WHET_ERUNTIME, [&] { whet::run(s); });
}

int map_tensor(wt_stream *s, int output, int i, wt_tensor *t, char *why)
{
    const std::vector<at::Tensor> &list = output ? s->out : s->in;
    *t = s->m->io[output != 0][(size_t)i];
    if ((size_t)i >= list.size()) {
        snprintf(why, WT_MAX_WHY, "output '%s' does not exist before the first run", t->name);
        return WHET_EINVAL;
    }
    whet::fill(list[(size_t)i], t);
    if (t->dtype != 0 && list[(size_t)i].dim() <= WT_MAX_RANK) return 0;
    snprintf(why, WT_MAX_WHY, "'%s' has an element type or rank that cannot be mapped", t->name);
    return WHET_EUNSUPPORTED;
}

int give(char **out, const std::string &text)
{
    *out = strdup(text.c_str());
    return *out != nullptr ? 0 : WHET_ENOMEM;
}

int tell_graph(wt_model *m, char **text, char *why)
{
    std::string made;
    const int status = guarded(why, WHET_ERUNTIME, [&] { made = whet::executed_graph(m); });
    return status == 0 ? give(text, made) : status;
}

int tell_profile(wt_model *m, char **text, char *why)
{
    std::string made;
    if (m->last == nullptr) {
        snprintf(why, WT_MAX_WHY, "a stream is needed for a profile: make one and run it first");
        return WHET_EUNSUPPORTED;
    }
    const int status = guarded(why, WHET_ERUNTIME, [&] { made = whet::profile(m->last); });
    return status == 0 ? give(text, made) : status;
}

void text_free(char *text) { free(text); }

const char *extra(const wt_model *m) { return m->extra.c_str(); }

const wt_shim table = {WT_ABI,        TORCH_VERSION, version,     open_model, close_model, count,        info,      set_shape, stream_create,
                       stream_free,   map_tensor,    run_stream,  tell_graph, tell_profile, text_free,   extra};

} // namespace

void whet::run(wt_stream *s)
{
    const wt_options &o = s->m->options;
    const bool narrow = o.precision == WT_BF16 || o.precision == WT_F16;
    c10::InferenceMode inference(true);
    torch::jit::GraphOptimizerEnabledGuard optimise(o.optimisation != WT_OFF);
    prepare_thread(o);
    std::vector<c10::IValue> in;
    in.reserve(s->in.size());
    for (const at::Tensor &t : s->in) in.emplace_back(narrow && t.is_floating_point() ? t.to(type_of(o)) : t);
    s->out.clear();
    flatten(s->m->module.forward(std::move(in)), narrow, s->out);
    if (s->out.size() != s->m->io[1].size())
        throw std::runtime_error("the model gave " + std::to_string(s->out.size()) + " tensors, its code told of " + std::to_string(s->m->io[1].size()));
}

extern "C" __attribute__((visibility("default"))) const wt_shim *whet_libtorch_shim(void);
extern "C" const wt_shim *whet_libtorch_shim(void) { return &table; }
