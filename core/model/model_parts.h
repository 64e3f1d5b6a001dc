// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_MODEL_PARTS_H_
#define RNNSERVE_CORE_MODEL_MODEL_PARTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Returns whether the class is a model of Keras, Sequential or Functional, which can be a layer of
// another model.
bool IsModelClass(absl::string_view class_name);

// Checks every layer and cell of a serialized model at any depth: its class, its name, its sizes
// against limits.h, and its dtype.
//
// Errors: UNIMPLEMENTED, reason LAYER_UNSUPPORTED or CELL_UNSUPPORTED, with the names of all layers
// and cells whose class is not registered, or OPTION_UNSUPPORTED, for an unsupported dtype;
// INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_TOO_LARGE, with the name of the layer.
absl::Status CheckModelParts(const KerasConfig& model, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_MODEL_PARTS_H_
