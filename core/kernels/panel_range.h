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

// The panels [begin, end) of a matrix (kernels/matrix.h).
struct PanelRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Steps that read fewer bytes of weights are not shared, because handing out the pieces would take
// longer than it saves ("Several cores" in KERNELS.md).
constexpr int64_t kMinSharedBytes = int64_t{1} << 20;

// Returns how many bytes of `weights` a step reads: zero if x has no rows because it has been
// projected.
inline int64_t BytesRead(const Matrix& weights, ConstColumns x) {
  return x.rows == 0 ? 0 : weights.bytes();
}

// Returns `bytes`, the size of a step's weights, if the step is large enough to be shared, else 0.
inline int64_t ShareableBytes(int64_t bytes) { return bytes < kMinSharedBytes ? 0 : bytes; }

// Calls step(range) for ranges that together cover the panels [0, num_panels) once. If there is a
// team and the step reads enough weights, the team shares it in pieces of kPanelsOfPiece panels;
// else this thread makes one call for all panels. The result for a range must not depend on another
// range.
inline void SharePanels(Team* team, int64_t num_panels, int64_t weight_bytes,
                        absl::FunctionRef<void(PanelRange)> step) {
  // The largest number of panels that any step sums at once (PanelsAtOnce), so that sharing does
  // not slow a piece down.
  constexpr int64_t kPanelsOfPiece = 8;
  if (team == nullptr || ShareableBytes(weight_bytes) == 0) return step({0, num_panels});
  const int64_t num_pieces = (num_panels + kPanelsOfPiece - 1) / kPanelsOfPiece;
  team->Run(num_pieces, [&](int64_t i) {
    step({i * kPanelsOfPiece, std::min((i + 1) * kPanelsOfPiece, num_panels)});
  });
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PANEL_RANGE_H_
