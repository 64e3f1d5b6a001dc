// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_EXTREMES_H_
#define RNNSERVE_CORE_LAYERS_EXTREMES_H_

namespace rnnserve {

// Return the larger or the smaller of two numbers, and NaN if either is NaN, as in TensorFlow.
struct Larger {
  float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};
struct Smaller {
  float operator()(float a, float b) const { return a < b || a != a ? a : b; }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_EXTREMES_H_
