// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_CONCATENATE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_CONCATENATE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Concatenate: inputs that are alike but for one axis, joined along it. Along time it
// cannot stream, along any other axis every timestep is joined by itself.
//
// The mask, if any input has one, as Keras has it: an input without one counts in full; along time
// the masks are joined too, along another axis a timestep counts if it does in any input.
// Immutable; safe to share.
class Concatenate final : public Layer {
 public:
  // Errors: see LayerRegistry::MergeFactory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return !joins_time_; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Concatenate(const KerasConfig& config, ValueSpec output, bool joins_time, int64_t num_blocks);

  void JoinTime(const LayerRun& run) const;
  void JoinFeatures(const LayerRun& run) const;

  const bool joins_time_;
  // A timestep is so many blocks, each of which is joined: the steps of the axes before the joined.
  const int64_t num_blocks_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_CONCATENATE_H_
