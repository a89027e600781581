// SPDX-License-Identifier: Apache-2.0
// Files that whet wrote tell names, types and shapes in extra/whet.json:
//   {"inputs": [{"name": "x", "type": "f32", "shape": ["N", 3, 224, 224]}], "outputs": ["y"], ...}
// Just that is read, everything else is stepped over; anything malformed ends the reading and what was read so far counts.
#include "shim.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct reader { const char *p, *end; int depth; };

void space(reader &r)
{
    while (r.p < r.end && strchr(" \t\r\n", *r.p) != nullptr) r.p++;
}

bool take(reader &r, char c)
{
    space(r);
    if (r.p >= r.end || *r.p != c) return false;
    r.p++;
    return true;
}

// Escapes other than the plain ones do not occur in names that tensors have in TorchScript.
bool text(reader &r, std::string *out)
{
    std::string s;
    if (!take(r, '"')) return false;
    for (; r.p < r.end && *r.p != '"'; r.p++) {
        if (*r.p == '\\' && ++r.p >= r.end) return false;
        s += *r.p;
    }
    if (!take(r, '"')) return false;
    if (out != nullptr) *out = s;
    return true;
}

bool skip(reader &r)
{
    space(r);
    if (r.p >= r.end || r.depth > 50) return false;
    if (*r.p == '"') return text(r, nullptr);
    if (*r.p != '{' && *r.p != '[') {
        const char *from = r.p;
        while (r.p < r.end && strchr(",]} \t\r\n", *r.p) == nullptr) r.p++;
        return r.p > from;
    }
    const char close = *r.p++ == '{' ? '}' : ']';
    r.depth++;
    while (!take(r, close)) {
        if (close == '}' && (!text(r, nullptr) || !take(r, ':'))) return false;
        if (!skip(r)) return false;
        if (!take(r, ',') && (r.p >= r.end || *r.p != close)) return false;
    }
    r.depth--;
    return true;
}

bool shape(reader &r, wt_tensor &t)
{
    int n = 0;
    if (!take(r, '[')) return skip(r); // null: not known
    while (!take(r, ']')) {
        space(r);
        char *end = nullptr;
        const long long d = strtoll(r.p, &end, 10); // the text is NUL-terminated
        const bool number = end != r.p;
        if (n >= WT_MAX_RANK || !skip(r)) return false;
        t.dims[n++] = number ? d : -1;
        take(r, ',');
    }
    t.rank = n;
    return true;
}

int type_of(const std::string &s)
{
    static const struct { const char *name; int onnx; } rows[] = {{"f32", 1},  {"u8", 2},   {"s8", 3},   {"s16", 5},  {"s32", 6},
                                                                  {"s64", 7},  {"bool", 9}, {"f16", 10}, {"f64", 11}, {"bf16", 16}};
    for (const auto &row : rows)
        if (s == row.name) return row.onnx;
    return 0;
}

bool input(reader &r, wt_tensor &t)
{
    std::string key, value;
    if (!take(r, '{')) return false;
    while (!take(r, '}')) {
        if (!text(r, &key) || !take(r, ':')) return false;
        if (key == "shape") {
            if (!shape(r, t)) return false;
        } else if (key == "name" || key == "type") {
            if (!text(r, &value)) return false;
            if (key == "name") snprintf(t.name, sizeof t.name, "%s", value.c_str());
            if (key == "type" && type_of(value) != 0) t.dtype = type_of(value);
        } else if (!skip(r)) {
            return false;
        }
        take(r, ',');
    }
    return true;
}

bool list(reader &r, wt_model *m, int output)
{
    if (!take(r, '[')) return false;
    for (size_t i = 0; !take(r, ']'); i++) {
        std::string name;
        wt_tensor ignored{};
        wt_tensor &t = i < m->io[output].size() ? m->io[output][i] : ignored;
        if (output ? !text(r, &name) : !input(r, t)) return false;
        if (output) snprintf(t.name, sizeof t.name, "%s", name.c_str());
        take(r, ',');
    }
    return true;
}

} // namespace

void whet::take_extra(wt_model *m)
{
    reader r{m->extra.data(), m->extra.data() + m->extra.size(), 0};
    std::string key;
    if (!take(r, '{')) return;
    while (!take(r, '}')) {
        if (!text(r, &key) || !take(r, ':')) return;
        if (key != "inputs" && key != "outputs" ? !skip(r) : !list(r, m, key == "outputs")) return;
        take(r, ',');
    }
}
