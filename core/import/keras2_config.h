// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS2_CONFIG_H_
#define RNNSERVE_CORE_IMPORT_KERAS2_CONFIG_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Converts a serialized Keras 2 model (keras, tf.keras or tf-keras) to the Keras 3 form:
//
//  - `Model` becomes Functional. A Sequential that is a bare list gets a config around it, and an
//    InputLayer if only its first layer has the shape of the input.
//  - Calls, [[layer, call, tensor, keyword arguments], ...], become {"args", "kwargs"}, and the
//    calls of models are counted from 0. States and constants, which Keras 2 passes to a recurrent
//    layer as further inputs, become keyword arguments.
//  - hard_sigmoid becomes "hard_sigmoid_v1", because in Keras 2 it is a different function,
//    clip(0.2 x + 0.5).
//  - Options whose names or defaults have changed are converted: reset_after, alpha of LeakyReLU,
//    and the axis of a BatchNormalization if it is a list of one. A Bidirectional gets the
//    backward_layer that Keras 2 left out, and zero_output_for_mask in both layers.
//  - The options time_major, batch_input_shape and input_length are removed.
//
// If a recurrent layer is called with an initial state, Keras 2 keeps the mask of the input, and
// Keras 3 does not. For such calls the mask is added, with the operations that Keras 3 uses for it.
//
// Errors: INVALID_ARGUMENT, reason MODEL_CONFIG; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for
// options that Keras 3 no longer has. The text names the layer.
absl::StatusOr<nlohmann::json> ConvertKeras2Config(nlohmann::json model,
                                                   const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS2_CONFIG_H_
