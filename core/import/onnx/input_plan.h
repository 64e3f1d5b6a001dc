// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_INPUT_PLAN_H_
#define RNNSERVE_CORE_IMPORT_ONNX_INPUT_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/shape.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"

namespace rnnserve {

// Describes what becomes of the inputs of a graph that is specialized to a batch of one row.
struct InputPlan {
  struct Input {
    std::string name;
    ElementType type = ElementType::kFloat32;
    Shape shape;                      // whole, with a batch of 1; empty if `fixed` has a value
    int batch_axis = -1;              // -1: there is none
    int time_axis = -1;               // -1: there is none, or the recurrence is not inside the file
    std::string next;                 // of a state: the output with its next value; else ""
    std::optional<OnnxTensor> fixed;  // the value that the options give it
  };
  std::vector<Input> inputs;            // in the order of the graph
  std::set<std::string> batch_symbols;  // the symbolic dimensions that are the batch
};

// Tells how long the time axes of a model become whose recurrence is inside the file.
struct TimeAxes {
  bool has_time = false;
  int64_t extent = 0;  // for time axes that the file leaves open
};

// Finds out the shape, batch axis and time axis of every input. `states` is the result of
// PairStates. Errors: INVALID_ARGUMENT, reason ONNX_SHAPES, if a shape is not known or two axes
// could be the batch and give rows of different shapes; the text names the flag that decides.
// INVALID_ARGUMENT, reason MODEL_CONFIG, if an option does not fit or names nothing.
absl::StatusOr<InputPlan> PlanInputs(const OnnxGraph& graph, const OnnxOptions& options,
                                     const std::map<std::string, std::string>& states,
                                     const TimeAxes& time);

// Returns the batch axis of an output of that whole shape; -1 if there is none. Errors: as
// PlanInputs.
absl::StatusOr<int> OutputBatchAxis(const OnnxValueInfo& output, const Shape& shape,
                                    const OnnxOptions& options,
                                    const std::set<std::string>& batch_symbols);

// Returns the shape of a row: without the batch axis, but with one axis at least.
Shape RowShape(const Shape& shape, int batch_axis);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_INPUT_PLAN_H_
