// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_MASKING_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_MASKING_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Masking, [features] -> [features]: a timestep whose features all equal mask_value
// does not count. Its output is zeros, and the mask that this layer makes replaces that of the
// input. The comparison is exact, in float32. Immutable; safe to share.
class Masking final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Masking(const KerasConfig& config, ValueSpec output, float mask_value);

  // Whether the timestep of that column counts.
  bool Counts(ConstColumns x, int64_t b) const;

  const float mask_value_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_MASKING_H_
