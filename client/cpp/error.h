// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_ERROR_H_
#define RNNSERVE_CLIENT_CPP_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rnnserve::client {

// The machine reason of a failed call, for example "SESSION_EXPIRED"; empty if `status` carries no
// google.rpc.ErrorInfo of rnnserve (then it comes from gRPC itself, or from this library).
//
//   if (ErrorReason(reply.status()) == "SESSION_EXPIRED") OpenAgain();
std::string ErrorReason(const absl::Status& status);

// A number that the server gives with the reason, for example "expected_index" of STEP_GAP.
std::optional<uint64_t> ErrorNumber(const absl::Status& status, const std::string& name);

// How long the server asks to wait before the call is made again, if it says so.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_ERROR_H_
