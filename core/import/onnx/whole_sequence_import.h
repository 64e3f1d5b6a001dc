// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_WHOLE_SEQUENCE_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_ONNX_WHOLE_SEQUENCE_IMPORT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"

namespace rnnserve {

// Turns a graph that runs recurrences over whole sequences into a model of layers (LayeredModel):
// one layer for each direction of an LSTM, GRU or RNN, also backwards, with the lengths of rows and
// with initial states from the inputs. A model that runs backwards needs its sequences whole.
//
// That is right only if the rest of the graph treats every timestep alike. So the model is compared
// with the whole graph, on random sequences of two lengths, and of `fixed_time` timesteps if the file
// was made for that many (OpenFixedTime). Errors: see ImportOnnx; UNIMPLEMENTED,
// reason ONNX_TIME, if the two differ, with the output, the timestep and both numbers.
absl::StatusOr<Bundle> ImportWholeSequences(const OnnxModel& model, const OnnxOptions& options,
                                            const LayerRegistry& registry, int64_t fixed_time = 0);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_WHOLE_SEQUENCE_IMPORT_H_
