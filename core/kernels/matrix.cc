// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/matrix.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <vector>

#include "core/kernels/prefetch.h"

namespace rnnserve {
namespace {

constexpr float kLargestInt8 = 127.0f;

// Returns the upper half of a finite float, rounded to nearest, ties to even.
uint32_t Bfloat16Bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

// Returns the integer that an int8 matrix stores for a weight.
int8_t Int8Weight(float weight, float scale) {
  return static_cast<int8_t>(std::nearbyint(weight / scale));
}

// Returns the bits of one weight, in the lowest bits of a word. `scale` is the scale of its unit.
uint32_t WeightBits(WeightType type, float weight, float scale) {
  switch (type) {
    case WeightType::kFloat32:
      return std::bit_cast<uint32_t>(weight);
    case WeightType::kBfloat16:
      return Bfloat16Bits(weight);
    case WeightType::kInt8:
      return static_cast<uint8_t>(Int8Weight(weight, scale));
  }
  return 0;
}

// Returns, for each column of `kernel`, [rows, cols] row-major, its largest absolute value divided
// by 127, or 1 if the column is all zeros.
AlignedBuffer ScalesOf(absl::Span<const float> kernel, int64_t cols) {
  AlignedBuffer scales(cols);
  for (size_t i = 0; i < kernel.size(); ++i) {
    float& scale = scales.data()[static_cast<int64_t>(i) % cols];
    scale = std::max(scale, std::fabs(kernel[i]) / kLargestInt8);
  }
  for (float& scale : scales.span()) {
    if (scale == 0.0f) scale = 1.0f;
  }
  return scales;
}

// Returns, for each column of `kernel`, -128 times the sum of its int8 weights, as the bits of a
// 32-bit integer. The sum may wrap around if there are more than kMaxInt8Inputs inputs; products do
// not use the offsets then.
AlignedBuffer OffsetsOf(absl::Span<const float> kernel, absl::Span<const float> scales) {
  std::vector<uint32_t> offsets(scales.size());
  for (size_t i = 0; i < kernel.size(); ++i) {
    const size_t col = i % scales.size();
    offsets[col] -= 128 * static_cast<uint32_t>(Int8Weight(kernel[i], scales[col]));
  }
  AlignedBuffer bits(static_cast<int64_t>(offsets.size()));
  std::transform(offsets.begin(), offsets.end(), bits.data(),
                 [](uint32_t offset) { return std::bit_cast<float>(offset); });
  return bits;
}

}  // namespace

Matrix::Matrix(absl::Span<const float> kernel, int64_t input_size, int64_t blocks, int64_t units,
               WeightType type)
    : type_(type),
      input_size_(input_size),
      blocks_(blocks),
      units_(units),
      words_(num_words() * blocks * PaddedRows(units)),
      prefetch_distance_(PrefetchDistance(words_.size() * int64_t{sizeof(float)})) {
  assert(static_cast<int64_t>(kernel.size()) == input_size * blocks * units);
  const int64_t cols = blocks * units;
  if (type == WeightType::kFloat32) {
    for (int64_t row = 0; row < input_size * blocks; ++row) {
      const float* const from = kernel.data() + row * units;
      for (int64_t p = 0; p < num_panels(); ++p) {
        const int64_t first = p * kColumnQuantum;
        std::copy_n(from + first, std::min(kColumnQuantum, units - first),
                    words_.data() + (p * input_size * blocks + row) * kColumnQuantum);
      }
    }
    return;
  }
  const AlignedBuffer scales = type == WeightType::kInt8 ? ScalesOf(kernel, cols) : AlignedBuffer();
  const int per_word = WeightsPerWord(type);
  for (int64_t k = 0; k < input_size; ++k) {
    for (int64_t col = 0; col < cols; ++col) {
      const int64_t unit = col % units;
      const int64_t row =
          (unit / kColumnQuantum * num_words() + k / per_word) * blocks + col / units;
      float& word = words_.data()[row * kColumnQuantum + unit % kColumnQuantum];
      const float scale = type == WeightType::kInt8 ? scales.data()[col] : 1.0f;
      const uint32_t bits = WeightBits(type, kernel[static_cast<size_t>(k * cols + col)], scale);
      const auto shift = static_cast<unsigned>(k % per_word * (32 / per_word));
      word = std::bit_cast<float>(std::bit_cast<uint32_t>(word) | bits << shift);
    }
  }
  if (type != WeightType::kInt8) return;
  scales_ = PackBias(scales.span(), blocks, units);
  offsets_ = PackBias(OffsetsOf(kernel, scales.span()).span(), blocks, units);
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
