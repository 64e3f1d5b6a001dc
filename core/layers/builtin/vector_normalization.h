// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_VECTOR_NORMALIZATION_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_VECTOR_NORMALIZATION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/last_axis_layer.h"

namespace rnnserve {

class LayerRegistry;

// Layers that scale every vector along the last axis, of any shape:
//
//   keras.layers.RMSNormalization    y = x / sqrt(mean(x^2) + epsilon) * scale
//   keras.layers.UnitNormalization   y = x / sqrt(sum(x^2)), zeros stay zeros
//
// Weights: "scale" [features] for RMSNormalization, at which, as in Keras, the mask ends. The sums
// are computed in float64. Owns its weights. Immutable; safe to share.
class VectorNormalization final : public LastAxisLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return scale_.size(); }
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  VectorNormalization(const KerasConfig& config, const ValueSpec& input, double epsilon,
                      AlignedBuffer scale);

  void Apply(ConstColumns x, Columns y, Team* team) const override;

  const double epsilon_;
  const AlignedBuffer scale_;  // empty for UnitNormalization
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_VECTOR_NORMALIZATION_H_
