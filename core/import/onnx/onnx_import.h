// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_ONNX_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_ONNX_ONNX_IMPORT_H_

#include "absl/status/statusor.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"

namespace rnnserve {

// Turns an ONNX model into a bundle that serves it row by row: the graph is specialized to a batch
// of one row, everything that does not depend on the inputs is computed, and what is left becomes a
// step program in a layer of a Functional, whose inputs and outputs have the names of the graph's.
// The states are the inputs whose next value is an output (state_pairs.h). A graph that has none, and
// runs a recurrence over whole sequences, becomes one such layer too (ImportSequence), or several
// (ImportWholeSequences).
//
// The bundle of a file is always the same. Its model has been built once, so it can be served.
//
// Errors: those of PairStates, PlanInputs, GraphConverter and BuildModel; UNIMPLEMENTED, reason
// ONNX_TIME, for a recurrence over time beside operations that look at other timesteps;
// INVALID_ARGUMENT, reason ONNX_STATES, if the model has no states and no recurrence.
absl::StatusOr<Bundle> ImportOnnx(const OnnxModel& model, const OnnxOptions& options,
                                  const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_ONNX_IMPORT_H_
