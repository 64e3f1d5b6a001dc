// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BROADCAST_H_
#define RNNSERVE_CORE_LAYERS_BROADCAST_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer.h"

namespace rnnserve {

// Joins the shapes of several tensors as Keras' merging layers do: a tensor with fewer axes gets
// axes of extent 1 after the batch axis, and an extent of 1 is repeated to match any other. So a
// vector [batch, n] is combined with every timestep of a sequence [batch, time, n]. A value type.
class Broadcast {
 public:
  // Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if extents differ; UNIMPLEMENTED, reason
  // OPTION_UNSUPPORTED, if a time axis would be joined with an axis that is not time.
  static absl::StatusOr<Broadcast> Create(const KerasConfig& config,
                                          absl::Span<const ValueSpec> inputs);

  const ValueSpec& output() const { return output_; }

  // Returns the number of output timesteps; 0 if two inputs have different numbers of timesteps,
  // neither of which is 1.
  int64_t OutputTime(absl::Span<const int64_t> input_times) const;

  // Returns whether an input has a single timestep that is repeated for all timesteps of another.
  // Then the timesteps cannot be fed one by one.
  bool repeats_timestep() const { return repeats_timestep_; }

  // Returns, for each element of an output timestep, the index of the element of input k, within a
  // timestep, that it is computed from. Empty if the shapes are equal.
  absl::Span<const int32_t> source(size_t k) const { return sources_[k]; }

 private:
  ValueSpec output_;
  bool repeats_timestep_ = false;
  std::vector<std::vector<int32_t>> sources_;
};

// Return input k of a merging layer, and its mask.
inline const ConstSequence& InputOf(const LayerRun& run, size_t k) {
  return k == 0 ? run.x : run.more_x[k - 1];
}
inline const Mask& MaskOf(const LayerRun& run, size_t k) {
  return k == 0 ? run.mask : run.more_masks[k - 1];
}

// Returns timestep t of an input, or its only timestep if it has just one.
inline ConstColumns TimestepOf(const ConstSequence& x, int64_t t) {
  return x.At(x.time == 1 ? 0 : t);
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BROADCAST_H_
