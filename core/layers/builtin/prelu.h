// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_PRELU_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_PRELU_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.PReLU, element by element, of any shape: x if it is positive, else alpha * x.
//
// Weights: "alpha", of the shape of a row, with an extent of 1 for each of `shared_axes`. A layer
// that does not share the time axis has slopes for so many timesteps as the model must fix, and
// cannot stream. Owns its weights. Immutable; safe to share.
class Prelu final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return alpha_time_ == 1; }
  void Run(const LayerRun& run) const override;

 private:
  Prelu(const KerasConfig& config, const ValueSpec& input, absl::Span<const float> alpha,
        absl::Span<const int64_t> alpha_extents);

  const int64_t alpha_time_;  // the timesteps that alpha_ holds; 1 stands for all
  AlignedBuffer alpha_;       // [alpha_time_, elements of a timestep]
  const int64_t num_parameters_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_PRELU_H_
