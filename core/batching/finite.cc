// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/finite.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rnnserve {

bool AllFinite(absl::Span<const float> values) {
  // The exponent of infinities and NaNs is all ones. A maximum without a branch is what the
  // compiler turns into vector instructions.
  uint32_t largest = 0;
  for (const float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    largest = std::max(largest, bits & 0x7fffffffu);
  }
  return largest < 0x7f800000u;
}

bool AllStatesFinite(const StateLayout& layout, const float* block) {
  return std::all_of(layout.tensors.begin(), layout.tensors.end(),
                     [block](const StateLayout::Tensor& tensor) {
                       return AllFinite({block + tensor.offset, static_cast<size_t>(tensor.size)});
                     });
}

}  // namespace rnnserve
