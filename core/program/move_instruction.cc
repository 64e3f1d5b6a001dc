// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/move_instruction.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rnnserve {

CopyInstruction::CopyInstruction(Access result, const StridedView& to, Access operand,
                                 const StridedView& from)
    : RowInstruction({result, operand}) {
  const LoopNest nest({to, from}, LoopNest::Order::kOfMemory);
  inner_extent_ = nest.inner_extent();
  to_stride_ = nest.inner_stride(0);
  from_stride_ = nest.inner_stride(1);
  for (int i = 0; i + 1 < nest.rank(); ++i) {
    const auto axis = static_cast<size_t>(i);
    axes_.push_back({nest.extents[axis], {nest.strides[0][axis], nest.strides[1][axis]}});
  }
}

void CopyInstruction::Run(float* const* memory) const {
  float* const result = At(memory, 0);
  const float* const operand = At(memory, 1);
  ForEachPosition<2>(axes_, [&](const std::array<int64_t, 2>& offsets) {
    float* const to = result + offsets[0];
    const float* const from = operand + offsets[1];
    if (to_stride_ == 1 && from_stride_ == 1) {
      std::memcpy(to, from, static_cast<size_t>(inner_extent_) * sizeof(float));
    } else {
      // As integers, because moving a float through some registers changes the bits of a NaN.
      for (int64_t i = 0; i < inner_extent_; ++i) {
        std::memcpy(to + i * to_stride_, from + i * from_stride_, sizeof(float));
      }
    }
  });
}

GatherInstruction::GatherInstruction(Access result, Access operand, Access fill,
                                     std::vector<int32_t> table)
    : RowInstruction({result, operand, fill}), parts_(PartsOf(table)) {
  // Shorter runs are not worth their loops.
  constexpr size_t kMeanRunMin = 4;
  if (parts_.size() * kMeanRunMin <= table.size()) return;
  parts_.clear();
  table_ = std::move(table);
}

std::vector<GatherInstruction::Part> GatherInstruction::PartsOf(const std::vector<int32_t>& table) {
  std::vector<Part> parts;
  for (const int32_t from : table) {
    if (!parts.empty()) {
      Part& last = parts.back();
      const bool is_fill = from < 0 && last.from < 0;
      const bool is_next = from >= 0 && last.from >= 0 && last.count > 1 &&
                           from == last.from + last.count * last.step;
      const bool is_second = from >= 0 && last.from >= 0 && last.count == 1;
      if (is_second) last.step = from - last.from;
      if (is_fill || is_next || is_second) {
        ++last.count;
        continue;
      }
    }
    parts.push_back({1, from, 0});
  }
  return parts;
}

void GatherInstruction::Run(float* const* memory) const {
  float* result = At(memory, 0);
  const float* const operand = At(memory, 1);
  const float* const fill = At(memory, 2);
  for (const Part& part : parts_) {
    const float* const from = part.from < 0 ? fill : operand + part.from;
    if (part.step == 1) {
      std::memcpy(result, from, static_cast<size_t>(part.count) * sizeof(float));
    } else {
      for (int64_t i = 0; i < part.count; ++i) {
        std::memcpy(result + i, from + i * part.step, sizeof(float));
      }
    }
    result += part.count;
  }
  for (size_t i = 0; i < table_.size(); ++i) {
    const float* const from = table_[i] < 0 ? fill : operand + table_[i];
    std::memcpy(result + i, from, sizeof(float));
  }
}

}  // namespace rnnserve
