// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_ELU_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_ELU_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.ELU, element by element, of any shape:
//
//   y = x if x > 0, else alpha * (exp(x) - 1)
//
// Immutable; safe to share.
class Elu final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  Elu(const KerasConfig& config, ValueSpec output, float alpha);

  void Apply(ConstColumns x, Columns y) const override;

  const float alpha_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_ELU_H_
