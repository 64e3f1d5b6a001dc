// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_ELEMENT_AFFINE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_ELEMENT_AFFINE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {

class LayerRegistry;

// Layers that multiply every element by a number and add another, of any shape: y = x * scale +
// offset.
//
//   keras.layers.BatchNormalization   with the moving statistics, as at inference:
//       scale = gamma / sqrt(moving_variance + epsilon)    offset = beta - moving_mean * scale
//   keras.layers.Rescaling            config scale, offset: numbers, or lists along the last axis
//
// Weights of BatchNormalization: "gamma" if scale, "beta" if center, "moving_mean",
// "moving_variance", and with renorm "moving_stddev", "renorm_mean" and "renorm_stddev", which only
// training needs; each has the extent of its axis, which may be any but the batch and time. Owns
// its weights. Immutable; safe to share.
class ElementAffine final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  // In training a BatchNormalization takes the statistics of the batch, unless it is frozen
  // (`trainable` false).
  std::string no_training_reason() const override { return no_training_reason_; }

 private:
  // What every element is multiplied by, and what is added to it.
  struct Coefficients;

  static absl::StatusOr<Coefficients> BatchNormalization(const KerasConfig& config,
                                                         const ValueSpec& input,
                                                         WeightSource& weights);
  static absl::StatusOr<Coefficients> Rescaling(const KerasConfig& config, const ValueSpec& input);

  ElementAffine(const KerasConfig& config, const ValueSpec& input, const Coefficients& coefficients,
                std::string no_training_reason);

  void Apply(ConstColumns x, Columns y) const override;

  const AlignedBuffer scale_;   // [PaddedRows(elements)]
  const AlignedBuffer offset_;  // the same
  const int64_t num_parameters_;
  std::string no_training_reason_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_ELEMENT_AFFINE_H_
