// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_ACTIVATION_LAYER_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_ACTIVATION_LAYER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/activation.h"
#include "core/layers/last_axis_layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Activation: y = activation(x), of any shape; softmax and its like look at the
// vectors along the last axis. Immutable; safe to share.
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

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_ACTIVATION_LAYER_H_
