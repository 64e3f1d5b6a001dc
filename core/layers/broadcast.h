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

// How tensors of several shapes become one, as Keras' merging layers do it: one of fewer axes gets
// axes of extent 1 behind the batch, and an extent of 1 stands for any. So a vector [batch, n]
// meets every timestep of a sequence [batch, time, n]. A value type.
class Broadcast {
 public:
  // Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, for extents that differ; UNIMPLEMENTED, reason
  // OPTION_UNSUPPORTED, where a time axis meets one that is none.
  static absl::StatusOr<Broadcast> Create(const KerasConfig& config,
                                          absl::Span<const ValueSpec> inputs);

  const ValueSpec& output() const { return output_; }

  // The timesteps of output; 0 if those of the inputs differ otherwise than by being 1.
  int64_t OutputTime(absl::Span<const int64_t> input_times) const;

  // Whether an input has one timestep that stands for all: then the others cannot come one by one.
  bool repeats_timestep() const { return repeats_timestep_; }

  // For every element of an output timestep the element of the timestep of input k; empty if it is
  // the same.
  absl::Span<const int32_t> source(size_t k) const { return sources_[k]; }

 private:
  ValueSpec output_;
  bool repeats_timestep_ = false;
  std::vector<std::vector<int32_t>> sources_;
};

// Input k of a merging layer, and its mask.
inline const ConstSequence& InputOf(const LayerRun& run, size_t k) {
  return k == 0 ? run.x : run.more_x[k - 1];
}
inline const Mask& MaskOf(const LayerRun& run, size_t k) {
  return k == 0 ? run.mask : run.more_masks[k - 1];
}

// Timestep t of an input, of which one may stand for all.
inline ConstColumns TimestepOf(const ConstSequence& x, int64_t t) {
  return x.At(x.time == 1 ? 0 : t);
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BROADCAST_H_
