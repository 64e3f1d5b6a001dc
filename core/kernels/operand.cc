// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/operand.h"

#include <bit>
#include <utility>
#include <vector>

#include "core/kernels/isa.h"
#include "hwy/detect_compiler_arch.h"
#if HWY_ARCH_X86
#include "core/kernels/narrow_dot.h"
#endif

namespace rnnserve {
namespace {

// The largest buffer that a thread keeps for its next operand, in floats: 4 MiB, enough for 256
// columns of 4096 bfloat16 values.
constexpr int64_t kMaxSpareSize = 1 << 20;

#if HWY_ARCH_X86
// Returns the number of words that a converted column takes, or 0 if the weights are widened
// instead.
int64_t NarrowWords(const Matrix& weights, int64_t rows) {
  if (rows == 0 || !MultipliesNarrow(weights.type())) return 0;
  if (weights.type() == WeightType::kBfloat16) return weights.num_words();
  return rows <= kMaxInt8Inputs ? 2 * weights.num_words() : 0;
}

void Narrow(WeightType type, const float* x, int64_t count, float* words, float* scale) {
  if (type == WeightType::kBfloat16) {
    RoundToPairs(x, count, words);
  } else {
    *scale = RoundToBytes(x, count, words);
  }
}
#else
int64_t NarrowWords(const Matrix&, int64_t) { return 0; }
void Narrow(WeightType, const float*, int64_t, float*, float*) {}
#endif

// The buffers of operands that have been destroyed. A thread never keeps more of them than the
// largest number of operands that it has had at once, which is two or three in a step.
std::vector<AlignedBuffer>& SpareMemory() {
  thread_local std::vector<AlignedBuffer> spare;
  return spare;
}

// Returns a buffer of at least `size` floats.
AlignedBuffer TakeMemory(int64_t size) {
  std::vector<AlignedBuffer>& spare = SpareMemory();
  AlignedBuffer taken;
  if (!spare.empty()) {
    taken = std::move(spare.back());
    spare.pop_back();
  }
  if (taken.size() < size) {
    taken = AlignedBuffer(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(size))));
  }
  return taken;
}

}  // namespace

bool MultipliesNarrow(WeightType type) {
  const Isa isa = ActiveIsa();
  switch (type) {
    case WeightType::kFloat32:
      return false;
    case WeightType::kBfloat16:
      return isa == Isa::kAvx512Bf16;
    case WeightType::kInt8:
      return isa == Isa::kAvx512Vnni || isa == Isa::kAvx512Bf16;
  }
  return false;
}

Operand::Operand(const Matrix& weights, ConstColumns x) : columns_(x) {
  Reserve(weights, x.rows, x.cols);
  if (!is_narrow()) return;
  for (int64_t b = 0; b < x.cols; ++b) Convert(weights, x.column(b), x.rows, b);
}

Operand::Operand(const Matrix& weights, const ConstColumnGrid& x, int64_t first, int64_t count) {
  Reserve(weights, x.rows, count);
  if (!is_narrow()) return;
  GridPlace place(first, x.columns_of_row());
  for (int64_t c = 0; c < count; ++c, place.Next()) {
    Convert(weights, x.column(place.row(), place.i()), x.rows, c);
  }
}

void Operand::Reserve(const Matrix& weights, int64_t rows, int64_t cols) {
  const int64_t num_words = NarrowWords(weights, rows);
  if (num_words == 0) return;
  // Add one cache line for the scale.
  stride_ = PaddedRows(num_words) + kColumnQuantum;
  narrow_ = TakeMemory(stride_ * cols);
}

void Operand::Convert(const Matrix& weights, const float* column, int64_t rows, int64_t b) {
  float* const to = narrow_.data() + b * stride_;
  Narrow(weights.type(), column, rows, to, to + stride_ - kColumnQuantum);
}

Operand::~Operand() {
  if (is_narrow() && narrow_.size() <= kMaxSpareSize) SpareMemory().push_back(std::move(narrow_));
}

}  // namespace rnnserve
