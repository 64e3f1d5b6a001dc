// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/activation_layer.h"

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"

namespace rnnserve {

ActivationLayer::ActivationLayer(const KerasConfig& config, const ValueSpec& input,
                                 Activation activation)
    : LastAxisLayer(config, input, input), activation_(activation) {}

absl::StatusOr<std::unique_ptr<Layer>> ActivationLayer::Create(const LayerRegistry& /*registry*/,
                                                               const KerasConfig& config,
                                                               const ValueSpec& input,
                                                               WeightSource& /*weights*/) {
  RNNSERVE_RETURN_IF_ERROR(LastExtent(config, input).status());
  RNNSERVE_ASSIGN_OR_RETURN(const Activation activation,
                            config.ActivationOr("activation", Activation::kLinear));
  return absl::WrapUnique(new ActivationLayer(config, input, activation));
}

void ActivationLayer::Apply(ConstColumns x, Columns y, Team* /*team*/) const {
  Copy(x, y);
  Activate(activation_, y);
}

}  // namespace rnnserve
