// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_PROGRAM_COMPILED_RUN_H_
#define RNNSERVE_TESTS_CORE_PROGRAM_COMPILED_RUN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/base/team.h"
#include "core/program/compiled_program.h"
#include "core/program/program.h"
#include "core/program/program_interpreter.h"
#include "tests/support/column_batch.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {

using Row = ProgramInterpreter::Row;
using Result = ProgramInterpreter::Result;

// Reads a program, which must be valid.
Program ReadOrDie(const std::string& text);

// Returns random weights for a program.
WeightMap RandomWeights(const Program& program, unsigned seed);

// Returns random values for one row: whole numbers for integers, 0 or 1 for truth values.
Row RandomRow(const Program& program, unsigned seed);

// One step of a batch of a compiled program with memory of its own, whose padding is NaN. Used by
// one thread at a time: the test's.
class CompiledRun {
 public:
  // REQUIRES: there is at least one row.
  CompiledRun(const CompiledProgram& program, const std::vector<Row>& rows);

  // Runs Prepare, then Project for all rows at once if `projects`, then Step.
  void Run(bool projects, Team* team = nullptr);
  Result result(size_t row) const;

 private:
  const CompiledProgram& program_;
  const int64_t batch_;
  std::vector<ColumnBatch> inputs_, states_, constants_, outputs_, next_states_;
  ColumnBatch prepared_;
  ColumnBatch projection_;
  std::vector<ConstColumns> input_columns_, state_columns_, constant_columns_;
  std::vector<Columns> output_columns_, next_columns_;
  AlignedBuffer scratch_;
};

// Expects that a compiled program agrees with the interpreter for these rows, and that the result of a row does not depend on its batch or on a projection, to the bit. Values agree if they
// differ by `tolerance` of the largest value of the same result (at least 1, the order of the
// arguments), or if both are NaN or the same
// infinity.
void ExpectAgrees(const Program& program, WeightMap& weights, const std::vector<Row>& rows,
                  double tolerance = 1e-5);

// Returns whether all values have the same bits, NaN included.
bool SameBits(const Result& a, const Result& b);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_PROGRAM_COMPILED_RUN_H_
