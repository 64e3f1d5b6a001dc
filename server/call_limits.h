// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_CALL_LIMITS_H_
#define RNNSERVE_SERVER_CALL_LIMITS_H_

#include <grpcpp/server_context.h>

#include "absl/time/time.h"
#include "core/base/clock.h"

namespace rnnserve::server {

// The deadline of a call on the server's clock; infinite if the client set none.
absl::Time DeadlineOf(const grpc::ServerContextBase& context, const Clock& clock);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_CALL_LIMITS_H_
