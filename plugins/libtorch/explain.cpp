// SPDX-License-Identifier: Apache-2.0
// What LibTorch really runs: the graph after its passes, and the time of each operator of one run (its own RecordFunction
// callbacks, outermost operators only).
#include "shim.hpp"

#include <ATen/record_function.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <chrono>
#include <cstdio>

namespace jit = torch::jit;

namespace {

std::string json_text(const std::string &s)
{
    std::string out = "\"";
    char hex[8];
    for (const char c : s) {
        if (c == '"' || c == '\\') out += '\\';
        if ((unsigned char)c < 0x20) {
            snprintf(hex, sizeof hex, "\\u%04x", c);
            out += hex;
        } else {
            out += c;
        }
    }
    return out + "\"";
}

const char *precision_of(const jit::Node *n, const wt_model *m)
{
    for (const jit::Value *v : n->outputs()) {
        const auto t = v->type()->cast<c10::TensorType>();
        if (!t || !t->scalarType()) continue;
        return *t->scalarType() == at::kBFloat16 ? "bf16" : *t->scalarType() == at::kHalf ? "f16" : *t->scalarType() == at::kFloat ? "f32" : "other";
    }
    return m->options.precision == WT_BF16 ? "bf16" : m->options.precision == WT_F16 ? "f16" : "f32";
}

void add_nodes(const jit::Block *b, const wt_model *m, std::string &out)
{
    for (const jit::Node *n : b->nodes()) {
        const std::string kind = n->kind().toQualString();
        const bool bookkeeping = kind == "prim::Constant" || kind == "prim::GetAttr" || kind == "prim::ListConstruct" || kind == "prim::NumToTensor";
        if (!bookkeeping) {
            out += out.back() == '[' ? "" : ",";
            out += "{\"name\":" + json_text(n->outputs().empty() ? kind : n->output(0)->debugName()) + ",\"type\":" + json_text(kind) + ",\"precision\":\"" +
                   precision_of(n, m) + "\",\"ms\":null,\"origin\":" + json_text(n->scopeName()) + "}";
        }
        for (const jit::Block *inner : n->blocks()) add_nodes(inner, m, out);
    }
}

struct entry { std::string name; std::chrono::steady_clock::time_point start; double ms; };
thread_local std::vector<entry> *entries;
thread_local int depth;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &f)
{
    if (entries != nullptr && depth++ == 0) entries->push_back({f.name(), std::chrono::steady_clock::now(), 0});
    return nullptr;
}

void end(const at::RecordFunction &, at::ObserverContext *)
{
    if (entries == nullptr || --depth != 0 || entries->empty()) return;
    entries->back().ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - entries->back().start).count();
}

} // namespace

std::string whet::executed_graph(wt_model *m)
{
    const std::shared_ptr<jit::Graph> g = m->module.get_method("forward").graph()->copy();
    std::string out = "{\"nodes\":[";
    jit::Inline(*g);
    add_nodes(g->block(), m, out);
    return out + "]}";
}

std::string whet::profile(wt_stream *s)
{
    std::vector<entry> list;
    char number[64];
    std::string out = "{\"nodes\":[";
    entries = &list;
    depth = 0;
    const at::CallbackHandle handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION}));
    try {
        run(s);
    } catch (...) {
        at::removeCallback(handle);
        entries = nullptr;
        throw;
    }
    at::removeCallback(handle);
    entries = nullptr;
    for (size_t i = 0; i < list.size(); i++) {
        snprintf(number, sizeof number, "%.6f", list[i].ms);
        out += (i > 0 ? ",{\"name\":" : "{\"name\":") + json_text(std::to_string(i)) + ",\"type\":" + json_text(list[i].name) +
               ",\"precision\":\"" + (s->m->options.precision == WT_BF16 ? "bf16" : s->m->options.precision == WT_F16 ? "f16" : "f32") + "\",\"ms\":" + number +
               ",\"origin\":\"\"}";
    }
    return out + "]}";
}
