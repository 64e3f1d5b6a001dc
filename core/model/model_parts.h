// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_MODEL_PARTS_H_
#define RNNSERVE_CORE_MODEL_MODEL_PARTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Whether that class of Keras is a model, which may be a layer of another: Sequential, Functional.
bool IsModelClass(absl::string_view class_name);

// Checks every layer and cell of a serialized model, however deep: that the registry has it, its
// name, its sizes against limits.h, its dtype.
//
// Errors: UNIMPLEMENTED, reason LAYER_UNSUPPORTED or CELL_UNSUPPORTED naming every such layer or
// cell at once, OPTION_UNSUPPORTED (another dtype); INVALID_ARGUMENT, reason MODEL_CONFIG or
// MODEL_TOO_LARGE, naming the layer.
absl::Status CheckModelParts(const KerasConfig& model, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_MODEL_PARTS_H_
