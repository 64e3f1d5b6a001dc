// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_INTEGER_MAP_INSTRUCTION_H_
#define RNNSERVE_CORE_PROGRAM_INTEGER_MAP_INSTRUCTION_H_

#include <cstdint>
#include <vector>

#include "core/program/loop.h"
#include "core/program/operation.h"
#include "core/program/row_instruction.h"
#include "core/program/strided_view.h"

namespace rnnserve {

// An elementwise operation whose operands are integers or truth values, or a cast between types,
// element by element. Integers wrap around. A division by zero gives zero, and so does its
// remainder.
class IntegerMapInstruction final : public RowInstruction {
 public:
  // `from` is the type of the operands, `to` that of the result. The first access and view are
  // those of the result; all views have its extents. There are at most two operands.
  IntegerMapInstruction(OpCode code, ElementType from, ElementType to, std::vector<Access> accesses,
                        const std::vector<StridedView>& views);

  void Run(float* const* memory) const override;

 private:
  const OpCode code_;
  const ElementType from_;
  const ElementType to_;
  std::vector<LoopAxis<3>> axes_;
  LoopAxis<3> inner_;
};

// Converts between the floats that states, inputs and outputs are exchanged as and the elements of
// another type. `is_inward`: floats become elements, which must be whole numbers; else elements
// become floats, NaN if a float cannot hold them.
class ExchangeInstruction final : public RowInstruction {
 public:
  ExchangeInstruction(ElementType type, bool is_inward, Access result, Access operand,
                      int64_t size);

  void Run(float* const* memory) const override;

 private:
  const ElementType type_;
  const bool is_inward_;
  const int64_t size_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_INTEGER_MAP_INSTRUCTION_H_
