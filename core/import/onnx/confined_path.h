// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_CONFINED_PATH_H_
#define RNNSERVE_CORE_IMPORT_ONNX_CONFINED_PATH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// Returns the path of a file that a model, or the options next to it, names relative to the
// folder of the model. Models come from anywhere, so they may read files below this folder alone.
//
// Errors: INVALID_ARGUMENT with the given reason, if `location` is empty, absolute or contains
// "..", or if a link on the way leads out of the folder. The text begins with `what`:
// "its external data".
absl::StatusOr<std::string> ConfinedPath(const std::string& folder, const std::string& location,
                                         absl::string_view reason, absl::string_view what);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_CONFINED_PATH_H_
