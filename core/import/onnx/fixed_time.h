// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_FIXED_TIME_H_
#define RNNSERVE_CORE_IMPORT_ONNX_FIXED_TIME_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"

namespace rnnserve {

// A model whose inputs were exported with a fixed number of timesteps, with that number left open.
// It is the model of the file only if its nodes do not depend on the number either, which whoever
// imports it has to check.
struct OpenedModel {
  OnnxModel model;
  int64_t time = 0;   // as in the file
  std::string input;  // the first input whose axis was opened
  int axis = 0;       // this axis
};

// Returns every way to take an extent of the inputs for the number of timesteps: it is above 1, no
// input has two axes of it, and it fits the options. At most 8. None, if an input has two open axes:
// then one of them is the batch and the other one is time.
std::vector<OpenedModel> OpenFixedTime(const OnnxModel& model, const OnnxOptions& options);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_FIXED_TIME_H_
