// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS2_CONFIG_H_
#define RNNSERVE_CORE_IMPORT_KERAS2_CONFIG_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// A serialized model of Keras 2 (keras, tf.keras and tf-keras) in the form of Keras 3. What
// changes:
//
//  - `Model` is called Functional; a Sequential that is a bare list gets a config around it, and an
//    InputLayer where only its first layer knew the shape of the input;
//  - calls, [[layer, call, tensor, keyword arguments], ...], become {"args", "kwargs"}, and the
//    calls of models count from 0; the states and constants that a recurrent layer reads as further
//    inputs become keyword arguments;
//  - hard_sigmoid is another function, clip(0.2 x + 0.5): "hard_sigmoid_v1";
//  - options whose names or defaults changed: reset_after, LeakyReLU's alpha, a list for the one
//    axis of a BatchNormalization, Bidirectional's backward_layer and zeros for masked timesteps;
//  - options that say nothing new are left out: time_major, batch_input_shape, input_length.
//
// Keras 2 kept the mask of the input where a recurrent layer was given an initial state, which
// Keras 3 does not: there the mask is written out, by the functions that Keras 3 uses for it.
//
// Errors: INVALID_ARGUMENT, reason MODEL_CONFIG; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for
// options that Keras 3 no longer has; the text names the layer.
absl::StatusOr<nlohmann::json> ConvertKeras2Config(nlohmann::json model,
                                                   const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS2_CONFIG_H_
