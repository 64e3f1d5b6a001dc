// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_DEADLINE_H_
#define RNNSERVE_CLIENT_CPP_DEADLINE_H_

#include "absl/time/time.h"
#include "grpc/support/time.h"

namespace rnnserve::client {

// Returns `timeout` in the form in which gRPC takes deadlines: as a duration that gRPC itself adds
// to its clock, so this function reads no clock.
inline gpr_timespec DeadlineAfter(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return gpr_time_from_millis(absl::ToInt64Milliseconds(timeout), GPR_TIMESPAN);
}

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_DEADLINE_H_
