// SPDX-License-Identifier: Apache-2.0
// What the shim's files share.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <string>
#include <vector>

#include "shim.h"

struct wt_model {
    std::shared_ptr<torch::jit::CompilationUnit> unit;
    torch::jit::Module module;
    std::vector<wt_tensor> io[2];
    wt_options options;
    std::string extra;
    wt_stream *last; // the youngest one: what profile() runs
};

struct wt_stream {
    wt_model *m;
    std::vector<at::Tensor> in, out;
};

namespace whet {
// What the file and its code tell of inputs and outputs; shapes that they were traced with included.
void describe(wt_model *m, bool shapes_restored);
void take_extra(wt_model *m); // what whet's own files tell of them
int onnx_type(at::ScalarType t); // 0: has none
at::ScalarType torch_type(int onnx);
void fill(const at::Tensor &t, wt_tensor *info);
std::string executed_graph(wt_model *m);
std::string profile(wt_stream *s);
void run(wt_stream *s);
} // namespace whet
