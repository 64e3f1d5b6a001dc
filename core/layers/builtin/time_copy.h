// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_TIME_COPY_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_TIME_COPY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// Layers of which every timestep of output is one of the input, or zeros. The mask ends here, and
// none can stream.
//
//   keras.layers.Cropping1D      leaves out the first and the last timesteps
//   keras.layers.ZeroPadding1D   puts timesteps of zeros before and behind
//   keras.layers.UpSampling1D    repeats every timestep `size` times
//   keras.layers.RepeatVector    makes `n` timesteps of a vector
//
// Immutable; safe to share.
class TimeCopy final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return false; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  // Timestep t of output is timestep floor(t / repeat) - before of the input, if there is one.
  struct Options {
    int64_t repeat = 1;
    int64_t before = 0;  // timesteps added in front; negative if they are left out
    int64_t behind = 0;

    int64_t OutputTime(int64_t time) const { return before + time * repeat + behind; }
  };

  static absl::StatusOr<Options> ParseOptions(const KerasConfig& config);

  TimeCopy(const KerasConfig& config, const ValueSpec& output, const Options& options);

  const Options options_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_TIME_COPY_H_
