// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_IDENTITY_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_IDENTITY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {

class LayerRegistry;

// y = x: keras.layers.Identity, and ActivityRegularization, which adds to a loss alone. Immutable;
// safe to share.
class Identity final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  Identity(const KerasConfig& config, ValueSpec output);

  void Apply(ConstColumns x, Columns y) const override;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_IDENTITY_H_
