// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PROGRAM_INTERPRETER_H_
#define RNNSERVE_CORE_PROGRAM_PROGRAM_INTERPRETER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/weight_source.h"
#include "core/program/program.h"

namespace rnnserve {

// Runs a step program operation by operation for one row, in the plainest way. It is the reference
// that CompiledProgram is tested against, and it folds operations on weights and literals at load.
//
// Owns its weights. Immutable; safe to share. Run allocates.
class ProgramInterpreter {
 public:
  // The values of one row, each flattened row-major.
  struct Row {
    std::vector<std::vector<float>> inputs;
    std::vector<std::vector<float>> states;
    std::vector<std::vector<float>> constants;
  };
  struct Result {
    std::vector<std::vector<float>> outputs;
    std::vector<std::vector<float>> next_states;
  };

  // Errors: those of WeightSource and of CheckInitialState. REQUIRES: the program comes from
  // ReadProgram, or CheckProgram accepts it.
  static absl::StatusOr<ProgramInterpreter> Create(Program program, WeightSource& weights);

  const Program& program() const { return program_; }

  // REQUIRES: the row has the sizes that the program says.
  Result Run(const Row& row) const;

  // The elements of a value: 32 bits each, see ElementType.
  using Elements = std::vector<uint32_t>;
  // Computes the results of one operation from its operands, each as large as its value says.
  static std::vector<Elements> Compute(const Program& program, const Program::Operation& operation,
                                       absl::Span<const Elements* const> operands);

 private:
  ProgramInterpreter() = default;

  Program program_;
  std::vector<Elements> known_;  // of every value: of weights and literals the elements, else empty
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PROGRAM_INTERPRETER_H_
