// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_GLOBAL_POOLING_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_GLOBAL_POOLING_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.GlobalAveragePooling1D and GlobalMaxPooling1D: one vector of all timesteps,
// [time, features] -> [features], or [1, features] with keepdims.
//
// The mean is that of the timesteps that count (none: NaN, as in Keras); the maximum knows no mask.
// The mask ends here. It streams, as the layer carries what it has seen, in no state that clients
// see; with keepdims it cannot, as then there is a timestep for many.
//
//   state column:  | sum or maximum . | number of timesteps . |      . = padding to kColumnQuantum
//
// Immutable; safe to share.
class GlobalPooling final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> /*input_times*/) const override { return 1; }
  bool can_stream() const override { return !output().has_time; }
  int64_t state_size() const override;
  void OnStatesReplaced(float* column) const override;
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  GlobalPooling(const KerasConfig& config, ValueSpec output, bool is_average);

  const bool is_average_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_GLOBAL_POOLING_H_
