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
int64_t NarrowWords(const Matrix& weights, ConstColumns x) {
  if (x.rows == 0 || !MultipliesNarrow(weights.type())) return 0;
  if (weights.type() == WeightType::kBfloat16) return weights.num_words();
  return x.rows <= kMaxInt8Inputs ? 2 * weights.num_words() : 0;
}

void Narrow(WeightType type, const float* x, int64_t count, float* words, float* scale) {
  if (type == WeightType::kBfloat16) {
    RoundToPairs(x, count, words);
  } else {
    *scale = RoundToBytes(x, count, words);
  }
}
#else
int64_t NarrowWords(const Matrix&, ConstColumns) { return 0; }
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
  const int64_t num_words = NarrowWords(weights, x);
  if (num_words == 0) return;
  // Add one cache line for the scale.
  stride_ = PaddedRows(num_words) + kColumnQuantum;
  narrow_ = TakeMemory(stride_ * x.cols);
  for (int64_t b = 0; b < x.cols; ++b) {
    float* const column = narrow_.data() + b * stride_;
    Narrow(weights.type(), x.column(b), x.rows, column, column + stride_ - kColumnQuantum);
  }
}

Operand::~Operand() {
  if (is_narrow() && narrow_.size() <= kMaxSpareSize) SpareMemory().push_back(std::move(narrow_));
}

}  // namespace rnnserve
