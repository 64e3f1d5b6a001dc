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

// What a serialized keras.layers.InputLayer says of one input of a model.
struct InputLayer {
  std::string name;
  // Behind the batch axis; nothing where a call decides. At least one.
  std::vector<std::optional<int64_t>> extents;
  bool is_integer = false;
};

// Errors: INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_TOO_LARGE; UNIMPLEMENTED, reason
// OPTION_UNSUPPORTED, for a sparse or ragged input or another dtype; the text names the layer.
absl::StatusOr<InputLayer> ReadInputLayer(const KerasConfig& layer);

// What the model reads there: [batch, time, ...] is a sequence, and so is [batch, time] of token
// ids, which only the layers behind it can tell from [batch, features], a vector. Errors: as above.
absl::StatusOr<ValueSpec> SpecOf(const KerasConfig& layer, const InputLayer& input,
                                 bool is_token_ids);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_INPUT_LAYER_H_
