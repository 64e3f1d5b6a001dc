// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_WINDOW_H_
#define RNNSERVE_CORE_LAYERS_WINDOW_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer.h"

namespace rnnserve {

// The window that a convolution or a pooling layer moves along time. Output timestep t covers the
// input timesteps t * stride + i * dilation - PadBefore(time) for i in [0, size). Timesteps outside
// the input are padding.
//
//   valid   no padding: only whole windows
//   same    ceil(time / stride) windows; half of the padding goes before, an odd timestep after
//   causal  the same number of windows, all padding before: a window ends at its own timestep
//
// A value type.
struct Window {
  enum class Padding { kValid, kSame, kCausal };

  int64_t size = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  Padding padding = Padding::kValid;

  // The distance from the first to the last timestep of a window.
  int64_t reach() const { return (size - 1) * dilation; }
  int64_t OutputTime(int64_t time) const;
  int64_t PadBefore(int64_t time) const;

  // Reads the option `padding`. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, for an unknown name,
  // and for "causal" unless `allows_causal`.
  static absl::StatusOr<Padding> ParsePadding(const KerasConfig& config, bool allows_causal);
};

// Returns the output of a layer that moves the window over `input` and has `features` per output
// timestep. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if the model fixes the number of
// timesteps and no window fits into it.
absl::StatusOr<ValueSpec> WindowOutput(const KerasConfig& config, const Window& window,
                                       const ValueSpec& input, int64_t features);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_WINDOW_H_
