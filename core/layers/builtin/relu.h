// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_RELU_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_RELU_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.ReLU and keras.layers.LeakyReLU, element by element, of any shape:
//
//   y = min(x, max_value)                        if x > threshold
//   y = negative_slope * (x - threshold)         otherwise
//
// LeakyReLU has the slope alone, 0.3 unless it says otherwise. Immutable; safe to share.
class Relu final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  struct Options {
    float negative_slope = 0.0f;
    float max_value = 0.0f;  // infinity if there is none
    float threshold = 0.0f;
  };

  static absl::StatusOr<Options> ParseOptions(const KerasConfig& config);

  Relu(const KerasConfig& config, ValueSpec output, const Options& options);

  void Apply(ConstColumns x, Columns y) const override;

  const Options options_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_RELU_H_
