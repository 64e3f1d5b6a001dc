// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_INPUT_LAYER_H_
#define RNNSERVE_CORE_MODEL_INPUT_LAYER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/layers/value_spec.h"

namespace rnnserve {

// The contents of a serialized keras.layers.InputLayer, which describes one input of a model.
struct InputLayer {
  std::string name;
  // The extents after the batch axis; there is at least one. An extent that each call decides is
  // nullopt.
  std::vector<std::optional<int64_t>> extents;
  bool is_integer = false;
};

// Reads an InputLayer. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_TOO_LARGE;
// UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for a sparse or ragged input or an unsupported dtype.
// The text names the layer.
absl::StatusOr<InputLayer> ReadInputLayer(const KerasConfig& layer);

// Returns the spec of the input. [batch, time, ...] is a sequence, and so is [batch, time] if it
// holds one number for each timestep (`is_numbers`), such as a token id. Only the layers that read
// the input tell it from a vector [batch, features]. Errors: as for ReadInputLayer.
absl::StatusOr<ValueSpec> SpecOf(const KerasConfig& layer, const InputLayer& input,
                                 bool is_numbers);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_INPUT_LAYER_H_
