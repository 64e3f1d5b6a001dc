// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS2_MASKS_H_
#define RNNSERVE_CORE_IMPORT_KERAS2_MASKS_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Keras 2 gives a recurrent layer the mask of its input even where it is called with an initial
// state; Keras 3 does so only for a mask that is passed. So this passes it: for every such call in
// the configuration of a Functional, whose calls must have the form of Keras 3, it looks for the
// Embedding or Masking that the mask comes from, and adds the functions that compute it.
//
// Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, naming the layer, if the mask comes through a
// layer that changes it: one of several inputs, or a model.
absl::Status WriteOutKeras2Masks(nlohmann::json& functional_config, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS2_MASKS_H_
