// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/sliced_program.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/status_macros.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

// The views of the same columns of several values, on the call stack.
template <typename T, int64_t kMax>
class Slices {
 public:
  absl::Span<const BasicColumns<T>> Of(absl::Span<const BasicColumns<T>> values, int64_t first,
                                       int64_t count) {
    for (size_t i = 0; i < values.size(); ++i) slices_[i] = values[i].Slice(first, count);
    return {slices_.data(), values.size()};
  }

 private:
  std::array<BasicColumns<T>, kMax> slices_;
};

// Returns columns of a value that may be absent.
ConstColumns SliceOf(const ConstColumns& value, int64_t first, int64_t count) {
  return value.data == nullptr ? value : value.Slice(first, count);
}

}  // namespace

absl::StatusOr<SlicedProgram> SlicedProgram::Create(Program program, WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(auto compiled, CompiledProgram::Create(std::move(program), weights));
  return SlicedProgram(std::move(compiled));
}

SlicedProgram::SlicedProgram(std::unique_ptr<const CompiledProgram> compiled)
    : compiled_(std::move(compiled)), slice_(kMaxColumns) {
  while (slice_ > 1 && compiled_->scratch_size(slice_) > kScratchFloats) slice_ /= 2;
  const int64_t rows = compiled_->projection_rows();
  projection_rows_ = rows <= kMaxProjectionRows ? rows : 0;
}

int64_t SlicedProgram::scratch_size(int64_t columns) const {
  return compiled_->scratch_size(std::min(columns, slice_));
}

void SlicedProgram::Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
                            float* scratch) const {
  Slices<const float, kProgramConstantsMax> constant_slices;
  for (int64_t first = 0; first < prepared.cols; first += slice_) {
    const int64_t count = std::min(slice_, prepared.cols - first);
    compiled_->Prepare(constant_slices.Of(constants, first, count), prepared.Slice(first, count),
                       scratch);
  }
}

void SlicedProgram::Project(absl::Span<const ConstColumns> inputs,
                            absl::Span<const ConstColumns> constants, ConstColumns prepared,
                            Columns projection, float* scratch) const {
  Slices<const float, kProgramInputsMax> input_slices;
  Slices<const float, kProgramConstantsMax> constant_slices;
  for (int64_t first = 0; first < projection.cols; first += slice_) {
    const int64_t count = std::min(slice_, projection.cols - first);
    compiled_->Project(input_slices.Of(inputs, first, count),
                       constant_slices.Of(constants, first, count), SliceOf(prepared, first, count),
                       projection.Slice(first, count), scratch);
  }
}

void SlicedProgram::Step(const CompiledProgram::Arguments& step) const {
  const int64_t columns = step.outputs.front().cols;
  if (columns <= slice_) {
    compiled_->Step(step);
    return;
  }
  Slices<const float, kProgramInputsMax> inputs;
  Slices<const float, kProgramStatesMax> states;
  Slices<const float, kProgramConstantsMax> constants;
  Slices<float, kProgramOutputsMax> outputs;
  Slices<float, kProgramStatesMax> next_states;
  CompiledProgram::Arguments slice = step;
  for (int64_t first = 0; first < columns; first += slice_) {
    const int64_t count = std::min(slice_, columns - first);
    slice.inputs = inputs.Of(step.inputs, first, count);
    slice.states = states.Of(step.states, first, count);
    slice.constants = constants.Of(step.constants, first, count);
    slice.prepared = SliceOf(step.prepared, first, count);
    slice.projection = SliceOf(step.projection, first, count);
    slice.outputs = outputs.Of(step.outputs, first, count);
    slice.next_states = next_states.Of(step.next_states, first, count);
    compiled_->Step(slice);
  }
}

}  // namespace rnnserve
