// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/call_limits.h"

#include <grpc/support/time.h>

namespace rnnserve::server {

absl::Time DeadlineOf(const grpc::ServerContextBase& context, const Clock& clock) {
  const gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return absl::InfiniteFuture();
  }
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return clock.Now() + absl::Seconds(left.tv_sec) + absl::Nanoseconds(left.tv_nsec);
}

}  // namespace rnnserve::server
