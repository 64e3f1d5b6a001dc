// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/request_limits.h"

#include <grpc/support/time.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve::server {

absl::Time DeadlineOf(const grpc::ServerContextBase& context, const Clock& clock) {
  const gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return absl::InfiniteFuture();
  }
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return clock.Now() + absl::Seconds(left.tv_sec) + absl::Nanoseconds(left.tv_nsec);
}

absl::StatusOr<CallLimits> WithTimeout(CallLimits limits, int64_t timeout_ms, const Clock& clock) {
  if (timeout_ms < 0) {
    return InvalidArgument("TIMEOUT", absl::StrCat("timeout_ms is ", timeout_ms, ", below 0"));
  }
  if (timeout_ms > 0) {
    limits.deadline = std::min(limits.deadline, clock.Now() + absl::Milliseconds(timeout_ms));
  }
  return limits;
}

absl::StatusOr<Priority> DecodePriority(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_UNSPECIFIED:
    case v1::PRIORITY_NORMAL:
      return Priority::kNormal;
    case v1::PRIORITY_LOW:
      return Priority::kLow;
    case v1::PRIORITY_HIGH:
      return Priority::kHigh;
    default:
      return InvalidArgument("PRIORITY", absl::StrCat("priority is ", static_cast<int>(priority),
                                                      ", but must be 0 to ", v1::Priority_MAX));
  }
}

}  // namespace rnnserve::server
