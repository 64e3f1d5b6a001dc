// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_VALUE_SPEC_H_
#define RNNSERVE_CORE_LAYERS_VALUE_SPEC_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/shape.h"

namespace rnnserve {

// The shape of a tensor between two layers, as far as it is known before a model runs. A Keras
// tensor of shape
//
//   [batch, 7, 5]   is {shape [5], has_time true, time 7}
//   [batch, T, 5]   is {shape [5], has_time true}            T differs from call to call
//   [batch, 5]      is {shape [5], has_time false}
//   [batch, T]      is {shape [], has_time true}             token ids, or one number per timestep
//
// A value type.
struct ValueSpec {
  Shape shape;  // of one timestep; of the whole row if there is no time axis
  bool has_time = true;
  std::optional<int64_t> time;  // the number of timesteps, if the model fixes it

  // The number of axes as Keras counts them: batch, time and the axes of `shape`.
  int rank() const { return 1 + (has_time ? 1 : 0) + shape.rank(); }

  // Returns a copy of this spec with the shape `other`.
  ValueSpec WithShape(Shape other) const { return {std::move(other), has_time, time}; }

  friend bool operator==(const ValueSpec& a, const ValueSpec& b) {
    return a.shape == b.shape && a.has_time == b.has_time && a.time == b.time;
  }
  friend bool operator!=(const ValueSpec& a, const ValueSpec& b) { return !(a == b); }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_VALUE_SPEC_H_
