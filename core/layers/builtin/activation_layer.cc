// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/activation.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/last_axis_layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Activation: y = activation(x), for any shape. Activations such as softmax work on
// each vector along the last axis. Immutable; safe to share.
class ActivationLayer final : public LastAxisLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  ActivationLayer(const KerasConfig& config, const ValueSpec& input, Activation activation);

  void Apply(ConstColumns x, Columns y, Team* team) const override;

  const Activation activation_;
};

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

}  // namespace

void RegisterActivation(LayerRegistry& registry) {
  registry.Register("Activation", ActivationLayer::Create,
                    {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
