// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/finite.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rnnserve {

bool AllFinite(absl::Span<const float> values) {
  // The exponent of infinities and NaNs is all ones, so adding one to it carries into the sign bit.
  // The loop therefore takes only three vector instructions. It needs no branch, and no integer
  // maximum, for which SSE2 has no instruction.
  uint32_t carries = 0;
  for (const float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    carries |= (bits & 0x7f800000u) + 0x00800000u;
  }
  return carries >> 31 == 0;
}

bool AllStatesFinite(const StateLayout& layout, const float* block) {
  return std::all_of(layout.tensors.begin(), layout.tensors.end(),
                     [block](const StateLayout::Tensor& tensor) {
                       return AllFinite({block + tensor.offset, static_cast<size_t>(tensor.size)});
                     });
}

}  // namespace rnnserve
