// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_MAP_INSTRUCTION_H_
#define RNNSERVE_CORE_PROGRAM_MAP_INSTRUCTION_H_

#include <cstdint>
#include <vector>

#include "core/kernels/vector_map.h"
#include "core/program/loop.h"
#include "core/program/row_instruction.h"
#include "core/program/strided_view.h"

namespace rnnserve {

// An elementwise function of floats, or of bits (kWhere): kernels/vector_map.h along the last two
// axes, and loops over the others.
class MapInstruction final : public RowInstruction {
 public:
  static constexpr size_t kViewsMax = 1 + kMapOperandsMax;

  // The first access and view are those of the result, the others those of the operands. All views
  // have the extents of the result. REQUIRES: CanRun(views).
  MapInstruction(MapFunction function, std::vector<Access> accesses,
                 const std::vector<StridedView>& views);

  // Returns whether the steps of all views along the last axis of their loops are 0 or 1.
  static bool CanRun(const std::vector<StridedView>& views);

  void Run(float* const* memory) const override;
  // Calls the kernel once for all rows, if the elements of each follow each other.
  void RunRows(const RowTile& rows) const override;
  bool CanReplace(size_t access) const override;

 private:
  const MapFunction function_;
  std::vector<LoopAxis<kViewsMax>> axes_;  // around the rows of one call of the kernel
  MapRows rows_;
  int64_t inner_extent_;
  unsigned scalars_ = 0;
  std::vector<bool> can_replace_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_MAP_INSTRUCTION_H_
