// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_ROW_ELEMENTS_H_
#define RNNSERVE_CORE_LAYERS_ROW_ELEMENTS_H_

#include <algorithm>
#include <cstdint>

#include "core/layers/sequence.h"

namespace rnnserve {

// These functions treat a batch row of a sequence as one array of elements, row-major [time, rows],
// without the padding between the timesteps.

inline int64_t RowSize(const ConstSequence& x) { return x.time * x.rows; }

// Returns element i of row b. REQUIRES: i is in [0, RowSize(x)).
inline float RowElement(const ConstSequence& x, int64_t b, int64_t i) {
  return x.At(i / x.rows).column(b)[i % x.rows];
}

// Copies all elements of row b in order. REQUIRES: both rows have the same number of elements.
inline void CopyRow(const ConstSequence& from, const Sequence& to, int64_t b) {
  const int64_t size = RowSize(to);
  for (int64_t i = 0; i < size;) {
    const int64_t from_rest = from.rows - i % from.rows;
    const int64_t to_rest = to.rows - i % to.rows;
    const int64_t count = std::min(from_rest, to_rest);
    std::copy_n(from.At(i / from.rows).column(b) + i % from.rows, count,
                to.At(i / to.rows).column(b) + i % to.rows);
    i += count;
  }
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_ROW_ELEMENTS_H_
