// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_ERROR_H_
#define RNNSERVE_CLIENT_CPP_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace rnnserve::client {

// Returns the machine-readable reason of a failed call, for example "SESSION_EXPIRED". Empty if
// `status` carries no google.rpc.ErrorInfo of rnnserve: then the error comes from gRPC itself or
// from this library.
//
//   if (ErrorReason(reply.status()) == "SESSION_EXPIRED") OpenAgain();
std::string ErrorReason(const absl::Status& status);

// Returns a number that the server sends with the reason, for example "expected_index" of STEP_GAP.
std::optional<uint64_t> ErrorNumber(const absl::Status& status, const std::string& name);

// Returns how long the server asks the client to wait before it retries, if the server says so.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

// Returns the same code and details with `text` as the message.
absl::Status WithText(const absl::Status& status, absl::string_view text);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_ERROR_H_
