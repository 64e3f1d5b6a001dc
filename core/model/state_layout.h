// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_STATE_LAYOUT_H_
#define RNNSERVE_CORE_MODEL_STATE_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/shape.h"

namespace rnnserve {

// The layout of the recurrent states of one batch row: one block of `size` floats. It is the same
// in a session, a batch and a snapshot, so that gathering and scattering are single copies.
//
//   | layer 0: h . | c . | carry . | layer 1: h . | carry . |      . = padding to kColumnQuantum
//
// Immutable; safe to share.
struct StateLayout {
  struct Tensor {
    std::string layer;
    std::string name;
    Shape shape;         // for one batch row
    int64_t offset = 0;  // floats from the beginning of the block
    int64_t size = 0;    // the number of elements of `shape`
  };

  // The states that clients see, layer by layer. Anything else that a layer carries comes after its
  // states.
  std::vector<Tensor> tensors;
  int64_t size = 0;

  int64_t bytes() const { return size * static_cast<int64_t>(sizeof(float)); }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_STATE_LAYOUT_H_
