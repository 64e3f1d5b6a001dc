// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS2_CALLS_H_
#define RNNSERVE_CORE_IMPORT_KERAS2_CALLS_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Rewrites the calls in the configuration of a Functional that Keras 2 serialized as Keras 3 writes
// them; see ConvertKeras2Config. The layers themselves stay as they are. Models among the layers
// may still be called `Model`.
//
// Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, naming the layer whose calls make no sense.
absl::Status ConvertKeras2Calls(nlohmann::json& functional_config, const LayerRegistry& registry);

// Whether Keras 2 passes layers of this class states and constants behind their input.
bool TakesKeras2States(const LayerRegistry& registry, absl::string_view class_name);

// A tensor as Keras 3 writes it into `inbound_nodes`: an output of a call of a layer.
nlohmann::json KerasTensor(const nlohmann::json& layer, const nlohmann::json& call,
                           const nlohmann::json& tensor);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS2_CALLS_H_
