// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_COMPILED_PROGRAM_H_
#define RNNSERVE_CORE_PROGRAM_COMPILED_PROGRAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/team.h"
#include "core/keras/weight_source.h"
#include "core/kernels/columns.h"
#include "core/program/program.h"

namespace rnnserve {

// A step program with its weights, planned for fast execution. The work of a step is divided by
// what it depends on:
//
//   weights alone                computed once, by Create
//   constants and weights        computed by Prepare, once for all timesteps of a run
//   inputs, but no states        may be computed by Project, for many timesteps at once
//   the rest                     computed by Step
//
// Floats hold all inputs, outputs and states. An input of another type is converted, and must hold
// whole numbers. A state or output of type int32 that a float cannot hold exactly, because it is
// beyond 2^24, becomes NaN, so the step is refused and not committed.
//
// The result for a column is the same to the bit whatever the other columns hold, and whether
// inputs were projected or not. Denormals count as zeros if the caller says so
// (kernels/flush_denormals.h).
//
// Owns its weights. Immutable; safe to share. The functions after Create cannot fail and allocate
// nothing except the memory of an Operand for narrow weights.
class CompiledProgram {
 public:
  // The arguments of a step of a batch, one column for each row, values flattened row-major. Inputs
  // and results never overlap.
  struct Arguments {
    absl::Span<const ConstColumns> inputs;     // each [input size, batch]; not read if projected
    absl::Span<const ConstColumns> states;     // each [state size, batch]
    absl::Span<const ConstColumns> constants;  // each [constant size, batch]
    ConstColumns prepared;                     // from Prepare, [prepared_rows(), batch]
    ConstColumns projection;  // from Project, [projection_rows(), batch]; no data: not projected
    absl::Span<const Columns> outputs;      // each [output size, batch]
    absl::Span<const Columns> next_states;  // each [state size, batch]
    float* scratch = nullptr;               // scratch_size(batch) floats, aligned to 64 bytes
    Team* team = nullptr;                   // shares large products; null: the calling thread alone
  };

  // Plans `program` and reads its weights. Errors: those of WeightSource and of CheckInitialState;
  // INVALID_ARGUMENT, reason MODEL_CONFIG, if the program has more work or needs more memory than
  // limits.h allows. REQUIRES: the program comes from ReadProgram, or CheckProgram accepts it.
  static absl::StatusOr<std::unique_ptr<const CompiledProgram>> Create(Program program,
                                                                       WeightSource& weights);
  ~CompiledProgram();
  CompiledProgram(const CompiledProgram&) = delete;
  CompiledProgram& operator=(const CompiledProgram&) = delete;

  const Program& program() const;
  int64_t num_parameters() const;
  int64_t parameter_bytes() const;
  // See Cell::shareable_bytes.
  int64_t shareable_bytes() const;
  // Returns the initial value of a state, [size], for one row.
  absl::Span<const float> initial_state(size_t state) const;

  // Returns the scratch floats that any of the functions below needs for `batch` columns.
  int64_t scratch_size(int64_t batch) const;

  // Computes what depends on constants alone. `prepared` has prepared_rows() rows; none if the
  // program has no such part.
  int64_t prepared_rows() const;
  void Prepare(absl::Span<const ConstColumns> constants, Columns prepared, float* scratch) const;

  // Computes what depends on the inputs, but on no state, for any number of columns, which may be
  // timesteps of one row. `constants` and `prepared` have one column for each column of the inputs.
  // `projection` has projection_rows() rows; 0 if the program has no such part that is worth it.
  int64_t projection_rows() const;
  void Project(absl::Span<const ConstColumns> inputs, absl::Span<const ConstColumns> constants,
               ConstColumns prepared, Columns projection, float* scratch) const;

  void Step(const Arguments& step) const;

 private:
  struct Parts;
  explicit CompiledProgram(std::unique_ptr<const Parts> parts);

  const std::unique_ptr<const Parts> parts_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_COMPILED_PROGRAM_H_
