// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_TIME_DISTRIBUTED_H_
#define RNNSERVE_CORE_LAYERS_TIME_DISTRIBUTED_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/cells/keras_config.h"
#include "core/cells/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.TimeDistributed: another layer, built for [batch, features], applied to every
// timestep by itself, [features] -> its output. Only layers without states can be inside. Weights:
// those of the inner layer below "layer". Owns the inner layer. Immutable; safe to share.
class TimeDistributed final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return layer_->num_parameters(); }
  int64_t scratch_size(int64_t batch, int64_t time) const override {
    return layer_->scratch_size(batch, time);
  }
  void Run(const LayerRun& run) const override { layer_->Run(run); }

 private:
  TimeDistributed(const KerasConfig& config, ValueSpec output, std::unique_ptr<Layer> layer);

  const std::unique_ptr<Layer> layer_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_TIME_DISTRIBUTED_H_
