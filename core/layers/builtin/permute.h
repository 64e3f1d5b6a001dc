// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_PERMUTE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_PERMUTE_H_

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

// keras.layers.Permute: axis i of the output is axis dims[i] of the input (the batch is axis 0).
// The first axis of the output is its time. The mask ends here.
//
// It can stream if dims begins with 1: then the timesteps stay where they are. Else the model must
// fix their number. Immutable; safe to share.
class Permute final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return keeps_time_; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Permute(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output,
          absl::Span<const int> dims);

  const bool keeps_time_;
  const int64_t input_time_;  // 0 if any will do
  // For every element of an output timestep if that keeps its place, else of an output row: the
  // element of the input timestep or row.
  std::vector<int32_t> source_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_PERMUTE_H_
