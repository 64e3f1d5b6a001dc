// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REQUEST_LIMITS_H_
#define RNNSERVE_SERVER_REQUEST_LIMITS_H_

#include <grpcpp/server_context.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/engine/calls.h"
#include "rnnserve/v1/session.pb.h"

namespace rnnserve::server {

// Returns the deadline of a call on the server's clock; infinite if the client set none.
absl::Time DeadlineOf(const grpc::ServerContextBase& context, const Clock& clock);

// Returns the limits with a deadline at most `timeout_ms` milliseconds from now. 0 changes nothing.
// Error: INVALID_ARGUMENT (TIMEOUT) if it is negative.
absl::StatusOr<CallLimits> WithTimeout(CallLimits limits, int64_t timeout_ms, const Clock& clock);

// Converts a priority. Error: INVALID_ARGUMENT (PRIORITY) if it is not a value of the enumeration.
absl::StatusOr<Priority> DecodePriority(v1::Priority priority);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REQUEST_LIMITS_H_
