// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_LAYER_NORMALIZATION_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_LAYER_NORMALIZATION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/last_axis_layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.LayerNormalization over every vector along the last axis, of any shape:
//
//   y = (x - mean) / sqrt(variance + epsilon) * gamma + beta          variance: of the population
//   y = x / sqrt(variance + epsilon) * gamma                          with rms_scaling
//
// Weights: "gamma" [features] if scale or rms_scaling, "beta" [features] if center and not
// rms_scaling. Mean and variance are computed in float64. Owns its weights. Immutable; safe to
// share.
class LayerNormalization final : public LastAxisLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }

 private:
  struct Options {
    double epsilon = 0.0;
    bool center = false;
    bool scale = false;
    bool rms_scaling = false;
  };

  static absl::StatusOr<Options> ParseOptions(const KerasConfig& config);

  LayerNormalization(const KerasConfig& config, const ValueSpec& input, const Options& options);

  void Apply(ConstColumns x, Columns y, Team* team) const override;

  const Options options_;
  AlignedBuffer gamma_;  // ones if there is none
  AlignedBuffer beta_;   // zeros if there is none
  int64_t num_parameters_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_LAYER_NORMALIZATION_H_
