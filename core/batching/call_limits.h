// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_CALL_LIMITS_H_
#define RNNSERVE_CORE_BATCHING_CALL_LIMITS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/cancellation.h"

namespace rnnserve {

// When a call is no longer worth computing. Work that has not begun by then is dropped without any
// effect, with DEADLINE_EXCEEDED or CANCELLED; work that has begun is finished.
struct CallLimits {
  absl::Time deadline = absl::InfiniteFuture();  // on the engine's clock
  std::shared_ptr<Cancellation> cancellation;    // null: cannot be cancelled
};

// Returns OK if work that begins now and takes about `needed` is still wanted. Errors, both with
// reason NOT_EXECUTED: CANCELLED if the call was cancelled; DEADLINE_EXCEEDED if the work cannot be
// done by the deadline.
absl::Status CheckStillWanted(const CallLimits& limits, absl::Time now,
                              absl::Duration needed = absl::ZeroDuration());

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_CALL_LIMITS_H_
