// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_GROUP_NORMALIZATION_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_GROUP_NORMALIZATION_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.GroupNormalization: the features (the last axis) fall into groups of neighbours, and
// all elements of a row in one group are normalized together, those of every timestep too:
//
//   y = (x - mean) / sqrt(variance + epsilon) * gamma + beta          variance: of the population
//
// Masked timesteps count like any other; the mask is handed on. It can stream only if there is no
// time axis. Weights: "gamma" [features] if scale, "beta" [features] if center. Mean and variance
// are computed in float64. Owns its weights. Immutable; safe to share.
class GroupNormalization final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  bool can_stream() const override { return !output().has_time; }
  int64_t num_parameters() const override { return num_parameters_; }
  void Run(const LayerRun& run) const override;

 private:
  GroupNormalization(const KerasConfig& config, const ValueSpec& input, int64_t num_groups,
                     double epsilon);

  // One group of one row.
  void Normalize(const LayerRun& run, int64_t b, int64_t group) const;

  const int64_t num_features_;
  const int64_t group_size_;  // features
  const double epsilon_;
  AlignedBuffer gamma_;  // ones if there is none
  AlignedBuffer beta_;   // zeros if there is none
  int64_t num_parameters_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_GROUP_NORMALIZATION_H_
