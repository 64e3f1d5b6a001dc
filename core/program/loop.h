// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_LOOP_H_
#define RNNSERVE_CORE_PROGRAM_LOOP_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "core/program/limits.h"

namespace rnnserve {

// One axis of nested loops: its extent and the steps of `kViews` views along it, in elements.
template <size_t kViews>
struct LoopAxis {
  int64_t extent = 1;
  std::array<int64_t, kViews> strides{};
};

// Calls body(offsets) for all positions of `axes`, the last axis fastest. `offsets` holds the
// offset of each view. REQUIRES: there are at most 2 * kProgramRankMax axes.
template <size_t kViews, typename Body>
void ForEachPosition(absl::Span<const LoopAxis<kViews>> axes, Body body) {
  std::array<int64_t, 2 * kProgramRankMax> position{};
  std::array<int64_t, kViews> offsets{};
  for (const LoopAxis<kViews>& axis : axes) {
    if (axis.extent == 0) return;
  }
  while (true) {
    body(offsets);
    size_t i = axes.size();
    while (true) {
      if (i == 0) return;
      --i;
      const LoopAxis<kViews>& axis = axes[i];
      for (size_t v = 0; v < kViews; ++v) offsets[v] += axis.strides[v];
      if (++position[i] < axis.extent) break;
      position[i] = 0;
      for (size_t v = 0; v < kViews; ++v) offsets[v] -= axis.extent * axis.strides[v];
    }
  }
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_LOOP_H_
