// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/map_instruction.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rnnserve {

bool MapInstruction::CanRun(const std::vector<StridedView>& views) {
  const LoopNest nest(views, LoopNest::Order::kOfMemory);
  for (size_t v = 0; v < views.size(); ++v) {
    const int64_t stride = nest.inner_stride(v);
    if (stride != 1 && (stride != 0 || v == 0) && nest.inner_extent() > 1) return false;
  }
  return true;
}

MapInstruction::MapInstruction(MapFunction function, std::vector<Access> accesses,
                               const std::vector<StridedView>& views)
    : RowInstruction(std::move(accesses)), function_(function) {
  assert(static_cast<int>(views.size()) == 1 + NumOperands(function) && CanRun(views));
  const LoopNest nest(views, LoopNest::Order::kOfMemory);
  inner_extent_ = nest.inner_extent();
  for (int i = 0; i + 1 < nest.rank(); ++i) {
    LoopAxis<kViewsMax>& axis = axes_.emplace_back();
    axis.extent = nest.extents[static_cast<size_t>(i)];
    for (size_t v = 0; v < views.size(); ++v)
      axis.strides[v] = nest.strides[v][static_cast<size_t>(i)];
  }
  if (!axes_.empty()) {
    const LoopAxis<kViewsMax> rows = axes_.back();
    axes_.pop_back();
    rows_.count = rows.extent;
    rows_.result_stride = rows.strides[0];
    std::copy(rows.strides.begin() + 1, rows.strides.end(), rows_.strides);
  }
  for (size_t v = 0; v < views.size(); ++v) {
    if (v > 0 && nest.inner_stride(v) == 0) scalars_ |= 1u << (v - 1);
    can_replace_.push_back(nest.strides[v] == nest.strides[0]);
  }
}

void MapInstruction::Run(float* const* memory) const {
  const size_t num_operands = num_accesses() - 1;
  const float* starts[kMapOperandsMax];
  for (size_t k = 0; k < num_operands; ++k) starts[k] = At(memory, 1 + k);
  float* const result = At(memory, 0);
  if (axes_.empty()) return Map(function_, scalars_, starts, rows_, inner_extent_, result);
  ForEachPosition<kViewsMax>(axes_, [&](const std::array<int64_t, kViewsMax>& offsets) {
    const float* operands[kMapOperandsMax];
    for (size_t k = 0; k < num_operands; ++k) operands[k] = starts[k] + offsets[1 + k];
    Map(function_, scalars_, operands, rows_, inner_extent_, result + offsets[0]);
  });
}

void MapInstruction::RunRows(const RowTile& rows) const {
  if (!axes_.empty() || rows_.count > 1) return RowInstruction::RunRows(rows);
  MapRows batch_rows;
  batch_rows.count = rows.num_rows;
  batch_rows.result_stride = RowStride(rows, 0);
  const float* operands[kMapOperandsMax];
  for (size_t k = 0; k + 1 < num_accesses(); ++k) {
    operands[k] = At(rows.memory, 1 + k);
    batch_rows.strides[k] = RowStride(rows, 1 + k);
  }
  Map(function_, scalars_, operands, batch_rows, inner_extent_, At(rows.memory, 0));
}

bool MapInstruction::CanReplace(size_t access) const { return can_replace_[access]; }

}  // namespace rnnserve
