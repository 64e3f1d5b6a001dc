// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_PROGRAM_CELL_H_
#define RNNSERVE_CORE_CELLS_PROGRAM_CELL_H_

#include <memory>
#include <string>

#include "core/cells/cell_registry.h"
#include "core/cells/program_config.h"
#include "core/cells/sliced_program.h"

namespace rnnserve {

// A cell that is written down as a step program: any recurrence without a line of C++. It is
// registered as "rnnserve>ProgramCell", and works in everything that loops over a cell.
//
// The program has one input, one output with at least one axis, any number of states of any rank,
// and the constants that the layer around it is given. The states have the names that they have in
// the program. For the options see ProgramConfig. Owns the program. Immutable; safe to share.
class ProgramCell final : public Cell {
 public:
  // A CellRegistry::Factory. The weights have the names that they have in the program. Errors: those
  // of ProgramConfig::Read and CompiledProgram::Create; INVALID_ARGUMENT, reason MODEL_CONFIG, if
  // the program has several inputs or outputs, if its input does not have `input_shape`, or if its
  // output has no axis.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t num_parameters() const override { return program_.compiled().num_parameters(); }
  int64_t parameter_bytes() const override { return program_.compiled().parameter_bytes(); }
  int64_t shareable_bytes() const override { return program_.compiled().shareable_bytes(); }
  std::string no_training_reason() const override { return no_training_reason_; }
  int64_t scratch_size(int64_t batch) const override { return program_.scratch_size(batch); }
  void InitialState(int state_index, absl::Span<float> value) const override;
  int64_t prepared_rows() const override { return program_.compiled().prepared_rows(); }
  void Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
               float* scratch) const override;
  int64_t projection_rows() const override { return program_.projection_rows(); }
  int64_t projection_scratch_size(int64_t columns) const override;
  void Project(const CellProjection& project) const override;
  void Step(const CellStep& step) const override;

 private:
  ProgramCell(CellSignature signature, std::string no_training_reason, SlicedProgram program);

  const std::string no_training_reason_;
  const SlicedProgram program_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_PROGRAM_CELL_H_
