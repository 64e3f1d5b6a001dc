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

// The deadline of a call on the server's clock; infinite if the client set none.
absl::Time DeadlineOf(const grpc::ServerContextBase& context, const Clock& clock);

// The same limits with a deadline that is `timeout_ms` from now at most. 0: no such limit. Error:
// INVALID_ARGUMENT (TIMEOUT) if it is negative.
absl::StatusOr<CallLimits> WithTimeout(CallLimits limits, int64_t timeout_ms, const Clock& clock);

// Error: INVALID_ARGUMENT (PRIORITY) if it is none of the enumeration.
absl::StatusOr<Priority> DecodePriority(v1::Priority priority);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REQUEST_LIMITS_H_
