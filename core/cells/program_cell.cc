// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/program_cell.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

absl::Status CheckEnds(const KerasConfig& config, const ProgramConfig& read,
                       const Shape& input_shape) {
  const Program& program = read.program;
  if (program.inputs.size() != 1 || program.outputs.size() != 1) {
    return config.Error(absl::StrCat("the program of a cell has one input and one output, found ",
                                     program.inputs.size(), " and ", program.outputs.size(),
                                     "; a Program layer can have several"));
  }
  const Shape& expected = read.shape(program.inputs.front());
  if (expected != input_shape) {
    return config.Error(absl::StrCat("the input '", read.name(program.inputs.front()),
                                     "' of the program is ", expected.ToString(),
                                     ", but a timestep of the layer is ", input_shape.ToString()));
  }
  if (read.shape(program.outputs.front().value).rank() == 0) {
    return config.Error(absl::StrCat("the output '", program.outputs.front().name,
                                     "' of the program is a single number without an axis; ",
                                     "reshape it to [1]"));
  }
  return absl::OkStatus();
}

CellSignature SignatureOf(const ProgramConfig& read) {
  CellSignature signature{.input = read.shape(read.program.inputs.front()),
                          .output = read.shape(read.program.outputs.front().value),
                          .states = read.states(),
                          .constants = {}};
  for (const Program::ValueId constant : read.program.constants) {
    signature.constants.push_back(read.shape(constant));
  }
  return signature;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cell>> ProgramCell::Create(const CellRegistry& /*registry*/,
                                                          const KerasConfig& config,
                                                          const Shape& input_shape,
                                                          WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(ProgramConfig read, ProgramConfig::Read(config));
  RNNSERVE_RETURN_IF_ERROR(CheckEnds(config, read, input_shape));
  CellSignature signature = SignatureOf(read);
  RNNSERVE_ASSIGN_OR_RETURN(SlicedProgram program,
                            SlicedProgram::Create(std::move(read.program), weights));
  return std::unique_ptr<Cell>(
      new ProgramCell(std::move(signature), read.no_training_reason(), std::move(program)));
}

ProgramCell::ProgramCell(CellSignature signature, std::string no_training_reason,
                         SlicedProgram program)
    : Cell(std::move(signature)),
      no_training_reason_(std::move(no_training_reason)),
      program_(std::move(program)) {}

void ProgramCell::InitialState(int state_index, absl::Span<float> value) const {
  const auto initial = program_.compiled().initial_state(static_cast<size_t>(state_index));
  std::copy(initial.begin(), initial.end(), value.begin());
}

void ProgramCell::Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
                          float* scratch) const {
  program_.Prepare(constants, prepared, scratch);
}

int64_t ProgramCell::projection_scratch_size(int64_t columns) const {
  return projection_rows() == 0 ? 0 : program_.scratch_size(columns);
}

void ProgramCell::Project(const CellProjection& project) const {
  program_.Project({&project.x, 1}, project.constants, project.prepared, project.projection,
                   project.scratch);
}

void ProgramCell::Step(const CellStep& step) const {
  program_.Step({.inputs = {&step.x, 1},
                 .states = step.state,
                 .constants = step.constants,
                 .prepared = step.prepared,
                 .projection = step.projection,
                 .outputs = {&step.y, 1},
                 .next_states = step.next_state,
                 .scratch = step.scratch,
                 .team = step.team});
}

}  // namespace rnnserve
