// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS2_CALLS_H_
#define RNNSERVE_CORE_IMPORT_KERAS2_CALLS_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Converts the calls in the configuration of a Keras 2 Functional to the form of Keras 3; see
// ConvertKeras2Config. The layers stay as they are. Models among the layers may still have the
// class name `Model`.
//
// Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, with the name of the layer whose calls are
// invalid.
absl::Status ConvertKeras2Calls(nlohmann::json& functional_config, const LayerRegistry& registry);

// Returns whether Keras 2 passes states and constants to layers of this class as further inputs.
bool TakesKeras2States(const LayerRegistry& registry, absl::string_view class_name);

// Returns output `tensor` of call number `call` of a layer, in the form that Keras 3 writes to
// `inbound_nodes`.
nlohmann::json KerasTensor(const nlohmann::json& layer, const nlohmann::json& call,
                           const nlohmann::json& tensor);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS2_CALLS_H_
