// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_SEQUENTIAL_H_
#define RNNSERVE_CORE_MODEL_SEQUENTIAL_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/base/shape.h"
#include "core/cells/keras_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// What a serialized Keras Sequential says before any weight is read.
//
// A view: the JSON must outlive it. Immutable; safe to share.
struct SequentialDescription {
  // One timestep of input; [] if the input is [batch, time], which token ids are.
  Shape input_shape;
  // The layers behind the InputLayer.
  std::vector<KerasConfig> layers;
};

// Checks a serialized Sequential: its input, the names of its layers, the limits (limits.h), that
// every layer and cell in it is in the registry and that everything computes in float32.
//
// Errors: UNIMPLEMENTED, reason MODEL_UNSUPPORTED if it is no Sequential, LAYER_UNSUPPORTED or
// CELL_UNSUPPORTED naming every such layer or cell at once, OPTION_UNSUPPORTED (of the input, or
// another dtype); INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_TOO_LARGE, naming the layer.
absl::StatusOr<SequentialDescription> DescribeSequential(const KerasConfig& model,
                                                         const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_SEQUENTIAL_H_
