// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_JSON_READER_H_
#define RNNSERVE_CORE_MODEL_JSON_READER_H_

#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// Parses untrusted JSON. It is stricter than the JSON standard: at most `bytes_max` bytes and
// kJsonDepthMax levels, no duplicate keys in an object, valid UTF-8, finite numbers. `what` names
// the document in error texts.
//
// Errors: INVALID_ARGUMENT, reason MODEL_TOO_LARGE for the length, else MODEL_FORMAT, with the byte
// or the key at fault.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text, int64_t bytes_max,
                                         absl::string_view what);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_JSON_READER_H_
