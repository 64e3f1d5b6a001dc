// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_READ_PROGRAM_H_
#define RNNSERVE_CORE_PROGRAM_READ_PROGRAM_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/program/program.h"

namespace rnnserve {

// Reads the text form of a program (PROGRAMS.md), infers the type and shape of every value and
// checks everything that does not need the weights. Allocates nothing that the text does not hold
// itself. `path` names the program in error texts: "layer 'vad'".
//
// Errors, which name the operation by its number and result, the operands and their shapes:
//   UNIMPLEMENTED, reason PROGRAM_UNSUPPORTED: operations are not known; the text names all of them
//   FAILED_PRECONDITION, reason PROGRAM_VERSION: it was written for another version of the form
//   INVALID_ARGUMENT, reason PROGRAM_INVALID: anything else that is wrong
//   INVALID_ARGUMENT, reason MODEL_TOO_LARGE: one of the limits of limits.h is exceeded
absl::StatusOr<Program> ReadProgram(const nlohmann::json& text, absl::string_view path);

// Returns the text form, which ReadProgram reads back as an equal program; only the order of values,
// weights and literals may differ. REQUIRES: CheckProgram accepts the program.
nlohmann::json WriteProgram(const Program& program);

// Sets the type and shape of the results of `operation` from those of its operands. For code that
// builds a program operation by operation. Errors: as ReadProgram; the text says what is wrong with
// the operation, but not where it is.
absl::Status InferResults(Program& program, const Program::Operation& operation);

// Checks a program that was not read: the order of its operations, types, shapes, names and limits.
// Errors: as ReadProgram.
absl::Status CheckProgram(const Program& program, absl::string_view path);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_READ_PROGRAM_H_
