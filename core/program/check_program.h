// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_CHECK_PROGRAM_H_
#define RNNSERVE_CORE_PROGRAM_CHECK_PROGRAM_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/program/program.h"

namespace rnnserve {

// Parts of the checks of a program. Internal to this folder; the interface is CheckProgram in
// read_program.h.

// Checks a program as CheckProgram does. The first `num_added` operations are not in the text, so
// the numbers in error texts are that much smaller. The texts do not name the program.
absl::Status CheckProgramText(const Program& program, size_t num_added);

// Checks the number of inputs, states, and so on. Errors: MODEL_TOO_LARGE; PROGRAM_INVALID if there
// are no inputs or no outputs.
absl::Status CheckCount(absl::string_view what, size_t count, int64_t least, int64_t most);

// Checks the length of a name. Errors: PROGRAM_INVALID.
absl::Status CheckName(absl::string_view what, absl::string_view name);

// Returns where an operation is, for error texts: "operations[3], t3 = add(...)". `number` counts
// the operations of the program, including those that are not in the text.
std::string PlaceOf(const Program& program, size_t number, size_t num_added);

// Names in error texts are cut off here.
constexpr size_t kProgramNameShown = 64;

// The names of values that have none in the text begin with it: "%0" is a number among the operands.
constexpr char kAnonymousPrefix = '%';

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_CHECK_PROGRAM_H_
