// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_SEQUENCE_COMPARISON_H_
#define RNNSERVE_CORE_IMPORT_ONNX_SEQUENCE_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/onnx/step_import.h"
#include "core/program/program_interpreter.h"

namespace rnnserve {

// Tools to compare what is served with the whole graph, on random sequences.

// A tensor of the whole graph, seen as timesteps. A value type.
struct TimeView {
  int64_t outer = 1;
  int64_t time = 1;
  int64_t inner = 1;

  // Without an axis (-1) the tensor is one timestep.
  TimeView(const Shape& shape, int axis);

  // Returns the values of timestep t. Without a time axis, all of them.
  std::vector<float> Timestep(const std::vector<float>& values, int64_t t) const;
};

// UNIMPLEMENTED, reason ONNX_TIME.
absl::Status TimeError(absl::string_view text);

// Returns the axis that is as long as the sequence in one program and 1 in the other; -1 if there
// is none. Errors: TimeError, if the shapes differ in another way.
absl::StatusOr<int> TimeAxisOf(const std::string& output, const Shape& whole, const Shape& step);

absl::StatusOr<ProgramInterpreter> InterpreterOf(const ProgramBuilder::Result& built);

// Returns random values for the inputs of the whole graph, for sequences of that length. Whole
// numbers of a row are at most that: they may be lengths.
std::vector<std::vector<float>> RandomInputs(const std::vector<SequencePrograms::Input>& inputs,
                                             int64_t length, uint32_t seed);

// Errors: TimeError, if a value at timestep t differs by more than rounding.
absl::Status CompareTimestep(const std::string& output, int64_t t,
                             const std::vector<float>& expected, const std::vector<float>& found);

// Returns the lengths of the sequences that are compared: two that differ from 1 and from each
// other, and `fixed_time`, if it is neither 0 nor long.
std::vector<int64_t> ComparedLengths(int64_t fixed_time);
// Random sequences of each length.
constexpr uint32_t kComparedSequences = 3;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_SEQUENCE_COMPARISON_H_
