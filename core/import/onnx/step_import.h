// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_STEP_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_ONNX_STEP_IMPORT_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// Turns a graph whose states are inputs and outputs into the program of one step of one row. Its
// inputs, states and outputs have the names of the graph's. `states` is the result of PairStates.
// Errors: see ImportOnnx.
absl::StatusOr<ProgramBuilder::Result> ImportStep(const OnnxModel& model,
                                                  const OnnxOptions& options,
                                                  const std::map<std::string, std::string>& states);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_STEP_IMPORT_H_
