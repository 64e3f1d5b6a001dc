// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_INFER_VALUES_H_
#define RNNSERVE_CORE_PROGRAM_INFER_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/program/program.h"

namespace rnnserve {

// How the types and shapes of results follow from those of operands. Internal to this folder; the
// interface is InferResults in read_program.h.

// The operands of one operation.
using OperandValues = absl::Span<const Program::Value* const>;

// Returns the types and shapes of the results, without names. Checks the operands, the attributes
// and the limits of a value. Errors: as InferResults.
absl::StatusOr<std::vector<Program::Value>> InferValues(const Program& program,
                                                        const Program::Operation& operation);

// Parts of InferValues. REQUIRES: there are as many operands, and of such types, as the traits of
// the operation say.
absl::StatusOr<Shape> InferMove(OpCode code, const Attributes& attributes, OperandValues operands);
absl::StatusOr<Shape> InferWindow(OpCode code, const Attributes& attributes,
                                  OperandValues operands);

// Returns an INVALID_ARGUMENT error, reason PROGRAM_INVALID.
absl::Status InvalidProgram(absl::string_view text);
// Returns an INVALID_ARGUMENT error, reason MODEL_TOO_LARGE.
absl::Status TooLarge(absl::string_view text);

// Checks the rank, the extents and the number of elements. Errors: PROGRAM_INVALID for an extent
// below 1, MODEL_TOO_LARGE for the rest; the text begins with `what`.
absl::Status CheckShape(const Shape& shape, int64_t elements_max, absl::string_view what);

// Checks that `axis` is an axis of `shape`.
absl::Status CheckAxis(int64_t axis, const Shape& shape);

// Returns the shape of an elementwise operation on both; nullopt if they do not broadcast.
std::optional<Shape> BroadcastShape(const Shape& a, const Shape& b);

// Returns, for example, "h float32 [3, 4]".
std::string DescribeValue(const Program::Value& value);
// Returns, for example, "t3 = add(x float32 [3], w float32 [4])". Leaves out what is not known, and
// the end of a long list.
std::string DescribeOperation(const Program& program, const Program::Operation& operation);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_INFER_VALUES_H_
