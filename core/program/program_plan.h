// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PROGRAM_PLAN_H_
#define RNNSERVE_CORE_PROGRAM_PROGRAM_PLAN_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/kernels/matrix.h"
#include "core/program/row_instruction.h"

namespace rnnserve {

// When a part of a program runs: see CompiledProgram. The parts on weights alone are not in a plan.
enum class Phase { kPrepare, kProject, kStep };
constexpr size_t kNumPhases = 3;

// A memory that the places of a plan are relative to: base address and distance from the values of
// one batch row to those of the next.
struct PlanBase {
  enum class Kind {
    kFixed,  // constants, the same for every row
    kArena,  // values that nothing outside their stage reads; for the rows that run at once
    kInput,  // `index` counts the arguments of that kind
    kState,
    kConstant,
    kOutput,
    kNextState,
    kPrepared,
    kProjection,
    kBatch,  // values of all rows that several stages read; see `first` and `row_size`
  };
  Kind kind = Kind::kFixed;
  size_t index = 0;
  // The floats of the batch memory, for each row of the batch, that are before these values, and
  // those that the values take.
  int64_t first = 0;
  int64_t row_size = 0;
};

// A product of constant weights, for all rows: y := start + W x. Each row has the same number of
// columns; the offsets of each of them are relative to the place of the access.
struct PlannedProduct {
  std::shared_ptr<const Matrix> weights;
  RowInstruction::Access x;
  RowInstruction::Access y;
  RowInstruction::Access start;
  std::vector<int32_t> x_offsets;
  std::vector<int32_t> y_offsets;
  std::vector<int32_t> start_offsets;
};

// First the products of all rows, one after the other, then the instructions: all of them for the
// first `rows_at_once` rows, then for the next ones.
struct PlannedStage {
  std::vector<PlannedProduct> products;
  std::vector<std::unique_ptr<RowInstruction>> instructions;
};

// A compiled program: what each phase does, and how large its memories are. Immutable after
// planning; safe to share.
struct ProgramPlan {
  std::array<std::vector<PlannedStage>, kNumPhases> phases;
  std::vector<PlanBase> bases;
  AlignedBuffer fixed;
  int64_t arena_size = 0;      // of one row
  int64_t rows_at_once = 1;    // rows that an instruction computes before the next one runs
  int64_t batch_row_size = 0;  // floats of the batch memory for each row
  int64_t prepared_rows = 0;
  int64_t projection_rows = 0;
  int64_t matrix_bytes = 0;
  int64_t shareable_bytes = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PROGRAM_PLAN_H_
