// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_SOFTMAX_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_SOFTMAX_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Softmax over the last axis of every timestep, [..., features] -> the same:
//
//   y_i = exp(x_i - max x) / sum_j exp(x_j - max x)
//
// Keras gives the entries that a mask leaves out the value 0, but its mask must fit the features;
// the mask [batch, time] of a sequence it can only refuse. Here that mask is read as [batch, time,
// 1]: a masked timestep gives zeros. (Dense or Activation with softmax compute it like any other.)
// Immutable; safe to share.
class Softmax final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t scratch_size(int64_t batch, int64_t time) const override;
  void Run(const LayerRun& run) const override;

 private:
  Softmax(const KerasConfig& config, const ValueSpec& input);

  const int64_t num_features_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_SOFTMAX_H_
