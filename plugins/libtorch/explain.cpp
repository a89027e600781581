// SPDX-License-Identifier: Apache-2.0
// What LibTorch really runs: the graph after its passes, and the time of each operator (its own RecordFunction callbacks,
// outermost operators only, the least of several runs), told apart by their order in the graph.
#include "shim.hpp"

#include <ATen/record_function.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <chrono>
#include <algorithm>
#include <cstdio>
#include <cstring>

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

bool is_bookkeeping(const jit::Node *n)
{
    static const char *const kinds[] = {"prim::Constant", "prim::GetAttr", "prim::ListConstruct", "prim::TupleConstruct", "prim::NumToTensor"};
    for (const char *k : kinds)
        if (strcmp(n->kind().toQualString(), k) == 0) return true;
    return false;
}

// The module whose weight a node takes, as whet's reader names the operator: "layer1.0.conv1/Conv". "" if it takes none.
std::string origin_of(const jit::Node *n)
{
    const std::string kind = n->kind().toQualString();
    const bool conv = kind.find("conv") != std::string::npos, product = kind == "aten::linear" || kind == "aten::matmul" || kind == "aten::addmm";
    std::string path;
    if ((!conv && !product) || n->inputs().size() < 2) return "";
    const jit::Value *w = n->input(kind == "aten::addmm" ? 2 : 1);
    if (w->node()->kind() == c10::prim::GetAttr) {
        for (const jit::Value *v = w; v->node()->kind() == c10::prim::GetAttr; v = v->node()->input(0))
            path = v->node()->s(c10::attr::name) + (path.empty() ? "" : "." + path);
    } else if (w->debugName().rfind("self.", 0) == 0) { // what freezing calls it
        path = w->debugName().substr(5);
    }
    const size_t end = path.rfind(".weight");
    if (path.empty() || end == std::string::npos) return "";
    return path.substr(0, end) + (conv ? "/Conv" : kind == "aten::addmm" ? "/Gemm" : "/MatMul");
}

const char *usual_precision(const wt_model *m)
{
    return m->options.precision == WT_BF16 ? "bf16" : m->options.precision == WT_F16 ? "f16" : "f32";
}

const char *precision_of(const jit::Node *n, const wt_model *m)
{
    for (const jit::Value *v : n->outputs()) {
        const auto t = v->type()->cast<c10::TensorType>();
        if (!t || !t->scalarType()) continue;
        return *t->scalarType() == at::kBFloat16 ? "bf16" : *t->scalarType() == at::kHalf ? "f16" : *t->scalarType() == at::kFloat ? "f32" : "other";
    }
    return usual_precision(m);
}

void collect(const jit::Block *b, std::vector<const jit::Node *> &out)
{
    for (const jit::Node *n : b->nodes()) {
        if (!is_bookkeeping(n)) out.push_back(n);
        for (const jit::Block *inner : n->blocks()) collect(inner, out);
    }
}

std::string node_json(const std::string &name, const std::string &type, const char *precision, double ms, const std::string &origin)
{
    char number[64] = "null";
    if (ms >= 0) snprintf(number, sizeof number, "%.6f", ms);
    return "{\"name\":" + json_text(name) + ",\"type\":" + json_text(type) + ",\"precision\":\"" + precision + "\",\"ms\":" + number +
           ",\"origin\":" + json_text(origin) + "}";
}

std::string name_of(const jit::Node *n) { return n->outputs().empty() ? n->kind().toQualString() : n->output(0)->debugName(); }

using clock_type = std::chrono::steady_clock;
struct entry { std::string name; clock_type::time_point start, end; };
struct timed { double ms, gap; }; // gap: since the one before ended
thread_local std::vector<entry> *entries;
thread_local int depth;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &f)
{
    if (entries != nullptr && depth++ == 0) entries->push_back({f.name(), clock_type::now(), {}});
    return nullptr;
}

void end(const at::RecordFunction &, at::ObserverContext *)
{
    if (entries == nullptr || --depth != 0 || entries->empty()) return;
    entries->back().end = clock_type::now();
}

double ms_between(clock_type::time_point a, clock_type::time_point b) { return std::chrono::duration<double, std::milli>(b - a).count(); }

// One run; what it called, with times and the time from the last call to the end.
double record(wt_stream *s, std::vector<entry> &list, std::vector<timed> &times)
{
    list.clear();
    entries = &list;
    depth = 0;
    clock_type::time_point last = clock_type::now();
    const at::CallbackHandle handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION}));
    try {
        whet::run(s);
    } catch (...) {
        at::removeCallback(handle);
        entries = nullptr;
        throw;
    }
    const clock_type::time_point done = clock_type::now();
    at::removeCallback(handle);
    entries = nullptr;
    times.clear();
    for (const entry &e : list) {
        times.push_back({ms_between(e.start, e.end), ms_between(last, e.start)});
        last = e.end;
    }
    return ms_between(last, done);
}

// The convolutions of optimize_for_inference call oneDNN without LibTorch's dispatcher, so no callback tells of them: they
// are what happens between their neighbours. Several in one gap have equal shares of it.
void add_silent(const wt_model *m, const std::vector<const jit::Node *> &silent, double gap, std::string &out)
{
    for (const jit::Node *n : silent)
        out += (out.back() == '[' ? "" : ",") + node_json(name_of(n), n->kind().toQualString(), precision_of(n, m), gap / (double)silent.size(), origin_of(n));
}

bool is_silent(const jit::Node *n)
{
    return strstr(n->kind().toQualString(), "mkldnn_conv") != nullptr || strstr(n->kind().toQualString(), "mkldnn_prepacked") != nullptr;
}

} // namespace

std::string whet::executed_graph(wt_model *m)
{
    const std::shared_ptr<jit::Graph> g = m->module.get_method("forward").graph()->copy();
    std::vector<const jit::Node *> nodes;
    std::string out = "{\"nodes\":[";
    jit::Inline(*g);
    collect(g->block(), nodes);
    for (const jit::Node *n : nodes)
        out += (out.back() == '[' ? "" : ",") + node_json(name_of(n), n->kind().toQualString(), precision_of(n, m), -1, origin_of(n));
    return out + "]}";
}

std::string whet::profile(wt_stream *s)
{
    enum { RUNS = 7 };
    const std::shared_ptr<jit::Graph> g = s->m->module.get_method("forward").graph()->copy();
    std::vector<const jit::Node *> nodes, silent;
    std::vector<entry> list;
    std::vector<timed> best, now;
    std::string out = "{\"nodes\":[";
    double tail = record(s, list, best);
    for (int i = 1; i < RUNS; i++) { // the least of each: what disturbs a run belongs to no node
        const double rest = record(s, list, now);
        if (now.size() != best.size()) {
            best = now;
            tail = rest;
            continue;
        }
        tail = std::min(tail, rest);
        for (size_t k = 0; k < now.size(); k++) best[k] = {std::min(best[k].ms, now[k].ms), std::min(best[k].gap, now[k].gap)};
    }
    jit::Inline(*g);
    collect(g->block(), nodes);
    size_t at = 0;
    for (size_t i = 0; i < list.size(); i++) {
        size_t found = at;
        while (found < nodes.size() && list[i].name != nodes[found]->kind().toQualString()) found++;
        silent.clear();
        for (size_t k = at; found < nodes.size() && k < found; k++)
            if (is_silent(nodes[k])) silent.push_back(nodes[k]);
        add_silent(s->m, silent, best[i].gap, out);
        const jit::Node *n = found < nodes.size() ? nodes[found] : nullptr; // not in the graph: called by one of its nodes
        out += (out.back() == '[' ? "" : ",") + node_json(n != nullptr ? name_of(n) : std::to_string(i), list[i].name,
                                                          n != nullptr ? precision_of(n, s->m) : usual_precision(s->m), best[i].ms, n != nullptr ? origin_of(n) : "");
        if (n != nullptr) at = found + 1;
    }
    silent.clear();
    for (size_t k = at; k < nodes.size(); k++)
        if (is_silent(nodes[k])) silent.push_back(nodes[k]);
    add_silent(s->m, silent, tail, out);
    return out + "]}";
}
