// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_PANEL_RANGE_H_
#define RNNSERVE_CORE_KERNELS_PANEL_RANGE_H_

#include <algorithm>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/base/team.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// Panels of a matrix (kernels/matrix.h): the units [begin, end) * kColumnQuantum.
struct PanelRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Steps that read fewer bytes of weights are not shared: handing them out would take longer than it
// saves. KERNELS.md has the measurement.
constexpr int64_t kMinSharedBytes = int64_t{1} << 20;

// What a step reads of `weights`: nothing if their product with x is known already.
inline int64_t BytesRead(const Matrix& weights, ConstColumns x) {
  return x.rows == 0 ? 0 : weights.bytes();
}

// `bytes`, those of a step's weights, if the step is worth being shared; else 0.
inline int64_t ShareableBytes(int64_t bytes) { return bytes < kMinSharedBytes ? 0 : bytes; }

// Calls step(range) for ranges that are together the panels [0, num_panels), each once: all at once
// on this thread, or, if there is a team and the step reads so many bytes of weights that it is
// worth it, several on all members of the team. What a range computes may not depend on another.
inline void SharePanels(Team* team, int64_t num_panels, int64_t weight_bytes,
                        absl::FunctionRef<void(PanelRange)> step) {
  // As many panels as any step sums at once.
  constexpr int64_t kPanelsOfPiece = 8;
  if (team == nullptr || ShareableBytes(weight_bytes) == 0) return step({0, num_panels});
  const int64_t num_pieces = (num_panels + kPanelsOfPiece - 1) / kPanelsOfPiece;
  team->Run(num_pieces, [&](int64_t i) {
    step({i * kPanelsOfPiece, std::min((i + 1) * kPanelsOfPiece, num_panels)});
  });
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PANEL_RANGE_H_
