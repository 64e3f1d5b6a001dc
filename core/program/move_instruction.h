// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_MOVE_INSTRUCTION_H_
#define RNNSERVE_CORE_PROGRAM_MOVE_INSTRUCTION_H_

#include <cstdint>
#include <vector>

#include "core/program/loop.h"
#include "core/program/row_instruction.h"
#include "core/program/strided_view.h"

namespace rnnserve {

// Copies the elements of one view to another.
class CopyInstruction final : public RowInstruction {
 public:
  CopyInstruction(Access result, const StridedView& to, Access operand, const StridedView& from);
  void Run(float* const* memory) const override;

 private:
  std::vector<LoopAxis<2>> axes_;
  int64_t inner_extent_;
  int64_t to_stride_;
  int64_t from_stride_;
};

// Gathers elements by a table: result[i] := operand[table[i]], or the element that `fill` refers to
// where table[i] is negative. The result is dense. A table with long runs is moved run by run.
class GatherInstruction final : public RowInstruction {
 public:
  GatherInstruction(Access result, Access operand, Access fill, std::vector<int32_t> table);
  void Run(float* const* memory) const override;

 private:
  // Elements `step` apart in the operand, or, if `from` is negative, copies of the fill.
  struct Part {
    int32_t count;
    int32_t from;
    int32_t step;
  };
  static std::vector<Part> PartsOf(const std::vector<int32_t>& table);

  std::vector<Part> parts_;
  std::vector<int32_t> table_;  // empty if the parts are worth it
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_MOVE_INSTRUCTION_H_
