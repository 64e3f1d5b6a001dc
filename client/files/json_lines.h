// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_JSON_LINES_H_
#define RNNSERVE_CLIENT_FILES_JSON_LINES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/tensor.h"
#include "client/files/rows.h"

// One sequence per line, as JSON.
//
//   [[1.5, -0.25], [1.75, 0]]                        an array of timesteps
//   {"label": 3, "frames": [[1.5, -0.25], ...]}      or an object that has one as "frames"
//   [7, 7, 0, 9]                                     token ids, or a single feature
namespace rnnserve::client {

// Reads one sequence from each line. INVALID_ARGUMENT, with the line, if a line is not such JSON or
// does not fit `kind`.
absl::StatusOr<std::vector<Tensor>> ParseJsonLines(absl::string_view text, const InputKind& kind);

// Formats each of `outputs` as a line: {"sequence":0,"output":[...]}. Numbers that are not finite
// become null, because JSON cannot express them.
std::string FormatJsonLines(const std::vector<Tensor>& outputs);
// Does the same for a model with several outputs, each line with those of one sequence:
// {"sequence":0,"outputs":{"name":[...],...}}.
std::string FormatJsonLines(const std::vector<std::vector<NamedTensor>>& outputs);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_JSON_LINES_H_
