// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_RESHAPE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_RESHAPE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Reshape and keras.layers.Flatten, and the operation ExpandDims: the elements of a
// row stay in order, row-major, and are counted by other axes. Of three axes or more with the batch
// the second is time; two are a vector. The mask ends here.
//
//   Reshape       config target_shape; one extent may be -1
//   Flatten       [...] -> [all elements]
//   ExpandDims    config axis; puts an axis of extent 1 there
//
// It can stream if it leaves the time axis as it is, as Reshape((-1, 2, 3)) does with [time, 6].
// Where the model does not fix the number of timesteps, a run of another one than the output needs
// is refused (output_time). Immutable; safe to share.
class Reshape final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory. UNIMPLEMENTED, reason OPTION_UNSUPPORTED, if another axis
  // of the output than time depends on the number of timesteps.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return keeps_time_; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  static absl::StatusOr<Axes> TargetShape(const KerasConfig& config, const ValueSpec& input);
  static absl::StatusOr<Axes> ExpandedShape(const KerasConfig& config, const ValueSpec& input);

  Reshape(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output);

  const int64_t input_elements_;   // of a timestep
  const int64_t output_elements_;  // of a timestep
  const bool keeps_time_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_RESHAPE_H_
