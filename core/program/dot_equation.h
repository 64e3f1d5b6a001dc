// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_DOT_EQUATION_H_
#define RNNSERVE_CORE_PROGRAM_DOT_EQUATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// The equation of kDot, taken apart: "ab,bc->ac". A letter names an axis. A letter of both operands
// that is not in the result is summed over. A value type.
struct DotEquation {
  std::string a;       // one letter for each axis of the first operand
  std::string b;       // and of the second
  std::string result;  // and of the result
  std::string summed;  // in the order of `a`; the last one is summed over first

  // Errors: INVALID_ARGUMENT, reason PROGRAM_INVALID, if the equation does not have two operands
  // and a result, repeats a letter, or has a letter that is in one operand alone, and not in the
  // result.
  static absl::StatusOr<DotEquation> Parse(absl::string_view equation);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_DOT_EQUATION_H_
