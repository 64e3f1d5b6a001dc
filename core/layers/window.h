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

// The window that a convolution or a pooling moves along time. Position t of output covers the
// timesteps t * stride + i * dilation - PadBefore(time) of input, i in [0, size); those that are
// not there are padding.
//
//   valid   no padding: whole windows only
//   same    ceil(time / stride) windows; half of the padding in front, the odd one behind
//   causal  as many, with all padding in front: a window ends at its own timestep
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

  // Reads padding. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, for another name; "causal" is one
  // only if `allows_causal`.
  static absl::StatusOr<Padding> ParsePadding(const KerasConfig& config, bool allows_causal);
};

// What such a layer makes of [time, features] if it has `features` after. Errors: INVALID_ARGUMENT,
// reason MODEL_CONFIG, if no window fits into the time that the model fixes.
absl::StatusOr<ValueSpec> WindowOutput(const KerasConfig& config, const Window& window,
                                       const ValueSpec& input, int64_t features);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_WINDOW_H_
