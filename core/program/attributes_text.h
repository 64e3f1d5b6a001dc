// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_ATTRIBUTES_TEXT_H_
#define RNNSERVE_CORE_PROGRAM_ATTRIBUTES_TEXT_H_

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/program/operation.h"
#include "core/program/text_fields.h"

namespace rnnserve {

// The attributes of operations in the text of a program. Internal to this folder.

// Returns the keys of the attributes of an operation.
std::vector<absl::string_view> AttributeKeys(OpCode code);

// Reads the attributes of an operation. The lists of a window that are left out get one entry for
// each of `spatial_axes`. Errors: INVALID_ARGUMENT, reason PROGRAM_INVALID.
absl::StatusOr<Attributes> ReadAttributes(OpCode code, const TextFields& fields,
                                          size_t spatial_axes);

// Adds the attributes of an operation to its text.
void WriteAttributes(OpCode code, const Attributes& attributes, nlohmann::json& text);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_ATTRIBUTES_TEXT_H_
