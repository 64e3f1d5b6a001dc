// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_REDUCE_INSTRUCTION_H_
#define RNNSERVE_CORE_PROGRAM_REDUCE_INSTRUCTION_H_

#include <cstdint>
#include <vector>

#include "core/kernels/vector_reduce.h"
#include "core/program/loop.h"
#include "core/program/row_instruction.h"

namespace rnnserve {

// The loops of a reduction: views of the result, of an operand and, for a sum of products, of a
// second one. Along a reduced axis the result stands still.
struct ReduceLoops {
  static constexpr size_t kResult = 0;
  static constexpr size_t kFirst = 1;
  static constexpr size_t kSecond = 2;
  using Axis = LoopAxis<3>;

  std::vector<Axis> kept;
  std::vector<Axis> reduced;
};

// A reduction of floats, or a sum of products of two operands, over some of their axes. In the
// innermost loop a vector runs along a reduced axis whose elements follow each other in all
// operands, or along a kept axis of which that is true for the result and one operand, while the
// other one, if any, stands still. Elements are combined in ascending order of the reduced axes,
// except that the vector along a reduced axis has the order of kernels/vector_reduce.h.
class ReduceInstruction final : public RowInstruction {
 public:
  // A reduction has the accesses (result, operand), a sum of products (result, first, second).
  // REQUIRES: a sum of products reduces with kSum.
  ReduceInstruction(Reduction reduction, std::vector<Access> accesses, ReduceLoops loops);

  // Returns whether there is an axis for a vector. Without one the elements are combined one by one.
  static bool HasVector(const ReduceLoops& loops, size_t num_operands);

  void Run(float* const* memory) const override;

 private:
  void RunAlongReduced(float* const* memory) const;
  void RunAlongKept(float* const* memory) const;

  const Reduction reduction_;
  bool is_along_kept_ = false;
  bool is_swapped_ = false;  // the second operand is the one that the vector runs along
  ReduceLoops::Axis inner_;  // the axis of the vector
  // Along a kept axis: the reduced axis of the kernel. Else, for a sum of products along one axis:
  // the kept axis of the kernel.
  ReduceLoops::Axis rows_;
  ReduceLoops loops_;  // without these
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_REDUCE_INSTRUCTION_H_
