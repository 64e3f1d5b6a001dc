// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/matrix.h"

#include <algorithm>
#include <cassert>

namespace rnnserve {
Matrix::Matrix(absl::Span<const float> kernel, int64_t input_size, int64_t blocks, int64_t units)
    : weights_(input_size * blocks * PaddedRows(units)),
      input_size_(input_size),
      blocks_(blocks),
      units_(units) {
  assert(static_cast<int64_t>(kernel.size()) == input_size * blocks * units);
  const float* source = kernel.data();
  for (int64_t k = 0; k < input_size; ++k) {
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t unit = 0; unit < units; ++unit) {
        const int64_t panel = unit / kColumnQuantum;
        const int64_t row = (panel * input_size + k) * blocks + block;
        weights_.data()[row * kColumnQuantum + unit % kColumnQuantum] = *source++;
      }
    }
  }
}

AlignedBuffer PackBias(absl::Span<const float> bias, int64_t blocks, int64_t units) {
  AlignedBuffer packed(blocks * PaddedRows(units));
  assert(bias.empty() || static_cast<int64_t>(bias.size()) == blocks * units);
  for (int64_t block = 0; block < blocks && !bias.empty(); ++block) {
    std::copy_n(bias.data() + block * units, units, packed.data() + block * PaddedRows(units));
  }
  return packed;
}

}  // namespace rnnserve
