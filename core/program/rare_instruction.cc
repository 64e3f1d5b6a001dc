// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/rare_instruction.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/program/limits.h"

namespace rnnserve {
namespace {

int32_t Integer(float bits) { return std::bit_cast<int32_t>(bits); }
float FromInteger(int32_t value) { return std::bit_cast<float>(value); }

int64_t Extent(const Shape& shape, int64_t axis) { return shape[static_cast<int>(axis)]; }

// The elements along one axis of a dense value, for all positions of the other axes.
struct Lanes {
  Lanes(const Shape& shape, int64_t axis) : extent(Extent(shape, axis)) {
    for (int i = 0; i < shape.rank(); ++i) {
      if (i < axis) outer *= shape[i];
      if (i > axis) inner *= shape[i];
    }
  }
  int64_t num() const { return outer * inner; }
  // Returns the offset of the first element of lane i; the others are `inner` apart.
  int64_t First(int64_t i) const { return i / inner * extent * inner + i % inner; }

  int64_t outer = 1;
  int64_t extent;
  int64_t inner = 1;
};

// Compares elements; NaN is larger than every number.
struct Order {
  bool Less(float a, float b) const {
    if (type != ElementType::kFloat32) return Integer(a) < Integer(b);
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return a < b;
  }
  ElementType type;
};

using Position = std::array<int64_t, kProgramRankMax>;

// Calls body(position) for all positions of a box, the last axis fastest.
template <typename Body>
void ForEachIn(const int64_t* extents, int rank, Body body) {
  Position position{};
  for (int i = 0; i < rank; ++i) {
    if (extents[i] == 0) return;
  }
  while (true) {
    body(position);
    int i = rank;
    while (true) {
      if (i == 0) return;
      --i;
      if (++position[static_cast<size_t>(i)] < extents[i]) break;
      position[static_cast<size_t>(i)] = 0;
    }
  }
}

// Returns the offset of `position` in a box, or -1 if it is outside.
int64_t OffsetIn(const int64_t* extents, int rank, const Position& position) {
  int64_t offset = 0;
  for (int i = 0; i < rank; ++i) {
    const int64_t at = position[static_cast<size_t>(i)];
    if (at < 0 || at >= extents[i]) return -1;
    offset = offset * extents[i] + at;
  }
  return offset;
}

int64_t Product(const int64_t* extents, int rank) {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= extents[i];
  return product;
}

int32_t Combined(OpCode code, int32_t a, int32_t b) {
  switch (code) {
    case OpCode::kReduceSum:
      return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
    case OpCode::kReduceProd:
      return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
    case OpCode::kReduceMax:
      return std::max(a, b);
    case OpCode::kReduceMin:
      return std::min(a, b);
    case OpCode::kReduceAny:
      return a | b;
    default:
      return a & b;
  }
}

int32_t StartOf(OpCode code) {
  switch (code) {
    case OpCode::kReduceProd:
    case OpCode::kReduceAll:
      return 1;
    case OpCode::kReduceMax:
      return std::numeric_limits<int32_t>::min();
    case OpCode::kReduceMin:
      return std::numeric_limits<int32_t>::max();
    default:
      return 0;
  }
}

}  // namespace

RareInstruction::RareInstruction(OpCode code, const Attributes& attributes,
                                 std::vector<Program::Value> values, size_t num_results,
                                 std::vector<Access> accesses)
    : RowInstruction(std::move(accesses)),
      code_(code),
      attributes_(attributes),
      values_(std::move(values)),
      num_results_(num_results) {}

bool RareInstruction::Knows(OpCode code) {
  switch (code) {
    case OpCode::kTake:
    case OpCode::kTakeAlong:
    case OpCode::kScatterAlong:
    case OpCode::kReduceSum:
    case OpCode::kReduceMax:
    case OpCode::kReduceMin:
    case OpCode::kReduceProd:
    case OpCode::kReduceAny:
    case OpCode::kReduceAll:
    case OpCode::kArgMax:
    case OpCode::kArgMin:
    case OpCode::kCumSum:
    case OpCode::kSort:
    case OpCode::kTopK:
    case OpCode::kConvTranspose:
    case OpCode::kMaxPool:
    case OpCode::kSumPool:
      return true;
    default:
      return false;
  }
}

int64_t RareInstruction::WorkspaceSize(OpCode code, const Shape& operand) {
  // The order of the elements of one lane.
  const bool sorts = code == OpCode::kSort || code == OpCode::kTopK;
  return sorts ? operand.NumElements().value_or(0) : 0;
}

void RareInstruction::Run(float* const* memory) const {
  switch (code_) {
    case OpCode::kTake:
      return Take(memory);
    case OpCode::kTakeAlong:
      return TakeAlong(memory);
    case OpCode::kScatterAlong:
      return ScatterAlong(memory);
    case OpCode::kArgMax:
    case OpCode::kArgMin:
      return FindExtreme(memory);
    case OpCode::kCumSum:
      return SumUp(memory);
    case OpCode::kSort:
    case OpCode::kTopK:
      return Sort(memory);
    case OpCode::kConvTranspose:
      return ConvolveTransposed(memory);
    case OpCode::kMaxPool:
    case OpCode::kSumPool:
      return Pool(memory);
    default:
      return ReduceIntegers(memory);
  }
}

void RareInstruction::ReduceIntegers(float* const* memory) const {
  const Shape& shape = operand(0).shape;
  // The step of the result along each axis of the operand.
  std::array<int64_t, kProgramRankMax> strides{};
  int64_t stride = 1;
  for (int i = shape.rank(); i-- > 0;) {
    const bool is_reduced =
        std::find(attributes_.axes.begin(), attributes_.axes.end(), i) != attributes_.axes.end();
    if (is_reduced) continue;
    strides[static_cast<size_t>(i)] = stride;
    stride *= shape[i];
  }
  float* const result = Result(memory);
  const float* from = Operand(memory, 0);
  std::fill_n(result, stride, FromInteger(StartOf(code_)));
  ForEachIn(shape.extents().data(), shape.rank(), [&](const Position& position) {
    int64_t at = 0;
    for (int i = 0; i < shape.rank(); ++i) {
      at += position[static_cast<size_t>(i)] * strides[static_cast<size_t>(i)];
    }
    result[at] = FromInteger(Combined(code_, Integer(result[at]), Integer(*from++)));
  });
}

void RareInstruction::FindExtreme(float* const* memory) const {
  const Lanes lanes(operand(0).shape, attributes_.axis);
  const Order order{operand(0).type};
  const auto is_better = [&](float a, float b) {
    // NaN comes first, whether the largest or the smallest is wanted.
    const bool is_float = order.type == ElementType::kFloat32;
    if (is_float && (std::isnan(a) || std::isnan(b))) return std::isnan(a) && !std::isnan(b);
    return code_ == OpCode::kArgMax ? order.Less(b, a) : order.Less(a, b);
  };
  for (int64_t lane = 0; lane < lanes.num(); ++lane) {
    const float* const from = Operand(memory, 0) + lanes.First(lane);
    int64_t best = 0;
    for (int64_t i = 1; i < lanes.extent; ++i) {
      if (is_better(from[i * lanes.inner], from[best * lanes.inner])) best = i;
    }
    Result(memory)[lane] = FromInteger(static_cast<int32_t>(best));
  }
}

void RareInstruction::SumUp(float* const* memory) const {
  const Lanes lanes(operand(0).shape, attributes_.axis);
  const bool is_float = operand(0).type == ElementType::kFloat32;
  for (int64_t lane = 0; lane < lanes.num(); ++lane) {
    const float* const from = Operand(memory, 0) + lanes.First(lane);
    float* const to = Result(memory) + lanes.First(lane);
    float sum = 0.0f;  // also the bits of the integer 0
    for (int64_t i = 0; i < lanes.extent; ++i) {
      const int64_t at = (attributes_.reverse ? lanes.extent - 1 - i : i) * lanes.inner;
      const float next =
          is_float ? sum + from[at]
                   : FromInteger(Combined(OpCode::kReduceSum, Integer(sum), Integer(from[at])));
      to[at] = attributes_.exclusive ? sum : next;
      sum = next;
    }
  }
}

void RareInstruction::Sort(float* const* memory) const {
  const bool is_top = code_ == OpCode::kTopK;
  const Shape& shape = operand(0).shape;
  const Lanes lanes(shape, is_top ? shape.rank() - 1 : attributes_.axis);
  const int64_t kept = is_top ? attributes_.k : lanes.extent;
  const bool descending = is_top || attributes_.descending;
  const Order order{operand(0).type};
  auto* const sorted = reinterpret_cast<int32_t*>(At(memory, num_accesses() - 1));
  for (int64_t lane = 0; lane < lanes.num(); ++lane) {
    const int64_t first = lanes.First(lane);
    const float* const keys = Operand(memory, 0) + first;
    for (int64_t i = 0; i < lanes.extent; ++i) sorted[i] = static_cast<int32_t>(i);
    // The index decides between equal elements, so that the order is stable.
    std::sort(sorted, sorted + lanes.extent, [&](int32_t a, int32_t b) {
      const float x = keys[a * lanes.inner];
      const float y = keys[b * lanes.inner];
      if (order.Less(x, y)) return !descending;
      if (order.Less(y, x)) return descending;
      return a < b;
    });
    if (is_top) {
      for (int64_t i = 0; i < kept; ++i) {
        Result(memory, 0)[lane * kept + i] = keys[sorted[i]];
        Result(memory, 1)[lane * kept + i] = FromInteger(sorted[i]);
      }
      continue;
    }
    for (size_t k = 0; k < num_results_; ++k) {
      const float* const from = Operand(memory, k) + first;
      float* const to = Result(memory, k) + first;
      for (int64_t i = 0; i < kept; ++i) to[i * lanes.inner] = from[sorted[i] * lanes.inner];
    }
  }
}

void RareInstruction::Take(float* const* memory) const {
  const Lanes lanes(operand(0).shape, attributes_.axis);
  const int64_t count = operand(1).shape.NumElements().value_or(0);
  const float* const index = Operand(memory, 1);
  float* to = Result(memory);
  for (int64_t outer = 0; outer < lanes.outer; ++outer) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = std::clamp<int64_t>(Integer(index[i]), 0, lanes.extent - 1);
      std::memcpy(to, Operand(memory, 0) + (outer * lanes.extent + at) * lanes.inner,
                  static_cast<size_t>(lanes.inner) * sizeof(float));
      to += lanes.inner;
    }
  }
}

void RareInstruction::TakeAlong(float* const* memory) const {
  const Shape& shape = operand(0).shape;
  const Shape& indices = operand(1).shape;
  const float* index = Operand(memory, 1);
  float* to = Result(memory);
  ForEachIn(indices.extents().data(), indices.rank(), [&](Position position) {
    const auto axis = static_cast<size_t>(attributes_.axis);
    position[axis] = std::clamp<int64_t>(Integer(*index++), 0, Extent(shape, attributes_.axis) - 1);
    *to++ = Operand(memory, 0)[OffsetIn(shape.extents().data(), shape.rank(), position)];
  });
}

void RareInstruction::ScatterAlong(float* const* memory) const {
  const Shape& shape = operand(0).shape;
  const Shape& indices = operand(1).shape;
  const float* index = Operand(memory, 1);
  const float* from = Operand(memory, 2);
  float* const to = Result(memory);
  std::memcpy(to, Operand(memory, 0),
              static_cast<size_t>(shape.NumElements().value_or(0)) * sizeof(float));
  ForEachIn(indices.extents().data(), indices.rank(), [&](Position position) {
    const auto axis = static_cast<size_t>(attributes_.axis);
    position[axis] = std::clamp<int64_t>(Integer(*index++), 0, Extent(shape, attributes_.axis) - 1);
    to[OffsetIn(shape.extents().data(), shape.rank(), position)] = *from++;
  });
}

void RareInstruction::ConvolveTransposed(float* const* memory) const {
  const Attributes::Window& window = attributes_.window;
  const Shape& x = operand(0).shape;
  const Shape& kernel = operand(1).shape;
  const int rank = x.rank() - 1;
  const int64_t* const x_extents = x.extents().data() + 1;
  const int64_t* const k_extents = kernel.extents().data() + 2;
  const int64_t* const y_extents = result_shape().extents().data() + 1;
  const int64_t k_size = Product(k_extents, rank);
  const int64_t y_size = Product(y_extents, rank);
  const int64_t in_per_group = x[0] / window.groups;
  std::fill_n(Result(memory), result_shape().NumElements().value_or(0), 0.0f);
  const float* from = Operand(memory, 0);
  for (int64_t c = 0; c < x[0]; ++c) {
    ForEachIn(x_extents, rank, [&](const Position& position) {
      const float value = *from++;
      for (int64_t out = 0; out < kernel[1]; ++out) {
        float* const image = Result(memory) + (c / in_per_group * kernel[1] + out) * y_size;
        const float* weight = Operand(memory, 1) + (c * kernel[1] + out) * k_size;
        ForEachIn(k_extents, rank, [&](const Position& tap) {
          Position at{};
          for (size_t i = 0; i < static_cast<size_t>(rank); ++i) {
            at[i] =
                position[i] * window.strides[i] + tap[i] * window.dilations[i] - window.pads[i].low;
          }
          const int64_t offset = OffsetIn(y_extents, rank, at);
          if (offset >= 0) image[offset] += value * *weight;
          ++weight;
        });
      }
    });
  }
}

void RareInstruction::Pool(float* const* memory) const {
  const Attributes::Window& window = attributes_.window;
  const Shape& x = operand(0).shape;
  const int rank = x.rank() - 1;
  const int64_t* const x_extents = x.extents().data() + 1;
  const int64_t x_size = Product(x_extents, rank);
  const bool is_max = code_ == OpCode::kMaxPool;
  float* to = Result(memory);
  for (int64_t c = 0; c < x[0]; ++c) {
    const float* const image = Operand(memory, 0) + c * x_size;
    ForEachIn(result_shape().extents().data() + 1, rank, [&](const Position& position) {
      float total = is_max ? -std::numeric_limits<float>::infinity() : 0.0f;
      ForEachIn(window.size.data(), rank, [&](const Position& tap) {
        Position at{};
        for (size_t i = 0; i < static_cast<size_t>(rank); ++i) {
          at[i] =
              position[i] * window.strides[i] + tap[i] * window.dilations[i] - window.pads[i].low;
        }
        const int64_t offset = OffsetIn(x_extents, rank, at);
        if (offset < 0) return;
        if (!is_max) {
          total += image[offset];
        } else if (image[offset] > total || std::isnan(image[offset])) {
          total = image[offset];
        }
      });
      *to++ = total;
    });
  }
}

}  // namespace rnnserve
