// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_POOLING_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_POOLING_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/window.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.AveragePooling1D and MaxPooling1D: the mean or the maximum of every window of
// timesteps, feature by feature. Padding counts in neither. Masks are not looked at and end here;
// it cannot stream. Immutable; safe to share.
class Pooling final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override {
    return window_.OutputTime(input_times[0]);
  }
  bool can_stream() const override { return false; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Pooling(const KerasConfig& config, ValueSpec output, const Window& window, bool is_average);

  const Window window_;
  const bool is_average_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_POOLING_H_
