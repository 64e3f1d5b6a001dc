// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_CONV1D_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_CONV1D_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/activation.h"
#include "core/kernels/matrix.h"
#include "core/layers/layer.h"
#include "core/layers/window.h"

namespace rnnserve {

class LayerRegistry;
struct ConvWeights;

// keras.layers.Conv1D, DepthwiseConv1D and SeparableConv1D: [time, features] -> [windows, filters],
//
//   y[t] = activation(b + sum_i x[t * strides + i * dilation_rate - padding in front] K[i])
//
// Weights: "kernel" [kernel_size, features / groups, filters], for DepthwiseConv1D [kernel_size,
// features, depth_multiplier]; SeparableConv1D has "depthwise_kernel" like that and
// "pointwise_kernel" [1, features * depth_multiplier, filters]; "bias" [filters] if use_bias. All
// become one dense kernel when they are loaded, with zeros between groups.
//
// Masks are not looked at and end here. It can stream if its padding is causal (or the kernel has
// one step) and it has no strides: then it carries the timesteps that later windows reach back to,
// in no state that clients see.
//
//   state column:  | x[-reach] . | ... | x[-1] . |          . = padding to kColumnQuantum
//
// Owns its weights. Immutable; safe to share.
class Conv1d final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t output_time(absl::Span<const int64_t> input_times) const override {
    return window_.OutputTime(input_times[0]);
  }
  bool can_stream() const override { return streams_; }
  int64_t state_size() const override { return history_time_ * PaddedRows(num_features_); }
  void OnStatesReplaced(float* column) const override;
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Conv1d(const KerasConfig& config, ValueSpec output, const Window& window, Activation activation,
         const ConvWeights& weights);

  // Timestep t of the input, of which those before 0 are in the state.
  ConstColumns TimestepOf(const LayerRun& run, int64_t t) const;
  // Leaves the last timesteps in the state.
  void KeepHistory(const LayerRun& run) const;

  const Window window_;
  const Activation activation_;
  const int64_t num_features_;
  const int64_t num_parameters_;
  const bool streams_;
  const int64_t history_time_;  // of the state
  std::vector<Matrix> kernel_;  // one for every step of the window
  const AlignedBuffer bias_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_CONV1D_H_
