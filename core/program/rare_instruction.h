// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_RARE_INSTRUCTION_H_
#define RNNSERVE_CORE_PROGRAM_RARE_INSTRUCTION_H_

#include <cstdint>
#include <vector>

#include "core/program/program.h"
#include "core/program/row_instruction.h"

namespace rnnserve {

// An operation that is computed element by element, because it is too rare in recurrences to be
// worth more: moves with indices from the data, reductions of integers, sorting, pools, and
// transposed convolutions. All operands and results are dense.
class RareInstruction final : public RowInstruction {
 public:
  // The accesses are those of the results, the operands and, if workspace_size is not 0, the
  // workspace. `values` holds the type and shape of the results and the operands, in this order.
  RareInstruction(OpCode code, const Attributes& attributes, std::vector<Program::Value> values,
                  size_t num_results, std::vector<Access> accesses);

  static bool Knows(OpCode code);
  // Returns how many floats the operation needs besides its operands and results.
  static int64_t WorkspaceSize(OpCode code, const Shape& operand);

  void Run(float* const* memory) const override;

 private:
  const Shape& result_shape() const { return values_[0].shape; }
  const Program::Value& operand(size_t i) const { return values_[num_results_ + i]; }
  float* Result(float* const* memory, size_t i = 0) const { return At(memory, i); }
  const float* Operand(float* const* memory, size_t i) const {
    return At(memory, num_results_ + i);
  }

  void ReduceIntegers(float* const* memory) const;
  void FindExtreme(float* const* memory) const;
  void SumUp(float* const* memory) const;
  void Sort(float* const* memory) const;
  void Take(float* const* memory) const;
  void TakeAlong(float* const* memory) const;
  void ScatterAlong(float* const* memory) const;
  void ConvolveTransposed(float* const* memory) const;
  void Pool(float* const* memory) const;

  const OpCode code_;
  const Attributes attributes_;
  const std::vector<Program::Value> values_;
  const size_t num_results_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_RARE_INSTRUCTION_H_
