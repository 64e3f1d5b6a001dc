// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS2_MASKS_H_
#define RNNSERVE_CORE_IMPORT_KERAS2_MASKS_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// If a recurrent layer is called with an initial state, Keras 2 still gives it the mask of its
// input; Keras 3 gives it only a mask that is passed as an argument. This function passes the mask:
// for each such call in the configuration of a Functional it finds the Embedding or Masking from
// which the mask comes, and adds the operations that compute it. The calls must have the form of
// Keras 3.
//
// Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, with the name of the layer, if the mask goes
// through a layer that may change it: one with several inputs, a model, or one whose
// LayerTraits::keras2_mask is kUnknown.
absl::Status WriteOutKeras2Masks(nlohmann::json& functional_config, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS2_MASKS_H_
