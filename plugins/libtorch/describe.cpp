// SPDX-License-Identifier: Apache-2.0
// Names, types and shapes of inputs and outputs. TorchScript has no place for shapes: they are those that the file says it was
// traced with (its batch left free), else what the first layer behind an input tells of it, else not known.
#include "shim.hpp"

#include <torch/csrc/jit/passes/inliner.h>

#include <cstdio>
#include <stdexcept>

namespace jit = torch::jit;

namespace {

const struct { at::ScalarType torch; int onnx; } types[] = {
    {at::kFloat, 1}, {at::kByte, 2}, {at::kChar, 3},  {at::kShort, 5}, {at::kInt, 6},
    {at::kLong, 7},  {at::kBool, 9}, {at::kHalf, 10}, {at::kDouble, 11}, {at::kBFloat16, 16}};

void name(wt_tensor &t, const std::string &text) { snprintf(t.name, sizeof t.name, "%s", text.c_str()); }

void unknown(wt_tensor &t)
{
    memset(&t, 0, sizeof t);
    t.dtype = 1;
    t.rank = -1;
}

bool take_type(wt_tensor &t, const c10::TypePtr &type)
{
    const auto tensor = type->cast<c10::TensorType>();
    if (!tensor) return false;
    if (tensor->scalarType()) t.dtype = whet::onnx_type(*tensor->scalarType());
    const auto sizes = tensor->sizes().concrete_sizes();
    if (!sizes || sizes->size() > WT_MAX_RANK) return false;
    t.rank = (int)sizes->size();
    for (int d = 0; d < t.rank; d++) t.dims[d] = (*sizes)[(size_t)d];
    if (t.rank > 0) t.dims[0] = -1;
    return true;
}

// A weight that the graph reads: an attribute of the module or a constant. None if it is computed.
c10::optional<at::Tensor> weight_of(const jit::Value *v, const jit::Graph &g, const jit::Module &root)
{
    std::vector<std::string> path;
    if (v->node()->kind() == c10::prim::Constant) {
        const auto c = jit::toIValue(v);
        return c && c->isTensor() ? c10::make_optional(c->toTensor()) : c10::nullopt;
    }
    for (; v->node()->kind() == c10::prim::GetAttr; v = v->node()->input(0)) path.push_back(v->node()->s(c10::attr::name));
    if (path.empty() || v != g.inputs()[0]) return c10::nullopt;
    c10::IValue at = root._ivalue();
    for (auto p = path.rbegin(); p != path.rend(); ++p) at = at.toObjectRef().getAttr(*p);
    return at.isTensor() ? c10::make_optional(at.toTensor()) : c10::nullopt;
}

bool is(const jit::Node *n, const char *op) { return strcmp(n->kind().toQualString(), op) == 0; }

// What the consumers of an input say of its shape.
bool take_consumer(wt_tensor &t, const jit::Value *v, const jit::Graph &g, const jit::Module &root, int depth)
{
    static const char *const same_shape[] = {"aten::sub", "aten::add", "aten::mul", "aten::div", "aten::to", "aten::contiguous", "aten::type_as"};
    for (const jit::Use &use : v->uses()) {
        const jit::Node *n = use.user;
        const bool plain = is(n, "aten::conv2d"), full = is(n, "aten::_convolution") || is(n, "aten::convolution");
        if ((plain || full) && use.offset == 0) {
            const auto w = weight_of(n->input(1), g, root);
            const auto groups = jit::toIValue(n->input(plain ? 6 : 8));
            if (!w || w->dim() != 4 || !groups || !groups->isInt()) continue;
            t.rank = 4;
            for (int d = 0; d < 4; d++) t.dims[d] = -1;
            t.dims[1] = w->size(1) * groups->toInt();
            return true;
        }
        const bool linear = is(n, "aten::linear"), product = is(n, "aten::matmul") || is(n, "aten::mm");
        const bool bias_first = is(n, "aten::addmm") && use.offset == 1;
        if (((linear || product) && use.offset == 0) || bias_first) {
            const auto w = weight_of(n->input(bias_first ? 2 : 1), g, root);
            if (!w || w->dim() != 2) continue;
            t.rank = 2;
            t.dims[0] = -1;
            t.dims[1] = w->size(linear ? 1 : 0);
            return true;
        }
        for (const char *op : same_shape)
            if (use.offset == 0 && depth < 8 && is(n, op) && take_consumer(t, n->output(0), g, root, depth + 1)) return true;
    }
    return false;
}

void add_output(wt_model *m, const std::string &text, const c10::TypePtr &type)
{
    wt_tensor t;
    unknown(t);
    name(t, text);
    if (type != nullptr) take_type(t, type);
    m->io[1].push_back(t);
}

// Every tensor that a result of this type has: what the type does not tell (lists, dictionaries) the node that makes it does.
void add_outputs(wt_model *m, const jit::Value *v, const c10::TypePtr &type, const std::string &base)
{
    if (type->kind() == c10::TypeKind::TensorType) {
        add_output(m, base, type);
        return;
    }
    const jit::Node *n = v != nullptr ? v->node() : nullptr;
    if (n != nullptr && n->kind() == c10::prim::DictConstruct) {
        for (size_t i = 0; i + 1 < n->inputs().size(); i += 2) {
            const auto key = jit::toIValue(n->input(i));
            add_outputs(m, n->input(i + 1), n->input(i + 1)->type(), key && key->isString() ? key->toStringRef() : base + std::to_string(i / 2));
        }
        return;
    }
    if (n != nullptr && (n->kind() == c10::prim::TupleConstruct || n->kind() == c10::prim::ListConstruct)) {
        for (size_t i = 0; i < n->inputs().size(); i++) add_outputs(m, n->input(i), n->input(i)->type(), base + std::to_string(i));
        return;
    }
    const auto tuple = type->cast<c10::TupleType>();
    if (!tuple) throw std::runtime_error("forward returns a value of type " + type->str() + ", tensors or tuples of them are possible");
    for (size_t i = 0; i < tuple->elements().size(); i++) add_outputs(m, nullptr, tuple->elements()[i], base + std::to_string(i));
}

} // namespace

int whet::onnx_type(at::ScalarType t)
{
    for (const auto &r : types)
        if (r.torch == t) return r.onnx;
    return 0;
}

at::ScalarType whet::torch_type(int onnx)
{
    for (const auto &r : types)
        if (r.onnx == onnx) return r.torch;
    return at::kFloat;
}

void whet::fill(const at::Tensor &t, wt_tensor *info)
{
    info->dtype = onnx_type(t.scalar_type());
    info->rank = (int)std::min<int64_t>(t.dim(), WT_MAX_RANK);
    for (int d = 0; d < info->rank; d++) info->dims[d] = t.size(d);
    info->data = t.data_ptr();
    info->bytes = t.nbytes();
}

void whet::describe(wt_model *m, bool shapes_restored)
{
    const jit::Method forward = m->module.get_method("forward");
    const std::shared_ptr<jit::Graph> given = forward.graph(), flat = given->copy();
    const auto &arguments = forward.function().getSchema().arguments();
    jit::Inline(*flat);
    for (size_t i = 1; i < arguments.size() && i < given->inputs().size(); i++) {
        wt_tensor t;
        if (arguments[i].default_value()) break; // optional ones keep their default
        if (arguments[i].type()->kind() != c10::TypeKind::TensorType)
            throw std::runtime_error("input '" + arguments[i].name() + "' of forward is of type " + arguments[i].type()->str() + ", tensors are possible");
        unknown(t);
        name(t, arguments[i].name());
        if (!shapes_restored || !take_type(t, given->inputs()[i]->type())) take_consumer(t, flat->inputs()[i], *flat, m->module, 0);
        m->io[0].push_back(t);
    }
    for (const jit::Value *v : flat->outputs()) add_outputs(m, v, v->type(), "output");
    if (m->io[0].empty() || m->io[1].empty() || m->io[0].size() > WT_MAX_IO || m->io[1].size() > WT_MAX_IO)
        throw std::runtime_error("forward has " + std::to_string(m->io[0].size()) + " inputs and " + std::to_string(m->io[1].size()) +
                                 " outputs, 1 to " + std::to_string((int)WT_MAX_IO) + " are possible");
}
