// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/reduce_instruction.h"

#include <algorithm>
#include <utility>

#include "core/kernels/vector_map.h"

namespace rnnserve {
namespace {

using Axis = ReduceLoops::Axis;
constexpr size_t kResult = ReduceLoops::kResult;
constexpr size_t kFirst = ReduceLoops::kFirst;
constexpr size_t kSecond = ReduceLoops::kSecond;

// Removes axes of extent 1, and joins an axis with the one before it where all views allow that.
void Simplify(std::vector<Axis>& axes) {
  std::vector<Axis> joined;
  for (const Axis& axis : axes) {
    if (axis.extent == 1) continue;
    bool joins = !joined.empty();
    for (size_t v = 0; v < 3; ++v) {
      joins = joins && joined.back().strides[v] == axis.strides[v] * axis.extent;
    }
    if (joins) {
      joined.back() = {joined.back().extent * axis.extent, axis.strides};
    } else {
      joined.push_back(axis);
    }
  }
  axes = std::move(joined);
}

// Returns the index of the longest reduced axis along which all operands are contiguous, or -1.
int AlongReduced(const std::vector<Axis>& reduced, size_t num_operands) {
  int best = -1;
  for (size_t i = 0; i < reduced.size(); ++i) {
    const Axis& axis = reduced[i];
    const bool fits =
        axis.strides[kFirst] == 1 && (num_operands == 1 || axis.strides[kSecond] == 1);
    if (fits && (best < 0 || axis.extent > reduced[static_cast<size_t>(best)].extent)) {
      best = static_cast<int>(i);
    }
  }
  return best;
}

bool FitsKept(const Axis& axis, size_t num_operands, bool is_swapped) {
  if (axis.strides[kResult] != 1) return false;
  if (num_operands == 1) return axis.strides[kFirst] == 1;
  return axis.strides[is_swapped ? kSecond : kFirst] == 1 &&
         axis.strides[is_swapped ? kFirst : kSecond] == 0;
}

// Returns the index of the kept axis for the vector, or -1, and which operand it runs along.
int AlongKept(const std::vector<Axis>& kept, size_t num_operands, bool* is_swapped) {
  for (size_t i = 0; i < kept.size(); ++i) {
    for (const bool swapped : {false, true}) {
      if ((swapped && num_operands == 1) || !FitsKept(kept[i], num_operands, swapped)) continue;
      *is_swapped = swapped;
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace

bool ReduceInstruction::HasVector(const ReduceLoops& loops, size_t num_operands) {
  ReduceLoops simple = loops;
  Simplify(simple.kept);
  Simplify(simple.reduced);
  bool is_swapped = false;
  return simple.reduced.empty() || AlongReduced(simple.reduced, num_operands) >= 0 ||
         AlongKept(simple.kept, num_operands, &is_swapped) >= 0;
}

ReduceInstruction::ReduceInstruction(Reduction reduction, std::vector<Access> accesses,
                                     ReduceLoops loops)
    : RowInstruction(std::move(accesses)), reduction_(reduction), loops_(std::move(loops)) {
  const size_t num_operands = num_accesses() - 1;
  Simplify(loops_.kept);
  Simplify(loops_.reduced);
  const int reduced = AlongReduced(loops_.reduced, num_operands);
  const int kept = AlongKept(loops_.kept, num_operands, &is_swapped_);
  const auto take = [](std::vector<Axis>& axes, int index) {
    const Axis axis = axes[static_cast<size_t>(index)];
    axes.erase(axes.begin() + index);
    return axis;
  };
  // A long vector is worth more than its kind.
  is_along_kept_ =
      kept >= 0 && (reduced < 0 || loops_.kept[static_cast<size_t>(kept)].extent >=
                                       loops_.reduced[static_cast<size_t>(reduced)].extent);
  if (is_along_kept_) {
    inner_ = take(loops_.kept, kept);
    if (!loops_.reduced.empty()) {
      rows_ = take(loops_.reduced, static_cast<int>(loops_.reduced.size()) - 1);
    }
  } else {
    if (reduced >= 0) inner_ = take(loops_.reduced, reduced);
    const bool has_rows = num_operands == 2 && loops_.reduced.empty() && !loops_.kept.empty();
    if (has_rows) rows_ = take(loops_.kept, static_cast<int>(loops_.kept.size()) - 1);
  }
}

void ReduceInstruction::Run(float* const* memory) const {
  if (is_along_kept_) return RunAlongKept(memory);
  RunAlongReduced(memory);
}

void ReduceInstruction::RunAlongReduced(float* const* memory) const {
  const bool is_dot = num_accesses() == 3;
  float* const result = At(memory, 0);
  const float* const first = At(memory, 1);
  const float* const second = is_dot ? At(memory, 2) : first;
  const auto combine = [this](float a, float b) {
    const float* const operands[] = {&a, &b};
    constexpr MapFunction kFunctions[] = {MapFunction::kAdd, MapFunction::kMax, MapFunction::kMin,
                                          MapFunction::kMul};
    float combined = 0.0f;
    Map(kFunctions[static_cast<int>(reduction_)], 0, operands, {}, 1, &combined);
    return combined;
  };
  if (is_dot && loops_.reduced.empty()) {
    return ForEachPosition<3>(loops_.kept, [&](const std::array<int64_t, 3>& at) {
      DotRows({first + at[kFirst], rows_.strides[kFirst], second + at[kSecond],
               rows_.strides[kSecond], rows_.extent, result + at[kResult], rows_.strides[kResult]},
              inner_.extent);
    });
  }
  ForEachPosition<3>(loops_.kept, [&](const std::array<int64_t, 3>& at) {
    bool goes_on = false;
    float total = 0.0f;
    ForEachPosition<3>(loops_.reduced, [&](const std::array<int64_t, 3>& inner) {
      const float* const a = first + at[kFirst] + inner[kFirst];
      const float part = is_dot
                             ? DotVectors(a, second + at[kSecond] + inner[kSecond], inner_.extent)
                             : ReduceVector(reduction_, a, inner_.extent);
      total = goes_on ? combine(total, part) : part;
      goes_on = true;
    });
    result[at[kResult]] = total;
  });
}

void ReduceInstruction::RunAlongKept(float* const* memory) const {
  const bool is_dot = num_accesses() == 3;
  float* const result = At(memory, 0);
  const float* const first = At(memory, 1);
  const float* const second = is_dot ? At(memory, 2) : first;
  ForEachPosition<3>(loops_.kept, [&](const std::array<int64_t, 3>& at) {
    bool goes_on = false;
    ForEachPosition<3>(loops_.reduced, [&](const std::array<int64_t, 3>& inner) {
      const float* const a = first + at[kFirst] + inner[kFirst];
      float* const to = result + at[kResult];
      if (!is_dot) {
        ReduceRows(reduction_, {a, rows_.strides[kFirst], rows_.extent}, goes_on, inner_.extent,
                   to);
      } else {
        const float* const b = second + at[kSecond] + inner[kSecond];
        const size_t along = is_swapped_ ? kSecond : kFirst;
        const size_t factor = is_swapped_ ? kFirst : kSecond;
        WeightedSum(is_swapped_ ? a : b, rows_.strides[factor],
                    {is_swapped_ ? b : a, rows_.strides[along], rows_.extent}, goes_on,
                    inner_.extent, to);
      }
      goes_on = true;
    });
  });
}

}  // namespace rnnserve
